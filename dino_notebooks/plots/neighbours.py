"""What the network finds alike: the nearest neighbours of some pictures in its embedding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from dino_lite import Pictures
from dino_lite.scorecard import vendor_rows
from dino_notebooks.plots.style import (
    GREEN,
    INK,
    SIDE,
    Plot,
    frame,
    new_sheet,
    pixels,
    put,
    shortened,
    write,
)


def plot_neighbours(rows: Tensor, pictures: Pictures, queries: Sequence[int], k: int = 8) -> Plot:
    """Each query and its k nearest other pictures by cosine. rows: features (N, D) of the N pictures.

    See in it: a green frame and a tick mark the same thing as the query, as far as that is known: by another vendor
    (emoji), or of the same class. The others show what the network goes by instead: colour, shape, size.
    """
    queries = checked_queries(queries, len(pictures))
    if len(checked_rows(rows)) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures need {len(pictures)} rows of features, got {len(rows)}.")
    places, marks, names = nearest(rows, queries, k), same_thing(pictures, queries), captions(pictures)
    hits = torch.stack([mark[place] for mark, place in zip(marks.same, places, strict=True)])
    heads = ["query", *(f"{i + 1}" for i in range(places.shape[1]))]
    plot, ax = new_sheet(len(queries), heads, finding(hits, marks.kind), caption=0.3)
    for row, query in enumerate(queries):
        y = row * 1.3
        _picture(ax, pictures, query, 0, y, names[query])
        ax.plot([0.95, 0.95], [y, y + SIDE], color=INK, linewidth=1)
        for column, place in enumerate(places[row].tolist(), start=1):
            _picture(ax, pictures, place, column, y, names[place])
            if hits[row, column - 1]:
                frame(ax, column, y, GREEN)
                label = {"ha": "right", "va": "top", "fontsize": 9, "fontweight": "bold", "color": "white"}
                box = {"facecolor": GREEN, "edgecolor": "none", "boxstyle": "square,pad=0.15"}
                write(ax, column + SIDE - 0.03, y + 0.03, "✓", bbox=box, **label)
    return plot


def nearest(rows: Tensor, queries: Sequence[int], k: int = 8) -> Tensor:
    """The k rows (fewer when there aren't more) nearest to each query by cosine, without itself: (Q, k)."""
    rows = checked_rows(rows)
    if len(rows) < 2 or k < 1:
        raise ValueError(f"Neighbours need at least two pictures and k of at least 1, got {len(rows)} and k={k}.")
    unit = torch.nn.functional.normalize(rows, dim=1)
    similarity = unit[list(queries)] @ unit.T
    similarity[torch.arange(len(queries)), list(queries)] = -torch.inf
    return similarity.topk(min(k, len(rows) - 1), dim=1).indices


@dataclass(frozen=True)
class Marks:
    """Which pictures show the same thing as each query: `same` bool (Q, N), and what "the same" means here."""

    same: Tensor
    kind: str


def same_thing(pictures: Pictures, queries: Sequence[int]) -> Marks:
    """The same concept by another vendor where there are vendors, else the same class, else nothing is known."""
    same = torch.zeros(len(queries), len(pictures), dtype=torch.bool)
    by_vendor, labels = vendor_rows(pictures), None if pictures.labels is None else pictures.labels.cpu()
    if by_vendor:
        same_as = torch.stack(by_vendor)  # (vendors, concepts)
        for row, query in enumerate(queries):
            same[row, same_as[:, (same_as == query).any(0)].flatten()] = True
    elif labels is not None:
        same = (labels[list(queries)][:, None] == labels) & (labels >= 0)
    same[torch.arange(len(queries)), list(queries)] = False
    kind = "a picture of the same class" if labels is not None else ""
    return Marks(same, "another vendor's drawing" if by_vendor else kind)


def finding(hits: Tensor, kind: str) -> str:
    """The neighbours in a sentence; hits: bool (Q, k)."""
    shape = f"{len(hits)} queries with their {hits.shape[1]} nearest neighbours"
    return f"{shape}: {int(hits.any(1).sum())} of them find {kind}." if kind else f"{shape}."


def checked_rows(rows: Tensor) -> Tensor:
    """Features (N, D) as floats; ValueError when they are no table of finite numbers."""
    rows = torch.as_tensor(rows)
    if rows.ndim != 2 or not rows.numel():
        raise ValueError(f"rows must be features (N, D), one row a picture, got {tuple(rows.shape)}.")
    if not bool(rows.isfinite().all()):
        raise ValueError("rows hold NaN or infinite values: was the network trained with a finite loss?")
    return rows.detach().cpu().float()


def checked_queries(queries: Sequence[int], count: int) -> list[int]:
    """The queries as a list; ValueError unless they are different picture numbers below `count`."""
    wanted = [int(query) for query in queries]
    if not wanted or len(set(wanted)) < len(wanted) or min(wanted) < 0 or max(wanted) >= count:
        raise ValueError(f"queries must be different picture numbers from 0 to {count - 1}, got {wanted}.")
    return wanted


def captions(pictures: Pictures) -> list[tuple[str, str]]:
    """For each picture its name, and its vendor, its class, or the folder it is from."""
    split = [name.rpartition("/") for name in pictures.names]
    if pictures.labels is None or pictures.label_names is None or vendor_rows(pictures):
        return [(name, folder) for folder, _, name in split]
    classes = ["" if label < 0 else pictures.label_names[label] for label in pictures.labels.tolist()]
    return [(name, word) for (_, _, name), word in zip(split, classes, strict=True)]


def _picture(ax: Axes, pictures: Pictures, place: int, x: float, y: float, names: tuple[str, str]) -> None:
    put(ax, pixels(pictures.images[place : place + 1])[0], x, y, smooth=True)
    below: dict[str, Any] = {"ha": "center", "va": "top"}
    write(ax, x + SIDE / 2, y + SIDE + 0.04, shortened(names[0]), fontsize=8, **below)
    write(ax, x + SIDE / 2, y + SIDE + 0.16, shortened(names[1]), fontsize=7.5, style="italic", **below)
