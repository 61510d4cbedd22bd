from __future__ import annotations

from xml.etree import ElementTree

from app.dashboard.bound_chart import Moment, bound_chart
from app.estimates.words import at_most
from tests.app.dashboard.test_charts import parsed

COURSE = [
    Moment(0, 0, 0.0, 1.0),
    Moment(100, 30, 0.001, 0.08),
    Moment(200, 60, 0.001, 0.02),
]


def drawn(target: float = 0.01, course: list[Moment] = COURSE) -> ElementTree.Element:
    return parsed(bound_chart(course, target, at_most, last="now: at most 2 %"))


def spots(tree: ElementTree.Element, kind: str) -> list[tuple[float, ...]]:
    (shape,) = [each for each in tree.iter() if each.attrib.get("class") == kind]
    return [tuple(map(float, each.split(","))) for each in shape.attrib["points"].split()]


def test_the_bound_comes_in_where_it_crosses_the_top_and_ends_as_it_stands() -> None:
    # 4 % fits the last bound best; the bound falls to it between the second moment and the last.
    bound = spots(drawn(), "bound")
    crosses = 320 + 320 * (0.08 - 0.04) / 0.06
    assert bound == [(round(crosses, 2), 16.0), (640.0, 128.0)]
    assert spots(drawn(), "band")[:3] == [(0.0, 16.0), (320.0, 16.0), (640.0, 128.0)]


def test_what_is_wanted_stands_at_its_share() -> None:
    (line,) = [each for each in drawn().iter("line") if each.attrib["class"] == "target"]
    assert float(line.attrib["y1"]) == 240 - 224 * 0.01 / 0.04


def test_the_chart_says_in_words_what_it_shows() -> None:
    words = drawn().attrib["aria-label"]
    assert "between 0 % and 100 %" in words
    assert "at 200 with 60 audits between 0.1 % and 2 %" in words


def test_the_first_look_and_a_bound_of_all_are_drawn_too() -> None:
    assert spots(drawn(course=COURSE[:1]), "bound") == [(0.0, 16.0)]
    assert spots(drawn(target=0.9, course=COURSE), "bound")[-1][1] > 200
