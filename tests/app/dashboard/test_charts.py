"""Charts: what is drawn is what was counted, and every chart says it in words."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from app.dashboard import charts

HISTOGRAM = {
    "scale": "sqrt",
    "edges": [0.0, 1.0, 4.0, 9.0, 16.0],
    "counts": [10, 4, 0, 2],
    "flagged": [0, 1, 0, 2],
}


def parsed(markup: Markup) -> ElementTree.Element:
    """Well-formed markup, without inline style or script."""
    tree = ElementTree.fromstring(str(markup))
    for element in tree.iter():
        assert "style" not in element.attrib
        assert element.tag != "script"
        assert not any(name.startswith("on") for name in element.attrib)
    return tree


def bars(tree: ElementTree.Element, kind: str) -> list[dict[str, float]]:
    names = ("x", "y", "width", "height")
    return [
        {name: float(rect.attrib[name]) for name in names}
        for rect in tree.iter("rect")
        if rect.attrib["class"] == kind
    ]


def draw(**changes: object) -> ElementTree.Element:
    return parsed(
        charts.histogram(
            HISTOGRAM | changes,
            cut=2.25,
            higher_is_suspicious=True,
            score_name="self-influence",
        )
    )


def test_bins_that_are_even_on_the_root_scale_are_drawn_even() -> None:
    tree = draw()
    lefts = [bar["x"] for bar in bars(tree, "rest")]
    assert lefts == [0.0, 160.0]
    assert {bar["width"] for bar in bars(tree, "rest") + bars(tree, "flagged")} == {158.0}


def test_heights_are_as_the_counts_and_flagged_stand_below_the_rest() -> None:
    tree = draw()
    tallest, second = bars(tree, "rest")
    mixed, last = bars(tree, "flagged")
    assert (second["height"] + mixed["height"]) / tallest["height"] == pytest.approx(0.4, abs=0.01)
    assert last["height"] == pytest.approx(2 * mixed["height"], abs=0.01)
    assert second["y"] + second["height"] == pytest.approx(mixed["y"], abs=0.02)


def test_the_cut_stands_at_its_place_on_the_scale() -> None:
    (line,) = [line for line in draw().iter("line") if line.attrib["class"] == "cut"]
    assert float(line.attrib["x1"]) == pytest.approx(640 * 1.5 / 4)


def test_the_words_tell_range_count_and_cut() -> None:
    words = draw().attrib["aria-label"]
    assert "16 examples" in words
    assert "3 are flagged" in words
    assert "above the cut at 2.25" in words


def test_one_example_among_millions_is_seen() -> None:
    tree = draw(counts=[9_000_000, 0, 0, 1], flagged=[0, 0, 0, 1])
    assert bars(tree, "flagged")[0]["height"] >= 2


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=30),
    st.floats(0, 1e12),
    st.sampled_from(["sqrt", "linear"]),
    st.none() | st.floats(-1e3, 1e12),
)
def test_any_distribution_stays_inside_its_frame(
    counted: list[tuple[int, int]], top: float, scale: str, cut: float | None
) -> None:
    n = len(counted)
    data = {
        "scale": scale,
        "edges": [top * i / n for i in range(n + 1)],
        "counts": [max(pair) for pair in counted],
        "flagged": [min(pair) for pair in counted],
    }
    tree = parsed(
        charts.histogram(data, cut=cut, higher_is_suspicious=False, score_name="mean margin")
    )
    for bar in bars(tree, "rest") + bars(tree, "flagged"):
        assert 0 <= bar["x"] <= 640
        assert bar["y"] >= 0
        assert bar["y"] + bar["height"] <= 220.02


def test_terms_are_drawn_for_each_checkpoint_and_a_missing_one_is_marked() -> None:
    tree = parsed(charts.terms_chart([10, 20, 30], [1.0, None, 4.0]))
    low, high = bars(tree, "term")
    assert high["height"] == pytest.approx(4 * low["height"], abs=0.05)
    assert "step 20 not finite" in tree.attrib["aria-label"]


def test_dots_are_links_with_names() -> None:
    dots = [charts.Dot(1.0, 3.0, "/a?b=1&c=2", "<key>"), charts.Dot(5.0, 5.0, "/d", "other")]
    tree = parsed(charts.scatter(dots, (0.0, 10.0)))
    links = list(tree.iter("a"))
    assert [link.attrib["href"] for link in links] == ["/a?b=1&c=2", "/d"]
    assert links[0].attrib["aria-label"] == "<key>: given 1.00, the model says 3.00"
    (agreeing,) = links[1].iter("circle")
    assert float(agreeing.attrib["cx"]) / 420 == pytest.approx(
        1 - float(agreeing.attrib["cy"]) / 300
    )


PAIRS = [
    {"given": "cat", "suggested": "dog", "count": 8},
    {"given": "dog", "suggested": "cat", "count": 1},
]


def test_each_pair_of_the_heat_map_links_to_its_examples() -> None:
    heat = charts.heat_map(PAIRS, ["cat", "dog", "owl"], lambda a, b: f"{a}-{b}")
    assert heat is not None
    cells = {(row, name): cell for row, found in heat.rows
             for name, cell in zip(heat.names, found, strict=True)}  # fmt: skip
    assert cells["cat", "dog"].url == "cat-dog"
    assert cells["cat", "dog"].words == "8 examples given cat, suggested dog"
    assert cells["cat", "dog"].level > cells["dog", "cat"].level > 0
    assert cells["owl", "cat"].url is None
    assert cells["owl", "owl"].is_same
    assert [pair.count for pair in heat.largest] == [8, 1]


def test_of_many_classes_those_with_the_most_pairs_are_drawn() -> None:
    classes = [f"class {i}" for i in range(1000)]
    pairs = [{"given": classes[i], "suggested": classes[i + 1], "count": i} for i in range(1, 900)]
    heat = charts.heat_map(pairs, classes, lambda a, b: f"{a}-{b}")
    assert heat is not None
    assert len(heat.rows) == len(heat.names) == 12
    assert heat.left_out == 988
    assert "class 899" in heat.names
    assert heat.largest[0].count == 899


def test_no_pairs_make_no_heat_map() -> None:
    assert charts.heat_map([], ["cat", "dog"], "{}-{}".format) is None


def test_classes_come_by_their_share_and_an_empty_one_is_told() -> None:
    rows = charts.class_rows(
        [
            {"label": "cat", "examples": 100, "flagged": 5},
            {"label": "owl", "examples": 0, "flagged": 0},
            {"label": "dog", "examples": 10, "flagged": 2},
        ],
        lambda name: f"/{name}",
    )
    assert [row.name for row in rows] == ["dog", "cat", "owl"]
    assert rows[-1].share == "no examples"
