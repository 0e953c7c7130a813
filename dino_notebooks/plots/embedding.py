"""A map of the embedding: similar pictures lie side by side, drawn as themselves."""

import threading
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from dino_lite import Pictures
from dino_notebooks.plots.neighbours import checked_rows
from dino_notebooks.plots.style import PALETTE, WIDTH, Plot, new_plot, pixels, write

FEWEST = 10  # pictures that UMAP can make a map of
LOCK = threading.Lock()  # numba may end the process when two threads use UMAP at once (umap #665, numba #8563)
PITCH, TILE, BORDER = 32, 30, 2  # px of a cell, of the picture in it with its frame, of the frame
CANVAS = (50 * PITCH, 35 * PITCH)  # px, shown at about two thirds of this size
GROUPS = 2 * len(PALETTE)  # classes that frames can tell apart: each colour solid, then dashed


def layout(rows: Tensor | np.ndarray, seed: int = 0, method: str = "umap") -> np.ndarray:
    """Features (N, D) → places (N, 2), by "umap" (cosine) or "pca". The same rows and seed give the same places.

    The first UMAP of a process takes some ten seconds longer than the next. Fewer than ten pictures get a PCA.
    """
    if method not in ("umap", "pca"):
        raise ValueError(f'method must be "umap" or "pca", got {method!r}.')
    table = checked_rows(torch.as_tensor(rows)).numpy()
    if len(table) < 2:
        raise ValueError("A map needs at least two pictures, got one.")
    if np.ptp(table, axis=0).max() < 1e-6:
        raise ValueError(
            f"All {len(table)} rows are the same, so there is no map: the network collapsed, or it is one picture."
        )
    if method == "umap" and len(table) < FEWEST:
        warnings.warn(f"UMAP needs {FEWEST} pictures, got {len(table)}: this map is a PCA.", stacklevel=2)
        method = "pca"
    return _umap(table, seed) if method == "umap" else _pca(table)


def _pca(table: np.ndarray) -> np.ndarray:
    """The two directions of most variance; the larger side of each is positive, so that it cannot flip."""
    centered = table - table.mean(axis=0)
    left, scale, _ = np.linalg.svd(centered, full_matrices=False)
    places = np.zeros((len(table), 2), dtype=np.float32)
    kept = min(2, len(scale))
    places[:, :kept] = (left * scale)[:, :kept]
    side = np.sign(places[np.abs(places).argmax(axis=0), [0, 1]])
    return places * np.where(side == 0, 1, side)


