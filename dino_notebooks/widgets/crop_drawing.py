"""The drawing of MultiCropWidget: boxes on the picture, tiles, and the table of pairs."""

from dataclasses import dataclass
from typing import Any

from dino_notebooks.drawing import BLUE, SKY, Drawing
from dino_notebooks.widgets.live_figure import WIDTH

SHOWN = 256  # px, the longer side of the picture
TILES, TOP = 284.0, 22.0  # px, where the tiles begin
GLOBAL, LOCAL, GAP = 116.0, 74.0, 10.0  # px, sides of the tiles, and between them
CELL = 26.0  # px, of a pair
# A number stands on a tag of its own, and a line between two of another shade: both are seen on every picture, in
# every theme.
PALE, DEEP = "#ffffff", "#10243a"
DASH = (6.0, 4.0)


@dataclass(frozen=True)
class Crop:
    """A crop: its number, whether it is global, top, left, height, width in px of the picture, and the PNG of it."""

    name: str
    is_global: bool
    box: tuple[Any, ...]
    png: bytes


def draw_crops(picture: bytes, hw: tuple[int, int], crops: list[Crop], title: str) -> Drawing:
    """The picture with its boxes on the left, the tiles on the right, the pairs below."""
    scale = SHOWN / max(hw)
    high = max(hw[0] * scale, GLOBAL + GAP + 2 * LOCAL + GAP + 12)
    below = TOP + high + 46
    drawing = Drawing(WIDTH, below + 2 * CELL + 24, title)
    drawing.text(0, 12, "where they were cut", size=12, bold=True)
    drawing.picture(0, TOP, hw[1] * scale, hw[0] * scale, picture)
    for crop in reversed(crops):  # the small ones below, so that the two global numbers stay readable
        top, left, h, w = (side * scale for side in crop.box)
        _frame(drawing, left, TOP + top, w, h, crop)
    for place, crop in enumerate(crops):
        top, left, h, w = (side * scale for side in crop.box)
        _tag(drawing, *_corner(left, TOP + top, w, h, place), crop)
    words = "solid: global, for teacher and student · dashed: local, for the student only"
    drawing.text(0, TOP + high + 12, words, size=11)
    drawing.text(TILES, 12, "what student and teacher see", size=12, bold=True)
    for place, crop in enumerate(crops):
        x, y, side = _tile(place)
        drawing.picture(x, y, side, side, crop.png)
        _frame(drawing, x, y, side, side, crop)
        _tag(drawing, x, y, crop)
    _pairs(drawing, below, crops)
    return drawing


def _tile(place: int) -> tuple[float, float, float]:
    """Left, top and side of a tile: two global ones above rows of four local ones."""
    if place < 2:
        return TILES + place * (GLOBAL + GAP), TOP, GLOBAL
    line, column = divmod(place - 2, 4)
    return TILES + column * (LOCAL + GAP), TOP + GLOBAL + GAP + line * (LOCAL + GAP), LOCAL


def _corner(x: float, y: float, w: float, h: float, place: int) -> tuple[float, float]:
    """Where the tag of a box goes: global 1 upper left, global 2 upper right, local ones lower left."""
    if place == 0:
        return x, y
    return (x + w - 16, y) if place == 1 else (x, y + h - 15)


def _frame(drawing: Drawing, x: float, y: float, w: float, h: float, crop: Crop) -> None:
    corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)]
    drawing.line(corners, PALE if crop.is_global else DEEP, 4.0, opacity=0.55)
    drawing.line(corners, BLUE if crop.is_global else SKY, 2.4, dash=() if crop.is_global else DASH)


def _tag(drawing: Drawing, x: float, y: float, crop: Crop) -> None:
    drawing.rect(x, y, 16, 15, BLUE if crop.is_global else SKY)
    words = PALE if crop.is_global else DEEP
    drawing.text(x + 8, y + 11.5, crop.name, "middle", size=11, bold=True, color=words)


def _pairs(drawing: Drawing, y: float, crops: list[Crop]) -> None:
    """Rows: what the teacher sees; columns: what the student sees. A square is a term, the same view is crossed out."""
    x = 92.0
    drawing.text(0, y - 12, "pairs in the loss", size=12, bold=True)
    for place, crop in enumerate(crops):
        drawing.text(x + (place + 0.5) * CELL, y + 11, crop.name, "middle", size=11)
    drawing.text(x + len(crops) * CELL + 8, y + 11, "← view of the student", size=11)
    for line in range(2):
        top = y + 17 + line * CELL
        drawing.text(x - 8, top + 17, f"teacher, view {line + 1}", "end", size=11)
        for place, crop in enumerate(crops):
            _pair(drawing, x + place * CELL, top, place == line, crop)
    words = f"2V − 2 = {2 * len(crops) - 2} terms"
    drawing.text(x + len(crops) * CELL + 8, y + 34, "■ a term · × the same view, left out", size=11)
    drawing.text(x + len(crops) * CELL + 8, y + 60, words, size=11, bold=True)


def _pair(drawing: Drawing, x: float, y: float, same: bool, crop: Crop) -> None:
    edge = [(x, y), (x + CELL, y), (x + CELL, y + CELL), (x, y + CELL), (x, y)]
    drawing.line(edge, width=0.8, opacity=0.5)
    if same:
        drawing.line([(x + 7, y + 7), (x + CELL - 7, y + CELL - 7)], width=2)
        drawing.line([(x + CELL - 7, y + 7), (x + 7, y + CELL - 7)], width=2)
    else:
        drawing.rect(x + 7, y + 7, CELL - 14, CELL - 14, BLUE if crop.is_global else SKY)
