"""The map without a kernel: one picture with a legend, and what it shows in words."""

import base64
import html
import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from dino_notebooks.explorer.colorings import GREY
from dino_notebooks.plots.embedding import thin
from dino_notebooks.plots.style import PALETTE

CANVAS = (1000, 680)  # px
PITCH, GAP, LINE = 25, 2, 2  # px, of the grid that pictures are drawn in, between two of them, and of a frame
QUALITY = 80  # of WebP


def still(places: np.ndarray, sheet: tuple[bytes, int, int], coloring: dict[str, Any], finding: str) -> str:
    """HTML with the pictures at their places (N, 2); frames as on the page. sheet: see `sprites.sheet`."""
    image, count = drawn(places, sheet, coloring)
    file = io.BytesIO()
    image.save(file, "webp", quality=QUALITY, method=2)
    words = html.escape(f"{finding} {count} of them are drawn, one in each place.")
    source = base64.b64encode(file.getvalue()).decode()
    marks = "".join(_mark(*entry) for entry in enumerate(zip(coloring["names"], coloring["colors"], strict=True)))
    style = f"width: 100%; max-width: {CANVAS[0]}px; display: block"
    picture = f'<img alt="{words}" src="data:image/webp;base64,{source}" style="{style}">'
    caption = f"<figcaption>{marks}<div>{words}</div></figcaption>"
    return f'<figure class="dino-explorer-still" style="margin: 0">{picture}{caption}</figure>'


def drawn(places: np.ndarray, sheet: tuple[bytes, int, int], coloring: dict[str, Any]) -> tuple[Image.Image, int]:
    """The map on a transparent ground, and how many pictures are on it: in each cell the one nearest its middle."""
    data, px, columns = sheet
    sprites = Image.open(io.BytesIO(data)).convert("RGBA")
    canvas, tile = Image.new("RGBA", CANVAS), PITCH - GAP
    pen = ImageDraw.Draw(canvas)
    rows, corners = thin(_on_canvas(places), PITCH)
    for row, (x, y) in zip(rows.tolist(), corners.tolist(), strict=True):
        left, top = row % columns * px, row // columns * px
        sprite = sprites.crop((left, top, left + px, top + px)).resize((tile - 2 * LINE,) * 2, Image.Resampling.BOX)
        group = coloring["values"][row]
        color = coloring["colors"][group] if group >= 0 else GREY
        pen.rectangle((x, y, x + tile - 1, y + tile - 1), fill="white", outline=color, width=LINE)
        if len(PALETTE) <= group < 2 * len(PALETTE):  # the same colours again: corners cut out
            for corner in ((x, y), (x + tile - 4, y), (x, y + tile - 4), (x + tile - 4, y + tile - 4)):
                pen.rectangle((*corner, corner[0] + 3, corner[1] + 3), fill=(0, 0, 0, 0))
        canvas.alpha_composite(sprite, (x + LINE, y + LINE))
    return canvas, len(rows)


def _on_canvas(places: np.ndarray) -> np.ndarray:
    """Places (N, 2) → px, within whole cells; a few strays would squeeze all others together."""
    low, high = np.percentile(places, [0.5, 99.5], axis=0)
    share = ((places - low) / np.maximum(high - low, 1e-9)).clip(0, 1)
    share[:, 1] = 1 - share[:, 1]  # up is up
    return share * (np.array(CANVAS) // PITCH * PITCH - 1)


def _mark(number: int, entry: tuple[str, str]) -> str:
    """One entry of the legend."""
    name, color = entry
    line = "dashed" if len(PALETTE) <= number < 2 * len(PALETTE) else "solid"
    square = "display: inline-block; width: 10px; height: 10px; margin-right: 5px"
    return (
        '<span style="display: inline-block; margin: 2px 12px 2px 0">'
        f'<span style="{square}; border: 2px {line} {color}"></span>{html.escape(name)}</span>'
    )