def _umap(table: np.ndarray, seed: int) -> np.ndarray:
    with LOCK:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
            from umap import UMAP  # seconds: numba compiles

        reducer = UMAP(
            n_neighbors=min(15, len(table) - 1),
            min_dist=0.3,  # room for the pictures
            metric="cosine",
            n_epochs=200,  # more moves little and takes long
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(reducer.fit_transform(table), dtype=np.float32)


@dataclass(frozen=True)
class Map:
    """A map drawn as one picture: the RGBA canvas, the pictures on it and their corners, and its legend."""

    canvas: np.ndarray  # uint8 (height, width, 4)
    drawn: np.ndarray  # numbers of the pictures that are drawn, (M,)
    corners: np.ndarray  # left, top of each on the canvas in px, (M, 2)
    legend: list[tuple[str, str, bool]]  # (class, colour, dashed)


def draw_map(places: np.ndarray, pictures: Pictures) -> Map:
    """The pictures at their places (N, 2), in a grid: of those that fall into one cell, the one nearest its middle."""
    if places.shape != (len(pictures), 2):
        raise ValueError(f"{len(pictures)} pictures need places ({len(pictures)}, 2), got {places.shape}.")
    drawn, corners = thin(_on_canvas(places))
    legend, colors, dashed = _frames(pictures)
    canvas = np.zeros((CANVAS[1], CANVAS[0], 4), dtype=np.uint8)
    for number, (x, y) in zip(drawn, corners, strict=True):
        canvas[y : y + TILE, x : x + TILE] = _tile(pictures.images[number], colors[number], bool(dashed[number]))
    return Map(canvas, drawn, corners, legend)


def thin(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) px on the canvas → the one nearest the middle of each cell (M,), and the cells' corners (M, 2)."""
    cells = (points // PITCH).astype(int)
    off = np.square(points - (cells + 0.5) * PITCH).sum(axis=1)
    order = np.argsort(off, kind="stable")
    _, first = np.unique(cells[order], axis=0, return_index=True)
    drawn = np.sort(order[first])
    return drawn, cells[drawn] * PITCH


def plot_umap(rows: Tensor, pictures: Pictures, seed: int = 0) -> Plot:
    """A UMAP of the features (N, D) of N pictures, with the pictures themselves drawn in.

    See in it: neighbours are what the network finds alike. Groups of one thing are a good sign, groups of one colour
    or outline are what it goes by before it knows better. Distances between far-off groups mean nothing.
    """
    if len(rows) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures need {len(pictures)} rows of features, got {len(rows)}.")
    method = "umap" if len(rows) >= FEWEST else "pca"
    drawn = draw_map(layout(rows, seed, method), pictures)
    plot = new_plot(WIDTH * CANVAS[1] / CANVAS[0] + 0.35, finding(drawn, len(pictures), method))
    plot.set_layout_engine("none")
    share = 0.35 / plot.get_figheight()
    ax, below = plot.add_axes((0, share, 1, 1 - share)), plot.add_axes((0, 0, 1, share))
    ax.imshow(drawn.canvas, interpolation="antialiased", aspect="auto")
    below.set(xlim=(0, 1), ylim=(0, 1))
    for axes in (ax, below):
        axes.set_axis_off()
    x = 0.005
    for name, color, dashed in drawn.legend:
        look: dict[str, Any] = {
            "fill": False,
            "edgecolor": color,
            "linewidth": 2,
            "linestyle": (0, (2, 1)) if dashed else "-",
        }
        below.add_patch(Rectangle((x, 0.35), 0.012, 0.4, **look))
        write(below, x + 0.018, 0.55, name, va="center")
        x += 0.035 + 0.0068 * len(name)
    return plot


def finding(drawn: Map, count: int, method: str) -> str:
    """The map in a sentence."""
    rest = ", one in each place" if len(drawn.drawn) < count else ""
    few = f" (fewer than {FEWEST} are too few for UMAP)" if method == "pca" else ""
    names = f" Frames show {len(drawn.legend)} classes, which it was not trained on." if drawn.legend else ""
    return (
        f"{method.upper()} of the embeddings of {count} pictures{few}, {len(drawn.drawn)} of them drawn{rest}.{names}"
    )


def _on_canvas(places: np.ndarray) -> np.ndarray:
    """Places in any units → px on the canvas, which they fill."""
    low, high = np.percentile(places, [0.5, 99.5], axis=0)  # a few strays would squeeze all others together
    share = ((places - low) / np.maximum(high - low, 1e-9)).clip(0, 1)
    share[:, 1] = 1 - share[:, 1]  # up is up
    return share * (np.array(CANVAS) - 1)


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


def _tile(image: Tensor, color: np.ndarray, dashed: bool) -> np.ndarray:
    """A picture on a white square in a thin frame: uint8 (TILE, TILE, 4)."""
    tile = np.full((TILE, TILE, 4), 255, dtype=np.uint8)
    tile[..., :3] = color
    if dashed:
        gap = np.arange(TILE) // 5 % 2 == 1
        tile[gap[:, None] | gap[None, :]] = (255, 255, 255, 255)
    inner = TILE - 2 * BORDER
    small = Image.fromarray(pixels(image[None])[0]).resize((inner, inner), Image.Resampling.LANCZOS)
    tile[BORDER:-BORDER, BORDER:-BORDER, :3] = np.asarray(small)
    return tile
