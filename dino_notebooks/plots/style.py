"""How every figure looks: readable on white and on black, colours that the colour-blind can tell apart.

Figures are matplotlib's, made without pyplot: nothing global is read or changed. Grey ink on a transparent ground
can be read in both themes; a report replaces the two greys by its own ink (`inks` of dino_notebooks.report).
"""

import io
import warnings
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from dino_lite.evaluate import on_background

INK, RULE = "#767676", "#a3a3a3"  # of text: 4.5 to 1 on white, 4.2 on JupyterLab's black; of axes and guides
# Okabe and Ito's palette without its black and its yellow, which vanish in one of the themes; darkest first
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, "#808080")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))  # goes with the colour, so that neither is alone
WIDTH = 10.0  # inches, of a figure across the page
SIDE = 0.9  # of a picture in a cell of a sheet, which is 1 wide


class Plot(Figure):
    """A figure that knows in words what it shows (`finding`) and draws itself at the end of a cell."""

    finding: str = ""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        """The PNG for a notebook, sharp on high-resolution screens, with the finding as its alternative text."""
        width, height = self.get_size_inches() * 80
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # names of own pictures
            self.savefig(file, format="png", dpi=160)
        return file.getvalue(), {"width": round(width), "height": round(height), "alt": self.finding}


def new_plot(height: float, finding: str, width: float = WIDTH) -> Plot:
    """An empty transparent figure of width × height inches."""
    plot = Plot(figsize=(width, height), facecolor="none", layout="constrained")
    plot.finding = finding
    plot.suppressComposite = True  # as SVG every picture stays a picture of its own, in its own pixels
    return plot


def style_axes(ax: Axes, title: str) -> None:
    """Grey ink, no box, a left-hand title."""
    ax.set_facecolor("none")
    ax.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
    ax.tick_params(colors=INK, labelcolor=INK, color=RULE, labelsize=9)
    ax.xaxis.label.set(color=INK, fontsize=9)
    ax.yaxis.label.set(color=INK, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(RULE)


def write(ax: Axes, x: float, y: float, text: str, **look: Any) -> None:
    """Text at data coordinates, in ink; never read as mathematics (a file may be called `$100$.png`)."""
    ax.text(x, y, text, parse_math=False, **{"color": INK, "fontsize": 9, **look})


def pixels(images: Tensor) -> np.ndarray:
    """uint8 (N, 3 or 4, H, W) as RGB for drawing, (N, H, W, 3), alpha on white as in the evaluation."""
    white = on_background(images.cpu(), "white").mul(255).round().to(torch.uint8)
    return white.permute(0, 2, 3, 1).numpy()


def new_sheet(rows: int, heads: list[str], finding: str, caption: float = 0.0) -> tuple[Plot, Axes]:
    """A figure for rows of pictures under column heads, with room for a caption (in cells) under each picture.

    On its axes a cell is 1 wide and 1 + caption high; see `put`.
    """
    pitch, top = 1 + caption, 0.3
    width = min(WIDTH, 1.35 * len(heads))
    cell = width / (len(heads) - 1 + SIDE + 0.04)
    plot = new_plot((rows * pitch - (1 - SIDE) + 0.02 + top) * cell, finding, width)
    plot.set_layout_engine("none")
    ax = plot.add_axes((0, 0, 1, 1))
    margin = 0.02  # half of a frame
    ax.set(xlim=(-margin, len(heads) - 1 + SIDE + margin), ylim=(rows * pitch - (1 - SIDE) + margin, -top))
    ax.set_axis_off()
    ax.set_autoscale_on(False)
    for column, head in enumerate(heads):
        write(ax, column + SIDE / 2, -0.06, head, ha="center", va="bottom", fontweight="bold")
    return plot, ax


def put(ax: Axes, picture: np.ndarray, x: float, y: float, smooth: bool = False) -> None:
    """Draw a picture with its upper left corner at (x, y); `smooth` hides its pixels."""
    ax.imshow(picture, extent=(x, x + SIDE, y + SIDE, y), interpolation="bilinear" if smooth else "none")


def frame(ax: Axes, x: float, y: float, color: str, width: float = 2.5, dash: Any = "-") -> None:
    """A frame around the picture at (x, y)."""
    look = {"fill": False, "edgecolor": color, "linewidth": width, "linestyle": dash}
    ax.add_patch(Rectangle((x, y), SIDE, SIDE, joinstyle="round", **look))


def shortened(text: str, length: int = 16) -> str:
    """The text, cut with an ellipsis where a caption has no room for more."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
