"""The loss over the steps, split into h and KL, below the line ln K: the chart of `watch`, and a meter of the lab.

One definition for the live picture and its still: it takes 2 ms, needs no matplotlib, and follows the theme of the
page. Curves are told apart by dashes and labels, not by colour alone.
"""

import math
from collections.abc import Iterable, Sequence

from dino_lite import StepLog
from dino_notebooks.drawing import BLUE, GREEN, ORANGE, Drawing
from dino_notebooks.drawing.axes import Axes, Label, roomy, thinned

WIDTH, HEIGHT = 720, 230  # px
LEFT, RIGHT, TOP, BOTTOM = 38, 92, 26, 24  # px, margins; the labels of the curves stand in the right one
DASH_H, DASH_KL = (6.0, 3.0), (2.0, 2.0)


def chart(logs: Sequence[StepLog], steps: int, out_dim: int | None, title: str) -> str:
    """An SVG of `logs` out of a run of `steps` steps; with ln K where K, `out_dim`, is known."""
    limit, points = math.log(out_dim) if out_dim else 0.0, thinned(logs)
    top = loss_top(limit, (log.loss for log in points))
    drawing = Drawing(WIDTH, HEIGHT, title)
    axes = Axes(drawing, (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM), (0, steps), (0, top))
    heights = range(0, math.floor(top) + 1, max(1, round(top / 4)))
    axes.frame(sorted({0, steps // 2, steps}), heights, "step", "nats")
    if limit:
        axes.level(limit, f"ln K = {limit:.2f}, all prototypes alike")
    loss_curves(axes, points)
    return drawing.svg()


def loss_top(limit: float, losses: Iterable[float]) -> float:
    """Where the axis of the loss ends: a little above ln K, or at a round number above losses that are higher."""
    usual = max(1.14 * limit, 0.1)  # room for the words on the line
    highest = max((loss for loss in losses if math.isfinite(loss)), default=0.0)
    return usual if highest <= usual else roomy(highest)


def loss_curves(axes: Axes, logs: Iterable[StepLog]) -> None:
    """Loss, h and KL, with the band between h and the loss, which is as wide as the KL; their names at the end.

    logs: as many as there should be points. Those without finite numbers are left out.
    """
    logs = [log for log in logs if math.isfinite(log.loss + log.entropy + log.kl)]
    if not logs:
        return
    above, below = ([axes.at(log.step + 1, y) for log, y in zip(logs, ys, strict=True)] for ys in _edges(logs))
    axes.drawing.area([*above, *reversed(below)], GREEN, 0.18)
    axes.curve(((log.step + 1, log.kl) for log in logs), GREEN, DASH_KL)
    axes.curve(((log.step + 1, log.entropy) for log in logs), ORANGE, DASH_H)
    axes.curve(((log.step + 1, log.loss) for log in logs), BLUE, width=2.2)
    last = logs[-1]
    axes.end_labels(
        [
            Label(last.loss, f"loss {last.loss:.2f}", BLUE),
            Label(last.entropy, f"h {last.entropy:.2f}", ORANGE, DASH_H),
            Label(last.kl, f"KL {last.kl:.2f}", GREEN, DASH_KL),
        ]
    )


def _edges(logs: list[StepLog]) -> tuple[list[float], list[float]]:
    return [log.loss for log in logs], [log.entropy for log in logs]
