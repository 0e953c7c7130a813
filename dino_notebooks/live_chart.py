"""The chart of a run as an SVG string: the loss over the steps, split into h and KL, below the line ln K.

One definition for the live picture and its still: it takes 2 ms, needs no matplotlib, and follows the theme of the
page, since text and lines are drawn in the page's own colour. Curves are told apart by dashes and labels too.
"""

import math
from collections.abc import Callable
from html import escape

from dino_lite import StepLog

POINTS = 300  # of a curve: no screen shows more
WIDTH, HEIGHT = 720, 230  # px
LEFT, RIGHT, TOP, BOTTOM = 34, 96, 20, 34  # px, margins; the labels of the curves stand in the right one
BLUE, ORANGE = "#0072B2", "#E69F00"  # of Okabe and Ito, who tested their palette for colour blindness
Place = Callable[[float, float], tuple[float, float]]


def chart(logs: list[StepLog], steps: int, out_dim: int | None, title: str) -> str:
    """An SVG of `logs` out of a run of `steps` steps; with ln K where K, `out_dim`, is known."""
    limit = math.log(out_dim) if out_dim else 0.0
    points = thinned(logs)
    top = 1.1 * max(limit, 0.1, *(log.loss for log in points)) if points else 1.1 * max(limit, 0.1)
    inner, floor = WIDTH - LEFT - RIGHT, HEIGHT - BOTTOM

    def at(step: float, value: float) -> tuple[float, float]:
        """Where a point of the curve lies, in px."""
        return LEFT + inner * step / steps, floor - (floor - TOP) * max(value, 0.0) / top

    parts = [_axes(steps, top, at)]
    if limit:
        parts.append(_limit_line(limit, steps, at))
    if points:
        parts.append(_curves(points, at))
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" fill="none" style="display: block; width: 100%; '
        f'color: inherit; font-size: 12px"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def thinned(logs: list[StepLog]) -> list[StepLog]:
    """At most POINTS of the logs, evenly spaced, the last one always among them; never one without a finite loss."""
    stride = math.ceil(len(logs) / POINTS) or 1
    chosen = logs[::-1][::stride][::-1]
    return [log for log in chosen if math.isfinite(log.loss)]


def _axes(steps: int, top: float, at: Place) -> str:
    (x0, y0), (x1, y1) = at(0, 0), at(steps, top)
    parts = [f'<path d="M{x0} {y1:.1f}V{y0:.1f}H{x1}" stroke="currentColor" opacity="0.5"/>']
    parts += [_text(at(step, 0)[0], y0 + 15, str(step), "middle") for step in (0, steps // 2, steps)]
    parts.append(_text((x0 + x1) / 2, y0 + 29, "step", "middle"))
    values = range(0, math.floor(top) + 1, max(1, round(top / 4)))
    parts += [_text(x0 - 6, at(0, value)[1] + 4, str(value), "end") for value in values]
    parts.append(_text(2, 12, "nats"))
    return "".join(parts)


def _limit_line(limit: float, steps: int, at: Place) -> str:
    (x0, y), (x1, _) = at(0, limit), at(steps, limit)
    line = f'<path d="M{x0} {y:.1f}H{x1}" stroke="currentColor" stroke-dasharray="1 4"/>'
    return line + _text(x1, y - 5, f"ln K = {limit:.2f}, all prototypes alike", "end")


def _curves(points: list[StepLog], at: Place) -> str:
    loss = [at(log.step + 1, log.loss) for log in points]
    sharp = [at(log.step + 1, log.entropy) for log in points]
    (left, floor), (right, _) = at(points[0].step + 1, 0), at(points[-1].step + 1, 0)
    last = points[-1]
    parts = [
        f'<path d="M{left:.1f} {floor:.1f}L{_path(sharp)}L{right:.1f} {floor:.1f}Z" fill="{BLUE}" opacity="0.3"/>',
        f'<path d="M{_path(sharp)}L{_path(loss[::-1])}Z" fill="{ORANGE}" opacity="0.55"/>',
        f'<path d="M{_path(sharp)}" stroke="currentColor" stroke-width="1.4" stroke-dasharray="5 3"/>',
        f'<path d="M{_path(loss)}" stroke="currentColor" stroke-width="1.6"/>',
    ]
    upper = min(loss[-1][1], floor - 30)
    lower = min(max(sharp[-1][1], upper + 30), floor)
    parts.append(_text(right + 8, upper + 4, f"loss {last.loss:.2f}"))
    parts.append(_text(right + 8, (upper + lower) / 2 + 4, f"KL {last.kl:.2f}"))
    parts.append(_text(right + 8, lower + 4, f"h {last.entropy:.2f}"))
    return "".join(parts)


def _path(points: list[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'
