"""The drawing of AttentionWidget: the mask's edge on the picture, the attention as a heat map, its colours' key."""

import io
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from dino_lite.evaluate import on_background
from dino_notebooks.drawing import BLUE, ORANGE, Drawing, Point
from dino_notebooks.plots.attention import heat
from dino_notebooks.widgets.live_figure import WIDTH

SHOWN, MARGIN = 298.0, 2.0  # px, the longer side of both panels, and room for half of a line around them
TOP = 24.0  # px, where they begin
PALE, DEEP = "#ffffff", "#10243a"  # below a line: it is then seen on every picture, in every theme
DASH = (7.0, 5.0)
FINEST = 96  # px, of a mask whose edge is drawn
KEY = 120.0  # px, the scale of the colours
VEIL = 0.45  # opacity, of the shade over what is not in the mask


@dataclass(frozen=True)
class Look:
    """What is drawn: the stills of a picture of (H, W) px, map (h, w), mask bool (h, w), true mask bool or None."""

    stills: tuple[Image.Image, bytes, bytes]  # in colour, and the PNGs of it and of its greys
    hw: tuple[int, int]
    map: Tensor
    mask: Tensor
    truth: Tensor | None


def stills(picture: Tensor) -> tuple[Image.Image, bytes, bytes]:
    """uint8 (3 or 4, H, W), on white, as the network sees it, in its own proportions; of the size of a panel."""
    pixels = on_background(picture[None])[0].mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    still = Image.fromarray(pixels.numpy())
    scale = SHOWN / max(still.size)
    still = still.resize((max(1, round(still.width * scale)), max(1, round(still.height * scale))))
    return still, _png(still), _png(still.convert("L"))


def draw_look(look: Look, strength: float, title: str, words: tuple[str, str]) -> Drawing:
    """Two panels of the picture; strength: opacity of the heat map; words: the names of the two edges."""
    scale = SHOWN / max(look.hw)
    h, w = (side * scale for side in look.hw)
    right = WIDTH - MARGIN - SHOWN
    drawing = Drawing(WIDTH, TOP + h + 48, title)
    drawing.text(0, 14, "the mask on the picture", size=12, bold=True)
    drawing.text(right - MARGIN, 14, "where [CLS] looks", size=12, bold=True)
    still, colour, grey = look.stills
    drawing.picture(MARGIN, TOP, w, h, colour)
    drawing.picture(MARGIN, TOP, w, h, _veil(look.mask, still.size))
    drawing.picture(right, TOP, w, h, grey)
    drawing.picture(right, TOP, w, h, _heat(look.map, still.size, strength))
    if look.truth is not None:
        edge(drawing, look.truth, (MARGIN, TOP, w, h), ORANGE, DEEP, DASH)
    for left in (MARGIN, right):
        edge(drawing, look.mask, (left, TOP, w, h), BLUE, PALE)
    _edges(drawing, TOP + h + 18, words)
    _scale(drawing, right - MARGIN, TOP + h + 10, look.map)
    return drawing


def edge(
    drawing: Drawing,
    mask: Tensor,
    box: tuple[float, float, float, float],
    color: str,
    below: str,
    dash: tuple[float, ...] = (),
) -> None:
    """The edge of a mask, stretched over a box (left, top, width, height in px): a line on a wider one."""
    left, top, width, height = box
    rows, columns = mask.shape
    for loop in outlines(_coarse(mask)):
        high, wide = min(rows, FINEST), min(columns, FINEST)
        where = [(left + x * width / wide, top + y * height / high) for x, y in loop]
        drawing.line(where, below, 4.2, opacity=0.75)
        drawing.line(where, color, 2.4, dash=dash)


