"""A few lines by name, in one panel or side by side: whatever a cell has measured over steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dino_notebooks.plots.marks import guide
from dino_notebooks.plots.style import DASHES, INK, PALETTE, Plot, new_plot, style_axes

Lines = Mapping[str, Sequence[float]]
APART = 0.075  # between two names at the lines' ends, as a share of the panel's height
LABELLED = 30  # more points than these are a line, fewer are dots too


def plot_lines(
    panels: Mapping[str, Lines],
    x: Sequence[float] | None = None,
    xlabel: str = "step",
    guides: Mapping[str, Mapping[str, float]] | None = None,
    thin: Sequence[str] = (),
) -> Plot:
    """Lines by name in each panel by title, over the same x (by default 0, 1, 2, ...).

    guides: for a panel's title, heights that mean something by name. thin: names of lines drawn thin, for what is
    noisy. A name has the same colour and dash in all panels.

    See in it: each line has its name at its end; what a panel measures is its title.
    """
    _require(panels, x)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    plot = new_plot(3.1, finding(panels))
    for place, (title, lines) in enumerate(panels.items()):
        ax = plot.add_subplot(1, len(panels), place + 1)
        style_axes(ax, title)
        for name, values in lines.items():
            _line(ax, range(len(values)) if x is None else x, values, names.index(name), name in thin)
        for label, height in (guides or {}).get(title, {}).items():
            guide(ax, height, label)
        ax.set_xlabel(xlabel)
        ax.margins(x=0)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        _names(ax, {name: float(values[-1]) for name, values in lines.items()}, names)
    return plot


def finding(panels: Mapping[str, Lines]) -> str:
    """The lines in words: where each begins and ends."""
    words = []
    for title, lines in panels.items():
        ends = ", ".join(f"{name} from {values[0]:.3g} to {values[-1]:.3g}" for name, values in lines.items())
        words.append(f"{title}: {ends}")
    return "; ".join(words) + "."


def _look(number: int) -> dict[str, Any]:
    return {"color": PALETTE[number % len(PALETTE)], "linestyle": DASHES[number % len(DASHES)]}


def _line(ax: Axes, x: Sequence[float], values: Sequence[float], number: int, thin: bool) -> None:
    dots: dict[str, Any] = {"marker": "o", "markersize": 4} if len(values) < LABELLED else {}
    ax.plot(x, values, linewidth=0.9 if thin else 1.8, clip_on=False, **_look(number), **dots)


def _names(ax: Axes, ends: dict[str, float], names: list[str]) -> None:
    """The lines' names beside their right ends, pushed apart where they would cover one another."""
    low, high = ax.get_ylim()
    apart, taken = APART * (high - low), -np.inf
    heights: dict[str, float] = {}
    for name, height in sorted(ends.items(), key=lambda item: item[1]):
        taken = heights[name] = max(height, taken + apart)
    over = max(0.0, taken - high)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
    for name, height in heights.items():
        color = PALETTE[names.index(name) % len(PALETTE)]
        ax.annotate("▪", (1, height - over), (4, 0), color=color, fontsize=9, annotation_clip=False, **place)
        ax.annotate(name, (1, height - over), (12, 0), color=INK, fontsize=9, annotation_clip=False, **place)


def _require(panels: Mapping[str, Lines], x: Sequence[float] | None) -> None:
    if not panels or not all(panels.values()):
        raise ValueError("There is nothing to plot: give at least one panel with at least one line.")
    for lines in panels.values():
        for name, values in lines.items():
            if not len(values) or not np.isfinite(values).all():
                raise ValueError(f"{name} needs at least one number, and finite ones.")
            if x is not None and len(values) != len(x):
                raise ValueError(f"{name} has {len(values)} numbers for {len(x)} places x.")
