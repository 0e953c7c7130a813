"""Small tables of numbers as heat maps: logits, centres and targets of a few pictures, a column a prototype."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from torch import Tensor

from dino_notebooks.plots.style import BLUE, INK, VERMILION, Plot, new_plot, style_axes

LARGEST = (12, 24)  # rows and columns that can still be read
STACKED = 3  # tables that stand below one another, with their numbers; more of them stand in two columns, without
GAP = 0.35  # of a row, before the row of means
DARK = 0.45  # of the darkest: cells above it are written on in white


def plot_table(tables: Mapping[str, Tensor], rows: Sequence[str], mean: str = "") -> Plot:
    """Tables (R, K) by title as heat maps. rows: names of their R rows; mean: name of a row below, of column means.

    See in it: blue is above zero, red below, and the paler, the nearer to it: a colour means the same number in all
    tables of a figure. Columns are counted from 1. A column that is dark in every row is what all rows prefer; rows
    that look alike say the same.
    """
    values = {title: table.detach().double().cpu().numpy() for title, table in tables.items()}
    _require(values, rows)
    columns = 1 if len(values) <= STACKED else 2
    lines = -(-len(values) // columns)
    height = 0.26 * (len(rows) + (1 + GAP if mean else 0)) + 0.55
    plot = new_plot(lines * height, finding(values))
    grid = plot.add_gridspec(lines, columns)
    darkest = max(float(np.abs(table).max()) for table in values.values()) or 1.0
    for place, (title, table) in enumerate(values.items()):
        ax = plot.add_subplot(grid[place // columns, place % columns])
        style_axes(ax, title)
        heights = [*range(len(table)), len(table) + GAP][: len(table) + bool(mean)]
        whole = np.vstack([table, table.mean(axis=0)])[: len(heights)]
        _cells(ax, whole, heights, darkest)
        if columns == 1:
            _numbers(ax, whole, heights, darkest)
        ax.set_yticks(heights, labels=[*rows, mean][: len(heights)])
    return plot


def finding(values: Mapping[str, np.ndarray]) -> str:
    """The tables in words: their range, and the largest number of each row."""
    words = []
    for title, table in values.items():
        winners = ", ".join(str(1 + int(row.argmax())) for row in table)
        words.append(f"{title}: from {table.min():.2f} to {table.max():.2f}, largest of each row in column {winners}")
    return "; ".join(words) + "."


def _cells(ax: Axes, table: np.ndarray, heights: list[float], darkest: float) -> None:
    """A coloured cell a number, each row at its height; `darkest` has the full colour."""
    count = table.shape[1]
    for height, row in zip(heights, table, strict=True):
        colors = [to_rgba(BLUE if x > 0 else VERMILION, abs(x) / darkest) for x in row]
        extent = (0.5, count + 0.5, height + 0.46, height - 0.46)
        ax.imshow(np.array([colors]), extent=extent, interpolation="none", aspect="auto")
    ax.set_xlim(0.5, count + 0.5)
    ax.set_ylim(heights[-1] + 0.5, -0.5)
    ax.set_xticks(range(1, count + 1))
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)


def _numbers(ax: Axes, table: np.ndarray, heights: list[float], darkest: float) -> None:
    """The numbers in the cells, white on the dark ones."""
    for height, row in zip(heights, table, strict=True):
        for column, x in enumerate(row, start=1):
            ink = "white" if abs(x) > DARK * darkest else INK
            ax.text(column, height, f"{round(x, 2) + 0.0:.2f}", color=ink, fontsize=8, ha="center", va="center")


def _require(values: Mapping[str, np.ndarray], rows: Sequence[str]) -> None:
    if not values:
        raise ValueError("There is nothing to plot: give at least one table by its title.")
    for title, table in values.items():
        if table.ndim != 2 or table.shape[0] != len(rows) or not table.size:
            raise ValueError(f"{title} must be a table (R, K) of R = {len(rows)} named rows, got shape {table.shape}.")
        if any(size > most for size, most in zip(table.shape, LARGEST, strict=True)):
            raise ValueError(f"{title} is too large to read: at most {LARGEST[0]} × {LARGEST[1]}, got {table.shape}.")
        if not np.isfinite(table).all():
            raise ValueError(f"{title} holds a number that is not finite.")