def outlines(mask: Tensor) -> list[list[Point]]:
    """The edges of a bool mask (h, w) as closed loops of corners, in cells; the inside lies on the right of each.

    Cells that meet in a corner only get loops of their own.
    """
    inside = torch.nn.functional.pad(mask, (1, 1, 1, 1)).tolist()
    onward: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for y, x in mask.nonzero().tolist():
        sides = (
            (inside[y][x + 1], (x, y), (x + 1, y)),
            (inside[y + 1][x + 2], (x + 1, y), (x + 1, y + 1)),
            (inside[y + 2][x + 1], (x + 1, y + 1), (x, y + 1)),
            (inside[y + 1][x], (x, y + 1), (x, y)),
        )
        for covered, start, end in sides:
            if not covered:
                onward.setdefault(start, []).append(end)
    loops = []
    while onward:
        loops.append(_walk(onward, next(iter(onward))))
    return loops


def _walk(onward: dict[tuple[int, int], list[tuple[int, int]]], start: tuple[int, int]) -> list[Point]:
    """One loop from `start` back to it, taken out of `onward`; only its corners."""
    here, turn, loop = start, (0, 0), []
    while True:
        ends = onward[here]
        # clockwise first: at a corner where two cells touch, the loop stays with its own cell
        right = (here[0] - turn[1], here[1] + turn[0])
        end = ends.pop(ends.index(right) if right in ends else 0)
        if not ends:
            del onward[here]
        if (step := (end[0] - here[0], end[1] - here[1])) != turn:
            loop.append((float(here[0]), float(here[1])))
        here, turn = end, step
        if here == start:
            return [*loop, loop[0]]


def _coarse(mask: Tensor) -> Tensor:
    """A mask of at most FINEST cells a side."""
    rows, columns = (torch.arange(min(n, FINEST)) * n // min(n, FINEST) for n in mask.shape)
    return mask[rows][:, columns]


def _heat(map_: Tensor, size: tuple[int, int], strength: float) -> bytes:
    """The map in the colours of viridis, a patch a square, see-through by 1 - strength."""
    squares = Image.fromarray(heat(map_)).resize(size, Image.Resampling.NEAREST)
    squares.putalpha(round(255 * strength))
    return _png(squares)


def _veil(mask: Tensor, size: tuple[int, int]) -> bytes:
    """A shade over what is not in the mask, so that inside and outside are told apart."""
    alpha = Image.fromarray((~mask).to(torch.uint8).mul(round(255 * VEIL)).numpy())
    veil = Image.new("RGB", size, DEEP)
    veil.putalpha(alpha.resize(size, Image.Resampling.NEAREST))
    return _png(veil)


def _edges(drawing: Drawing, y: float, words: tuple[str, str]) -> None:
    """What the two lines mean."""
    drawing.line([(0, y - 4), (26, y - 4)], PALE, 4.2, opacity=0.75)
    drawing.line([(0, y - 4), (26, y - 4)], BLUE, 2.4)
    drawing.text(33, y, words[0], size=11.5)
    if words[1]:
        drawing.line([(0, y + 14), (26, y + 14)], DEEP, 4.2, opacity=0.75)
        drawing.line([(0, y + 14), (26, y + 14)], ORANGE, 2.4, dash=DASH)
        drawing.text(33, y + 18, words[1], size=11.5)


def _scale(drawing: Drawing, x: float, y: float, map_: Tensor) -> None:
    """Which colour is how much attention."""
    low, high = float(map_.min()), float(map_.max())
    drawing.text(x, y + 9, percent(low), size=11.5)
    bar = Image.fromarray(heat(torch.linspace(0, 1, round(KEY))[None])).resize((round(KEY), 10))
    drawing.picture(x + 48, y, KEY, 10, _png(bar))
    drawing.text(x + 48 + KEY + 6, y + 9, percent(high), size=11.5)
    drawing.text(x, y + 26, "of all attention, on one patch", size=11.5)


def percent(share: float) -> str:
    """A share to two digits: 0.30%, 2.1%, 12%, 100%."""
    value = 100 * share
    return f"{value:.0f}%" if value >= 9.95 or value == 0 else f"{value:.1f}%" if value >= 0.995 else f"{value:#.2g}%"


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "png", compress_level=4)
    return file.getvalue()
