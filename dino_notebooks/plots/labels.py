"""Accuracy against the number of labels: what features are worth when labels are few."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dino_notebooks.plots.marks import guide
from dino_notebooks.plots.style import DASHES, INK, PALETTE, Plot, new_plot, style_axes

Found = Mapping[int | None, Sequence[float]]  # labels a class (None: all) → an accuracy, 0 to 1, for each seed
STEP = 0.03  # between two labels at the lines' ends, as a share of the axis


def plot_labels(results: Mapping[str, Found], chance: float | None = None, title: str = "Accuracy") -> Plot:
    """Lines by name over the labels a class, from `few_label_probe` or from fine-tunings; chance: a guide, 0 to 1.

    See in it: a line is the mean over the seeds, which choose other labels; its band reaches from the worst to the
    best of them, and each is a dot. Where bands overlap, nothing has been shown. All lines meet where labels are
    plenty if the features are of no use. ValueError for no results, or for lines over different numbers of labels.
    """
    counts = _counts(results)
    plot = new_plot(3.8, finding(results), 7.5)
    ax = plot.add_subplot()
    style_axes(ax, title)
    places = np.arange(len(counts))
    for number, (_, found) in enumerate(results.items()):
        color, dash = PALETTE[number % len(PALETTE)], DASHES[number % len(DASHES)]
        values = [np.asarray(found[count], dtype=float) for count in counts]
        low, mean, high = (np.array([f(v) for v in values]) for f in (np.min, np.mean, np.max))
        ax.fill_between(places, low, high, color=color, alpha=0.15, linewidth=0)
        ax.plot(places, mean, color=color, linestyle=dash, linewidth=1.8)
        for place, seeds in zip(places, values, strict=True):
            ax.plot(np.full(len(seeds), place), seeds, ".", color=color, markersize=5, clip_on=False)
    if chance is not None:
        guide(ax, chance, "chance")
    ax.set_xticks(places, labels=["all" if count is None else str(count) for count in counts])
    ax.set_xlabel("labels a class")
    ax.set_xlim(-0.1, len(counts) - 1)
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(lambda value, _: f"{round(100 * value, 6):g}%")
    _names(ax, {name: float(np.mean(found[counts[-1]])) for name, found in results.items()})
    return plot


def finding(results: Mapping[str, Found]) -> str:
    """In words: mean accuracy of every line at the fewest labels and at the most, with the seeds' range."""
    counts = _counts(results)
    parts = []
    for name, found in results.items():
        ends = [_words(found[count], count) for count in dict.fromkeys((counts[0], counts[-1]))]
        parts.append(f"{name}: {', '.join(ends)}")
    return "Accuracy by labels a class. " + "; ".join(parts) + "."


def _words(values: Sequence[float], count: int | None) -> str:
    spread = f" ({min(values):.0%} to {max(values):.0%}, {len(values)} seeds)" if len(values) > 1 else ""
    return f"{np.mean(values):.0%}{spread} with {'all labels' if count is None else count}"


def _counts(results: Mapping[str, Found]) -> list[int | None]:
    """The numbers of labels, the same for every line, fewest first and all last."""
    several = [sorted(found, key=lambda count: (count is None, count or 0)) for found in results.values()]
    if not several or not several[0]:
        raise ValueError("There is nothing to plot: give at least one name with its accuracies.")
    if any(counts != several[0] for counts in several):
        raise ValueError(f"All lines need the same numbers of labels, got {several[0]} and others.")
    for name, found in results.items():
        if not all(len(values) and np.isfinite(values).all() for values in found.values()):
            raise ValueError(f"{name} needs at least one accuracy for each number of labels, and no NaN.")
    return several[0]


def _names(ax: Axes, ends: dict[str, float]) -> None:
    """The lines' names beside their right ends, pushed apart where they would cover one another."""
    low, high = ax.get_ylim()
    taken = low - high
    for name, height in sorted(ends.items(), key=lambda item: item[1]):
        color = PALETTE[list(ends).index(name) % len(PALETTE)]
        taken = max(height, taken + 2 * STEP * (high - low))
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
        ax.annotate("▪", (1, taken), (5, 0), color=color, fontsize=9, annotation_clip=False, **place)
        ax.annotate(name, (1, taken), (13, 0), color=INK, fontsize=9, annotation_clip=False, **place)
