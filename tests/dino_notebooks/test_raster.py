"""A drawing as PNG: decoded by Pillow, its pixels where the numbers say.

Run: pytest tests/dino_notebooks/test_raster.py
"""

import io

import matplotlib
import numpy as np
import pytest
from matplotlib.ft2font import FT2Font
from PIL import Image

from dino_notebooks.drawing import BLUE, VERMILION, Drawing
from dino_notebooks.meters.changes import SYMBOLS
from dino_notebooks.meters.panel import ICONS

BLUE_RGB, VERMILION_RGB = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def pixels(drawing: Drawing, scale: float = 2.0) -> np.ndarray:
    """The PNG, decoded: (height, width, 3) as int."""
    return np.asarray(Image.open(io.BytesIO(drawing.png(scale))).convert("RGB")).astype(int)


@pytest.mark.parametrize("scale", [1.0, 2.0, 2.5])
def test_size(scale: float) -> None:
    assert pixels(Drawing(40, 30, "t"), scale).shape == (30 * scale, 40 * scale, 3)


def test_an_empty_sheet_is_white() -> None:
    assert (pixels(Drawing(40, 30, "t")) == 255).all()


def test_a_line_has_ink_where_it_runs_and_nowhere_else() -> None:
    drawing = Drawing(40, 30, "t")
    drawing.line([(5, 10), (35, 10)], BLUE, 4)
    found = pixels(drawing)
    assert tuple(found[20, 40]) == BLUE_RGB
    assert tuple(found[20, 12]) == BLUE_RGB
    assert (found[:14] == 255).all()
    assert (found[26:] == 255).all()


def test_dashes_leave_gaps_of_the_right_length() -> None:
    """4 px drawn, 6 px not, from x = 0: drawn at 2, 12, 22, not at 7 and 17."""
    drawing = Drawing(40, 30, "t")
    drawing.line([(0, 10), (15, 10), (40, 10)], BLUE, 4, dash=(4, 6))
    row = pixels(drawing)[20]
    assert [tuple(row[2 * x]) == BLUE_RGB for x in (2, 7, 12, 17, 22)] == [True, False, True, False, True]


def test_an_area_is_filled() -> None:
    drawing = Drawing(40, 30, "t")
    drawing.rect(10, 10, 20, 10, BLUE)
    found = pixels(drawing)
    assert tuple(found[30, 40]) == BLUE_RGB
    assert tuple(found[30, 15]) == (255, 255, 255)


def test_what_is_half_transparent_mixes_with_what_lies_below() -> None:
    drawing = Drawing(40, 30, "t")
    drawing.rect(0, 0, 20, 30, VERMILION)
    drawing.rect(10, 5, 25, 20, BLUE, 0.5)
    found = pixels(drawing)
    mixed = (np.array(BLUE_RGB) + np.array(VERMILION_RGB)) / 2
    assert found[30, 30] == pytest.approx(mixed, abs=2)
    assert found[30, 60] == pytest.approx((np.array(BLUE_RGB) + 255) / 2, abs=2)
    assert tuple(found[30, 10]) == VERMILION_RGB
    assert tuple(found[30, 76]) == (255, 255, 255)


def test_a_pale_line_at_the_edge_of_the_sheet() -> None:
    drawing = Drawing(40, 30, "t")
    drawing.line([(0, 0), (0, 30)], BLUE, 4, opacity=0.5)
    assert pixels(drawing)[30, 1] == pytest.approx((np.array(BLUE_RGB) + 255) / 2, abs=2)


@pytest.mark.parametrize(("anchor", "left", "right"), [("start", 50, 100), ("middle", 25, 75), ("end", 0, 50)])
def test_words_are_anchored(anchor: str, left: float, right: float) -> None:
    drawing = Drawing(100, 30, "t")
    drawing.text(50, 20, "word", anchor, size=12)
    ink = np.flatnonzero((pixels(drawing) < 128).any(axis=(0, 2))) / 2
    assert len(ink)
    assert left - 1 <= ink.min() <= ink.max() <= right + 1
    assert ink.max() - ink.min() > 15


def test_a_picture_keeps_its_colours() -> None:
    file, drawing = io.BytesIO(), Drawing(40, 30, "t")
    Image.new("RGB", (4, 4), (10, 200, 30)).save(file, "png")
    drawing.picture(10, 10, 8, 8, file.getvalue())
    found = pixels(drawing)
    assert tuple(found[28, 28]) == (10, 200, 30)
    assert tuple(found[28, 40]) == (255, 255, 255)


def test_a_drawing_inside_is_moved_and_enlarged() -> None:
    inner, outer = Drawing(10, 10, "inner"), Drawing(60, 60, "outer")
    inner.rect(2, 2, 4, 4, BLUE)
    outer.place(20, 30, inner, 3.0)
    found = pixels(outer, 1.0)
    rows, columns = np.nonzero((found == BLUE_RGB).all(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (36, 47, 26, 37)


def test_the_font_has_every_letter() -> None:
    """A letter that it lacks would be a box."""
    wanted = "".join([*SYMBOLS.values(), *ICONS.values(), "▸▷·÷−=%+,…?"])
    letters = FT2Font(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf").get_charmap()
    assert [letter for letter in wanted if ord(letter) not in letters] == []
