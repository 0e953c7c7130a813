"""A drawing as SVG: its marks read back by an XML parser.

Run: pytest tests/dino_notebooks/test_drawing.py
"""

import base64

import pytest
from read_svg import NAMESPACE, parse, paths, words

from dino_notebooks.drawing import BLUE, INK, Drawing


def test_a_line_goes_through_its_points() -> None:
    drawing = Drawing(100, 50, "t")
    drawing.line([(0, 1), (10.04, 20), (30, 2)], BLUE, 2.5, dash=(4, 2))
    (path,) = paths(drawing)
    assert path.points == [(0, 1), (10, 20), (30, 2)]
    assert (path.stroke, path.dash, path.fill) == (BLUE, "4 2", None)


def test_an_area_is_filled_and_closed() -> None:
    drawing = Drawing(100, 50, "t")
    drawing.rect(10, 20, 30, 5, BLUE, 0.5)
    (path,) = paths(drawing)
    assert path.points == [(10, 20), (40, 20), (40, 25), (10, 25)]
    assert (path.stroke, path.fill, path.opacity) == (None, BLUE, 0.5)
    assert 'Z"' in drawing.svg()


@pytest.mark.parametrize("points", [[], [(1, 1)]])
def test_a_line_needs_two_points(points: list[tuple[float, float]]) -> None:
    drawing = Drawing(10, 10, "t")
    drawing.line(points)
    assert paths(drawing) == []


def test_ink_is_the_colour_of_the_page() -> None:
    """So that text can be read in both themes."""
    drawing = Drawing(10, 10, "t")
    drawing.line([(0, 0), (1, 1)], INK)
    drawing.text(1, 2, "word")
    assert [path.stroke for path in paths(drawing)] == ["currentColor"]
    assert [e.get("fill") for e in parse(drawing).findall(f"{NAMESPACE}text")] == ["currentColor"]


def test_words_stand_where_they_were_put() -> None:
    drawing = Drawing(10, 10, "t")
    drawing.text(3, 4.26, "right", "end", size=9, bold=True)
    (text,) = words(drawing)
    assert (text.words, text.x, text.y, text.anchor, text.size) == ("right", 3, 4.3, "end", 9)
    assert parse(drawing).findall(f"{NAMESPACE}text")[0].get("font-weight") == "600"


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><b>&amp;', "]]>", "a < b & c"])
def test_words_cannot_become_markup(hostile: str) -> None:
    drawing = Drawing(10, 10, hostile)
    drawing.text(0, 0, hostile)
    root = parse(drawing)
    assert [e.text for e in root] == [hostile, hostile]
    assert "<script" not in drawing.svg()


def test_a_screen_reader_gets_the_title() -> None:
    root = parse(Drawing(10, 10, "The loss falls."))
    assert root.get("role") == "img"
    assert root[0].tag == f"{NAMESPACE}title"
    assert root[0].text == "The loss falls."


def test_it_is_as_wide_as_its_place_but_not_wider_than_told() -> None:
    drawing = Drawing(200, 100, "t")
    assert parse(drawing).get("viewBox") == "0 0 200 100"
    assert "max-width: 200px" in drawing.svg()
    assert "max-width: 300px" in drawing.svg(grow=1.5)


def test_a_drawing_inside_is_moved_and_enlarged() -> None:
    inner, outer = Drawing(10, 10, "inner"), Drawing(100, 100, "outer")
    inner.text(1, 2, "word")
    outer.place(30, 40, inner, 2.0)
    outer.place(5, 6, inner)
    first, second = parse(outer).findall(f"{NAMESPACE}g")
    assert first.get("transform") == "translate(30 40) scale(2)"
    assert second.get("transform") == "translate(5 6)"
    assert [e.text for e in first] == ["word"]


def test_a_picture_is_carried_along() -> None:
    drawing = Drawing(10, 10, "t")
    drawing.picture(1, 2, 3, 4, b"bytes of a file")
    (image,) = parse(drawing).findall(f"{NAMESPACE}image")
    assert [image.get(name) for name in ("x", "y", "width", "height")] == ["1", "2", "3", "4"]
    kind, data = image.get("href", "").split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == b"bytes of a file"
