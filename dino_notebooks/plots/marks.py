"""Marks on a plot of lines: the line itself, a guide at a height that means something, a label at a line's end."""

from typing import Any

from matplotlib.axes import Axes

from dino_notebooks.plots.series import Line
from dino_notebooks.plots.style import DASHES, INK


def draw_line(ax: Axes, line: Line, color: str, dash: Any) -> None:
    """A line in its colour and dash; with few points each is a dot, so that a run of one step shows."""
    dots: dict[str, Any] = {"marker": "o", "markersize": 4} if len(line.step) < 30 else {}
    ax.plot(line.step, line.mean, color=color, linestyle=dash, linewidth=1.8, clip_on=False, **dots)


def guide(ax: Axes, height: float, label: str) -> None:
    """A dashed line at a height that means something, with its meaning on it."""
    ax.axhline(height, color=INK, linewidth=1, linestyle=DASHES[1])
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "ha": "right"}
    ax.annotate(label, (1, height), (-2, 3), color=INK, fontsize=9, **place)


def end_label(ax: Axes, height: float, label: str, color: str) -> None:
    """A label beside the end of a line: a mark in its colour, and words in ink."""
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
    ax.annotate("▪", (1, height), (2, 0), color=color, fontsize=9, annotation_clip=False, **place)
    ax.annotate(label, (1, height), (9, 0), color=INK, fontsize=8.5, annotation_clip=False, **place)
