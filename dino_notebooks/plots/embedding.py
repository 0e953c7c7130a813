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
CANVAS = (1600, 1120)  # px
THUMB, BORDER = 30, 2  # px on the canvas, which is shown at about half its size
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


def draw_map(places: np.ndarray, pictures: Pictures, seed: int = 0) -> Map:
    """The pictures at their places (N, 2), as many as fit without covering each other; the others are dots."""
    if places.shape != (len(pictures), 2):
        raise ValueError(f"{len(pictures)} pictures need places ({len(pictures)}, 2), got {places.shape}.")
    legend, colors, dashed = _frames(pictures)
    canvas = np.zeros((CANVAS[1], CANVAS[0], 4), dtype=np.uint8)
    corners = _corners(places)
    drawn = thin(corners, np.random.default_rng(seed).permutation(len(corners)))
    for (x, y), color in zip(corners + THUMB // 2, colors, strict=True):
        canvas[y - 2 : y + 2, x - 2 : x + 2] = (*color, 120)
    for number in drawn:
        x, y = corners[number]
        tile = _tile(pictures.images[number], colors[number], bool(dashed[number]))
        canvas[y : y + THUMB, x : x + THUMB] = tile
    return Map(canvas, drawn, corners[drawn], legend)


def thin(corners: np.ndarray, order: np.ndarray, size: int = THUMB) -> np.ndarray:
    """Numbers of the squares, taken in this order, that cover none taken before. corners: left, top (N, 2) px."""
    taken = np.zeros((CANVAS[1] + size, CANVAS[0] + size), dtype=bool)
    kept = []
    for number in order:
        x, y = corners[number]
        spot = taken[y : y + size, x : x + size]
        if not spot[0].any() and not spot[-1].any():  # a square of the same size cannot hide between these rows
            spot[:] = True
            kept.append(number)
    return np.array(kept, dtype=int)


def plot_umap(rows: Tensor, pictures: Pictures, seed: int = 0) -> Plot:
    """A UMAP of the features (N, D) of N pictures, with the pictures themselves drawn in.

    See in it: neighbours are what the network finds alike. Groups of one thing are a good sign, groups of one colour
    or outline are what it goes by before it knows better. Distances between far-off groups mean nothing.
    """
    if len(rows) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures need {len(pictures)} rows of features, got {len(rows)}.")
    method = "umap" if len(rows) >= FEWEST else "pca"
    drawn = draw_map(layout(rows, seed, method), pictures, seed)
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
        look: dict[str, Any] = {"fill": False, "edgecolor": color, "linewidth": 2, "linestyle": (0, (2, 1)) if dashed else "-"}
        below.add_patch(Rectangle((x, 0.35), 0.012, 0.4, **look))
        write(below, x + 0.018, 0.55, name, va="center")
        x += 0.035 + 0.0068 * len(name)
    return plot


def finding(drawn: Map, count: int, method: str) -> str:
    """The map in a sentence."""
    rest = f"; the other {count - len(drawn.drawn)} are dots" if len(drawn.drawn) < count else ""
    few = f" (fewer than {FEWEST} are too few for UMAP)" if method == "pca" else ""
    names = f" Frames: {', '.join(name for name, _, _ in drawn.legend)}." if drawn.legend else ""
    return f"{method.upper()} of the embeddings of {count} pictures{few}, {len(drawn.drawn)} drawn as themselves{rest}.{names}"


def _corners(places: np.ndarray) -> np.ndarray:
    """Places in any units → left upper corners of the thumbnails in px, the map filling the canvas."""
    low, high = np.percentile(places, [0.5, 99.5], axis=0)  # a few strays would squeeze all others together
    share = ((places - low) / np.maximum(high - low, 1e-9)).clip(0, 1)
    room = np.array(CANVAS) - THUMB
    return np.stack([share[:, 0] * room[0], (1 - share[:, 1]) * room[1]], axis=1).round().astype(int)


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
    """A picture on a white square in a thin frame: uint8 (THUMB, THUMB, 4)."""
    inner = THUMB - 2 * BORDER - 1  # a transparent row and column keep neighbours apart
    small = Image.fromarray(pixels(image[None])[0]).resize((inner, inner), Image.Resampling.LANCZOS)
    tile = np.zeros((THUMB, THUMB, 4), dtype=np.uint8)
    edge = inner + 2 * BORDER
    tile[:edge, :edge] = (*color, 255)
    if dashed:
        line = np.arange(edge) // 5 % 2 == 1
        tile[:edge, :edge][line[:, None] | line[None, :]] = (*(color // 3 + 170), 255)
    tile[BORDER : BORDER + inner, BORDER : BORDER + inner] = (*(255, 255, 255), 255)
    tile[BORDER : BORDER + inner, BORDER : BORDER + inner, :3] = np.asarray(small)
    return tile
