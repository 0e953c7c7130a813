"""A `Drawing` as a PNG: the same marks through Pillow, on white."""

import io
import math
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dino_notebooks.drawing import INK, Drawing, Line, Placed, Point, Text

PAPER, PEN = (255, 255, 255), (34, 34, 34)
FINER = 2  # lines are drawn so many times larger and then shrunk, which smooths them
NEAREST = Image.Resampling.NEAREST
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(drawing: Drawing, scale: float) -> bytes:
    """PNG bytes, `scale` px for a px of the drawing."""
    sheet = Image.new("RGB", (round(drawing.width * scale * FINER), round(drawing.height * scale * FINER)), PAPER)
    _draw(drawing, sheet, (0.0, 0.0), scale * FINER)
    small = sheet.resize((round(drawing.width * scale), round(drawing.height * scale)), Image.Resampling.BOX)
    file = io.BytesIO()
    small.save(file, "png")
    return file.getvalue()


def _draw(drawing: Drawing, sheet: Image.Image, origin: Point, scale: float) -> None:
    """Draw the marks; origin: where the drawing begins on the sheet, in px of the sheet, as is what follows."""
    pen = ImageDraw.Draw(sheet)
    for mark in drawing.marks:
        if isinstance(mark, Line):
            _line(mark, sheet, [(origin[0] + x * scale, origin[1] + y * scale) for x, y in mark.points], scale)
            continue
        place = (origin[0] + mark.x * scale, origin[1] + mark.y * scale)
        if isinstance(mark, Placed):
            _draw(mark.drawing, sheet, place, scale * mark.scale)
        elif isinstance(mark, Text):
            font = _font(max(1, round(mark.size * scale)), mark.bold)
            pen.text(place, mark.words, _color(mark.color, mark.opacity), font, ANCHORS[mark.anchor])
        else:
            picture = Image.open(io.BytesIO(mark.png)).convert("RGBA")
            picture = picture.resize((max(1, round(mark.w * scale)), max(1, round(mark.h * scale))), NEAREST)
            sheet.paste(picture, (round(place[0]), round(place[1])), picture)


def _line(mark: Line, sheet: Image.Image, where: list[Point], scale: float) -> None:
    """A line or an area through points of the sheet; what is half transparent is mixed with what lies below."""
    color, width = _color(mark.color, 1.0), max(1, round(mark.width * scale))
    pieces = [where] if mark.fill else list(_dashes(where, [d * scale for d in mark.dash]))
    if mark.opacity >= 1:
        _pieces(ImageDraw.Draw(sheet), pieces, color, None if mark.fill else width)
        return
    # The mask is as large as the mark, not as the sheet: a sheet has dozens of such marks.
    left, top = (math.floor(min(side)) - width for side in zip(*where, strict=True))
    right, bottom = (math.ceil(max(side)) + width + 1 for side in zip(*where, strict=True))
    mask = Image.new("L", (right - left, bottom - top))
    moved = [[(x - left, y - top) for x, y in piece] for piece in pieces]
    _pieces(ImageDraw.Draw(mask), moved, round(255 * mark.opacity), None if mark.fill else width)
    sheet.paste(color, (left, top), mask)


def _pieces(
    pen: ImageDraw.ImageDraw, pieces: list[list[Point]], fill: int | tuple[int, int, int], width: int | None
) -> None:
    """Lines of a width, or areas."""
    for piece in pieces:
        if width is None:
            pen.polygon(piece, fill=fill)
        else:
            pen.line(piece, fill=fill, width=width, joint="curve" if len(piece) > 2 else None)


def _dashes(points: list[Point], dash: list[float]) -> Iterator[list[Point]]:
    """The pieces of a line that its dashes leave."""
    if not dash:
        yield points
        return
    piece, number, left = [points[0]], 0, dash[0]
    for start, end in pairwise(points):
        length, done = math.dist(start, end), 0.0
        while length - done > left:
            done += left
            turn = tuple(a + (b - a) * done / length for a, b in zip(start, end, strict=True))
            if number % 2 == 0:
                yield [*piece, (turn[0], turn[1])]
            piece, number = [(turn[0], turn[1])], number + 1
            left = dash[number % len(dash)]
        left -= length - done
        piece.append(end)
    if number % 2 == 0 and len(piece) > 1:
        yield piece


def _color(name: str, opacity: float) -> tuple[int, int, int]:
    red, green, blue = PEN if name == INK else tuple(int(name[i : i + 2], 16) for i in (1, 3, 5))
    mixed = [
        round(opacity * value + (1 - opacity) * white) for value, white in zip((red, green, blue), PAPER, strict=True)
    ]
    return mixed[0], mixed[1], mixed[2]


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along: it has the τ and the λ."""
    import matplotlib

    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' if bold else ''}.ttf")), size
    )
