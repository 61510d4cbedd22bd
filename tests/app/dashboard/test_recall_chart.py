from __future__ import annotations

from app.dashboard.recall_chart import recall_chart
from tests.app.dashboard.test_charts import parsed

CURVE = [(0.0, 0.0), (0.25, 0.5), (0.64, 0.9), (1.0, 1.0)]


def test_the_curve_is_even_in_the_root_and_what_is_flagged_is_marked() -> None:
    tree = parsed(recall_chart(CURVE, at=(0.25, 0.5)))
    (line,) = [each for each in tree.iter() if each.attrib.get("class") == "caught"]
    spots = [tuple(map(float, each.split(","))) for each in line.attrib["points"].split()]
    assert spots == [(0.0, 220.0), (320.0, 118.0), (512.0, 36.4), (640.0, 16.0)]
    (dot,) = tree.iter("circle")
    assert (float(dot.attrib["cx"]), float(dot.attrib["cy"])) == (320.0, 118.0)


def test_it_says_in_words_what_it_shows() -> None:
    words = parsed(recall_chart(CURVE, at=(0.25, 0.5))).attrib["aria-label"].replace("\xa0", " ")
    assert "50 % in the 25 % that are flagged, 90 % in 64 %." in words
