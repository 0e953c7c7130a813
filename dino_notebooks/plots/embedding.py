"""A map of the embedding: similar pictures lie side by side, drawn as themselves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from dino_lite import Pictures
from dino_notebooks.plots.places import FEWEST, layout
from dino_notebooks.plots.style import PALETTE, WIDTH, Plot, new_plot, pixels, write

CANVAS = (1600, 1120)  # px, shown at about two thirds of this size
PITCHES = (32, 160)  # px from one picture to the next: few pictures are drawn large
BORDER, GAP = 2, 2  # px, of a frame and between frames
GROUPS = 2 * len(PALETTE)  # classes that frames can tell apart: each colour solid, then dashed


@dataclass(frozen=True)
class Map:
    """A map drawn as one picture: the RGBA canvas, the pictures on it and their corners, and its legend."""

    canvas: np.ndarray  # uint8 (height, width, 4)
    drawn: np.ndarray  # numbers of the pictures that are drawn, (M,)
    corners: np.ndarray  # left, top of each on the canvas in px, (M, 2)
    tile: int  # px, side of a picture with its frame
    legend: list[tuple[str, str, bool]]  # (class, colour, dashed)


def draw_map(places: np.ndarray, pictures: Pictures) -> Map:
    """The pictures at their places (N, 2), in a grid: of those that fall into one cell, the one nearest its middle."""
    if places.shape != (len(pictures), 2):
        raise ValueError(f"{len(pictures)} pictures need places ({len(pictures)}, 2), got {places.shape}.")
    pitch = int(np.clip(np.sqrt(CANVAS[0] * CANVAS[1] / (4 * len(places))), *PITCHES))
    drawn, corners = thin(_on_canvas(places, pitch), pitch)
    legend, colors, dashed = _frames(pictures)
    canvas, tile = np.zeros((CANVAS[1], CANVAS[0], 4), dtype=np.uint8), pitch - GAP
    for number, (x, y) in zip(drawn, corners, strict=True):
        picture = _tile(pictures.images[number], tile, colors[number], bool(dashed[number]))
        canvas[y : y + tile, x : x + tile] = picture
    return Map(canvas, drawn, corners, tile, legend)


def thin(points: np.ndarray, pitch: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) px → the one nearest the middle of each cell of a grid (M,), and these cells' corners (M, 2)."""
    cells = (points // pitch).astype(int)
    off = np.square(points - (cells + 0.5) * pitch).sum(axis=1)
    order = np.argsort(off, kind="stable")
    _, first = np.unique(cells[order], axis=0, return_index=True)
    drawn = np.sort(order[first])
    return drawn, cells[drawn] * pitch


def plot_umap(rows: Tensor, pictures: Pictures, seed: int = 0) -> Plot:
    """A UMAP of the features (N, D) of N pictures, with the pictures themselves drawn in.

    See in it: neighbours are what the network finds alike. Groups of one thing are a good sign, groups of one colour
    or outline are what it goes by before it knows better. Distances between far-off groups mean nothing.
    """
    if len(rows) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures need {len(pictures)} rows of features, got {len(rows)}.")
    method = "umap" if len(rows) >= FEWEST else "pca"
    drawn = draw_map(layout(rows, seed, method), pictures)
    swatches = legend_places([name for name, _, _ in drawn.legend])
    strip = 0.3 * (1 + max((row for _, row in swatches), default=-1))  # inches for the legend
    plot = new_plot(WIDTH * CANVAS[1] / CANVAS[0] + strip, finding(drawn, len(pictures), method))
    plot.set_layout_engine("none")
    share = strip / plot.get_figheight()
    ax = plot.add_axes((0, share, 1, 1 - share))
    ax.imshow(drawn.canvas, interpolation="antialiased", aspect="auto")
    ax.set_axis_off()
    if drawn.legend:
        below = plot.add_axes((0, 0, 1, share))
        below.set(xlim=(0, 1), ylim=(strip / 0.3, 0))
        below.set_axis_off()
    for (name, color, dashed), (x, row) in zip(drawn.legend, swatches, strict=True):
        look: dict[str, Any] = {"edgecolor": color, "linewidth": 2, "linestyle": (0, (2, 1)) if dashed else "-"}
        below.add_patch(Rectangle((x, row + 0.35), 0.012, 0.4, fill=False, **look))
        write(below, x + 0.018, row + 0.57, name, va="center")
    return plot


def legend_places(names: list[str]) -> list[tuple[float, int]]:
    """Where each name goes in a legend one page wide: (x from 0 to 1, row)."""
    x, row, found = 0.005, 0, []
    for name in names:
        width = 0.035 + 0.0072 * len(name)
        if x + width > 1 and x > 0.005:
            x, row = 0.005, row + 1
        found.append((x, row))
        x += width
    return found


def finding(drawn: Map, count: int, method: str) -> str:
    """The map in a sentence."""
    rest = ", one in each place" if len(drawn.drawn) < count else ""
    few = f" (fewer than {FEWEST} are too few for UMAP)" if method == "pca" else ""
    names = f" Frames show {len(drawn.legend)} classes, which it was not trained on." if drawn.legend else ""
    return (
        f"{method.upper()} of the embeddings of {count} pictures{few}, {len(drawn.drawn)} of them drawn{rest}.{names}"
    )


def _on_canvas(places: np.ndarray, pitch: int) -> np.ndarray:
    """Places in any units → px on the canvas, of which they fill all whole cells."""
    low, high = np.percentile(places, [0.5, 99.5], axis=0)  # a few strays would squeeze all others together
    share = ((places - low) / np.maximum(high - low, 1e-9)).clip(0, 1)
    share[:, 1] = 1 - share[:, 1]  # up is up
    return share * (np.array(CANVAS) // pitch * pitch - 1)


def _frames(pictures: Pictures) -> tuple[list[tuple[str, str, bool]], np.ndarray, np.ndarray]:
    """Legend, colour (N, 3) and dashes (N,) by class: grey where there are no classes, or too many to tell apart."""
    grey = np.full((len(pictures), 3), 150, dtype=np.uint8)
    names = pictures.label_names
    if pictures.labels is None or names is None or len(names) > GROUPS:
        return [], grey, np.zeros(len(pictures), dtype=bool)
    labels = pictures.labels.cpu().numpy()
    hexes = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    table = np.array([[int(h[i : i + 2], 16) for i in (1, 3, 5)] for h in hexes], dtype=np.uint8)
    colors = np.where(labels[:, None] >= 0, table[labels], grey).astype(np.uint8)
    legend = [(name, color, i >= len(PALETTE)) for i, (name, color) in enumerate(zip(names, hexes, strict=True))]
    return legend, colors, labels >= len(PALETTE)


def _tile(image: Tensor, size: int, color: np.ndarray, dashed: bool) -> np.ndarray:
    """A picture on a white square in a thin frame: uint8 (size, size, 4)."""
    tile = np.full((size, size, 4), 255, dtype=np.uint8)
    tile[..., :3] = color
    if dashed:
        gap = np.arange(size) // 5 % 2 == 1
        tile[gap[:, None] | gap[None, :]] = 255
    inner = size - 2 * BORDER
    small = Image.fromarray(pixels(image[None])[0]).resize((inner, inner), Image.Resampling.LANCZOS)
    tile[BORDER:-BORDER, BORDER:-BORDER, :3] = np.asarray(small)
    return tile
