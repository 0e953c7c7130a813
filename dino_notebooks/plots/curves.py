"""The curves of a run: is it alive? Never the loss alone, which falls in one collapse and stays in the other."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from dino_lite import StepLog
from dino_notebooks.plots.marks import draw_line, end_label, guide
from dino_notebooks.plots.series import Series
from dino_notebooks.plots.style import (
    BLUE,
    DASHES,
    GREEN,
    INK,
    PURPLE,
    RULE,
    VERMILION,
    Plot,
    new_plot,
    style_axes,
)
from dino_notebooks.plots.words import verdict

KNOBS = {"teacher_temp": "teacher temperature", "ema_momentum": "teacher momentum", "lr": "learning rate"}


def plot_curves(logs: Iterable[StepLog | Mapping[str, Any]], out_dim: int, dim: int | None = None) -> Plot:
    """The curves of a run from its logs (`StepLog`s, or the objects in metrics.jsonl); out_dim: K, dim: D.

    See in it: the cross-entropy is two areas on top of each other, the targets' entropy h and the KL from student
    to teacher. Both collapses bring the KL to 0; the entropy then goes to ln K (uniform) or to 0 (one prototype).
    A run that learns keeps the KL above 0 and the mutual information well above 0.
    """
    if out_dim < 1:
        raise ValueError(f"out_dim must be the number of prototypes, at least 1, got {out_dim}.")
    series = Series(logs)
    plot = new_plot(6.6, finding(series, out_dim))
    grid = plot.add_gridspec(4, 2, width_ratios=(2, 1), height_ratios=(2.6, 1, 1, 1), wspace=0.06, hspace=0.05)
    loss, information = plot.add_subplot(grid[0, 0]), plot.add_subplot(grid[0, 1])
    lower = grid[1:, 0].subgridspec(1, 2, wspace=0.08)
    prototypes, spread = plot.add_subplot(lower[0]), plot.add_subplot(lower[1])
    _loss(loss, series, math.log(out_dim))
    _information(information, series, out_dim)
    _prototypes(prototypes, series, out_dim)
    _spread(spread, series, dim)
    knobs = [plot.add_subplot(grid[row, 1]) for row in (1, 2, 3)]
    for ax, (name, title) in zip(knobs, KNOBS.items(), strict=True):
        _knob(ax, series, name, title)
    axes = [loss, information, prototypes, spread, *knobs]
    _steps(axes, series)
    for ax in (prototypes, spread, knobs[-1]):
        ax.set_xlabel("step")
    return plot


def finding(series: Series, out_dim: int) -> str:
    """The curves in a sentence or two, with the numbers they end at."""
    logs, last = series.logs, series.logs[-1]
    words = [verdict(word).word for _, _, word in series.stretches()]
    return (
        f"Curves of {len(logs)} step{'s' * (len(logs) > 1)}: {', then '.join(words)}. The last cross-entropy is "
        f"{last['loss']:.2f}, entropy {last['entropy']:.2f} plus KL {last['kl']:.2f}, where ln K is "
        f"{math.log(out_dim):.2f}; mutual information {last['mutual_information']:.2f}, "
        f"{last['effective_prototypes']:.0f} of {out_dim} prototypes in use."
    )


def _loss(ax: Axes, series: Series, ceiling: float) -> None:
    entropy, loss = series.line(series.column("entropy")), series.line(series.column("loss"))
    style_axes(ax, "Cross-entropy = entropy h + KL  (nats)")
    ax.fill_between(entropy.step, 0, entropy.mean, color=BLUE, alpha=0.22, linewidth=0)
    ax.fill_between(loss.step, entropy.mean, loss.mean, color=VERMILION, alpha=0.28, linewidth=0)
    if len(series.logs) > len(loss.step):  # thinned: show what the mean hides
        ax.fill_between(loss.step, loss.low, loss.high, color=VERMILION, alpha=0.15, linewidth=0)
    draw_line(ax, entropy, BLUE, DASHES[1])
    draw_line(ax, loss, VERMILION, DASHES[0])
    guide(ax, ceiling, f"ln K = {ceiling:.2f}: uniform")
    ax.axhline(0, color=RULE, linewidth=1)
    top = 1.28 * max(ceiling, float(loss.high.max()))
    ax.set_ylim(-0.02 * top, top)
    h, total = float(entropy.mean[-1]), float(loss.mean[-1])
    end_label(ax, h / 2, f"h {h:.2f}", BLUE)
    end_label(ax, max((h + total) / 2, h / 2 + 0.07 * top), f"KL {total - h:.2f}", VERMILION)
    _stretches(ax, series)


def _stretches(ax: Axes, series: Series) -> None:
    """A band along the top that says in words how the run was diagnosed, and where that changed."""
    first, last = _span(series)
    starts = [first] + [start for start, _, _ in series.stretches()[1:]]
    free = [0.0, 0.0]  # how far each of two rows of words is taken, as a part of the axis
    for start, end, (_, _, diagnosis) in zip(starts, [*starts[1:], last], series.stretches(), strict=True):
        shown = verdict(diagnosis)
        left, right = (start - first) / (last - first), (end - first) / (last - first)
        ax.add_patch(Rectangle((left, 0.985), right - left, 0.015, color=shown.color, lw=0, transform=ax.transAxes))
        if left > 0:
            ax.axvline(start, ymax=0.86, color=RULE, linewidth=0.8, linestyle=DASHES[2])
        long = 0.006 + 0.0118 * len(shown.word)
        row = 0 if free[0] <= min(left, 1 - long) else 1
        left = max(min(left, 1 - long), free[row])
        free[row] = left + long
        place = (left + 0.005, 0.965 - 0.055 * row)
        ax.text(*place, shown.word, transform=ax.transAxes, va="top", fontsize=8, color=INK, style="italic")


def _information(ax: Axes, series: Series, out_dim: int) -> None:
    rows = series.targets()
    ceiling = math.log(min(out_dim, rows))  # a step can tell no more of its targets apart
    style_axes(ax, "Mutual information  (nats)")
    line = series.line(series.column("mutual_information"))
    draw_line(ax, line, GREEN, DASHES[0])
    guide(ax, ceiling, f"at most ln {min(out_dim, rows)} = {ceiling:.2f}")
    ax.axhline(0, color=RULE, linewidth=1)
    ax.set_ylim(-0.02 * ceiling, 1.22 * max(ceiling, 0.1))
    end_label(ax, float(line.mean[-1]), f"{line.mean[-1]:.2f}", GREEN)


def _prototypes(ax: Axes, series: Series, out_dim: int) -> None:
    style_axes(ax, "Prototypes in use")
    line = series.line(series.column("effective_prototypes"))
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if out_dim < 1000 else (1,), numticks=12))
    ax.yaxis.set_major_formatter("{x:g}")  # plain digits: exponents would be set as mathematics
    ax.yaxis.set_minor_locator(NullLocator())
    draw_line(ax, line, PURPLE, DASHES[0])
    guide(ax, out_dim, f"K = {out_dim}")
    ax.axhline(1, color=RULE, linewidth=1)
    ax.set_ylim(0.85, 1.6 * max(out_dim, 2))
    end_label(ax, float(line.mean[-1]), f"{line.mean[-1]:.0f}", PURPLE)


def _spread(ax: Axes, series: Series, dim: int | None) -> None:
    """Collapsed features are one point: spread 0, rank 1."""
    rank = series.line(series.effective_rank())
    if dim is None and len(rank.step):
        style_axes(ax, "Effective rank of the features")
        line, ceiling, digits = rank, None, 1
    else:
        style_axes(ax, "Spread of the features" + (" × √D" if dim else ""))
        line, digits = series.line(series.column("feature_std") * math.sqrt(dim or 1)), 2
        ceiling = 1 if dim else None
    draw_line(ax, line, BLUE, DASHES[0])
    if ceiling:
        guide(ax, ceiling, "1: all directions")
    ax.axhline(0, color=RULE, linewidth=1)
    top = 1.22 * max(ceiling or 0, float(line.high.max()), 1e-6)
    ax.set_ylim(-0.02 * top, top)
    end_label(ax, float(line.mean[-1]), f"{line.mean[-1]:.{digits}f}", BLUE)


def _knob(ax: Axes, series: Series, name: str, title: str) -> None:
    line = series.line(series.knob(name))
    style_axes(ax, "")
    ax.plot(line.step, line.mean, color=INK, linewidth=1.4, marker="." if len(line.step) < 30 else "")
    low, high = float(line.low.min()), float(line.high.max())
    margin = 0.15 * (high - low) or 0.5 * abs(high) or 1
    ax.set_ylim(low - margin, high + margin)
    ax.set_yticks(
        [low, high] if high > low else [low], labels=[f"{v:.3g}" for v in ([low, high] if high > low else [low])]
    )
    ax.set_title(title, loc="left", fontsize=8.5, color=INK, pad=2)


def _span(series: Series) -> tuple[float, float]:
    """First and last step on the axes; one step alone gets half a step of air on both sides."""
    first, last = float(series.logs[0]["step"]), float(series.logs[-1]["step"])
    return (first, last) if last > first else (first - 0.5, first + 0.5)


def _steps(axes: list[Axes], series: Series) -> None:
    """The same steps on every axis; ticks are whole numbers."""
    for ax in axes:
        ax.set_xlim(*_span(series))
        ax.xaxis.set_major_locator(MaxNLocator(5 if ax in axes[:2] else 4, integer=True))
        if len(series.logs) == 1:
            ax.set_xticks([series.logs[0]["step"]])
    for ax in axes[-3:-1]:
        ax.tick_params(labelbottom=False)
