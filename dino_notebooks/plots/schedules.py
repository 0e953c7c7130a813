"""The five schedules of a run against the step: what changes on its own while a run goes on."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dino_lite import DinoConfig
from dino_lite.knobs import scheduled_knobs
from dino_notebooks.plots.style import DASHES, INK, PALETTE, Plot, new_plot, style_axes

TITLES = {
    "lr": "learning rate",
    "weight_decay": "weight decay",
    "teacher_temp": "teacher temperature τt",
    "ema_momentum": "teacher momentum",
    "freeze_last_layer": "prototypes frozen",
}


def plot_schedules(configs: Mapping[str, DinoConfig], steps: int) -> Plot:
    """The schedules of a run of so many steps, a panel each, for one or more settings by name.

    See in it: the learning rate rises and falls, the other numbers go one way. A flat line is a schedule that these
    settings do not use.
    """
    if not configs or steps < 1:
        raise ValueError(f"Schedules need settings and at least 1 step, got {len(configs)} settings, {steps} steps.")
    runs = {name: [scheduled_knobs(config, step, steps) for step in range(steps)] for name, config in configs.items()}
    columns = {
        title: {name: [float(k[knob]) for k in run] for name, run in runs.items()} for knob, title in TITLES.items()
    }
    plot = new_plot(4.0, finding(columns))
    for place, (title, lines) in enumerate(columns.items(), start=1):
        ax = plot.add_subplot(2, 3, place)
        style_axes(ax, title)
        _lines(ax, lines)
        if title == TITLES["freeze_last_layer"]:
            ax.set_yticks([0, 1], labels=["free", "frozen"])
    _names(plot.add_subplot(2, 3, len(columns) + 1), list(configs))
    return plot


def finding(columns: Mapping[str, Mapping[str, list[float]]]) -> str:
    """The schedules in words: where each begins, peaks and ends."""
    words = []
    for title, lines in columns.items():
        each = (f"{name} {values[0]:.3g} to {values[-1]:.3g}{_peak(values)}" for name, values in lines.items())
        words.append(f"{title}: {', '.join(each)}")
    return "; ".join(words) + "."


def _peak(values: list[float]) -> str:
    """Where a line is highest, if not at an end."""
    top = max(values)
    return "" if top in (values[0], values[-1]) else f" by way of {top:.3g} at step {values.index(top)}"


def _look(number: int) -> dict[str, Any]:
    return {"color": PALETTE[number % len(PALETTE)], "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.8}


def _lines(ax: Axes, lines: Mapping[str, list[float]]) -> None:
    for number, values in enumerate(lines.values()):
        ax.plot(range(len(values)), values, clip_on=False, **_look(number))
    ax.set_xlabel("step")
    ax.margins(x=0)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _names(ax: Axes, names: list[str]) -> None:
    """The key, in the place of a sixth panel."""
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    for number, name in enumerate(names):
        height = 0.8 - 0.16 * number
        ax.plot([0.05, 0.25], [height, height], **_look(number))
        ax.text(0.3, height, name, color=INK, fontsize=9, va="center", parse_math=False)
