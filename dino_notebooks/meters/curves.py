"""Meters of every step: the loss in its two parts, and how many prototypes share the pictures."""

import math

from dino_notebooks.drawing import BLUE, PURPLE, Drawing
from dino_notebooks.drawing.axes import Label, short, thinned, ticks
from dino_notebooks.live_chart import loss_curves, loss_top
from dino_notebooks.meters.changes import knob_words
from dino_notebooks.meters.timeline import draw_others, frame, logged, others, say_empty, sheet_with, time_axes, trend
from dino_notebooks.session.snapshot import Snapshot

DASH_INFORMATION = (6.0, 3.0)


def loss(snapshot: Snapshot) -> Drawing:
    """The loss, its entropy h and its KL over the steps; ln K is the loss of targets that say nothing."""
    limit, track = math.log(snapshot.out_dim), logged("loss")
    logs = thinned(snapshot.logs)
    heading, title = "Loss = h + KL", f"Loss: no step yet; ln K is {limit:.2f} nats."
    if logs:
        last = logs[-1]
        heading = f"Loss {last.loss:.2f} = h {last.entropy:.2f} + KL {last.kl:.2f}"
        title = f"{heading} nats{trend(track(snapshot.now, 0))}; ln K is {limit:.2f}.{_last_change(snapshot)}"
    drawing = sheet_with(heading, title)
    shown = [track(snapshot.now, 0), *(points for _, points in others(snapshot, track))]
    axes = time_axes(snapshot, drawing, loss_top(limit, (y for points in shown for _, y in points)))
    axes.level(limit, f"ln K = {limit:.2f}: uniform")
    frame(axes, snapshot, ticks(*axes.y), "nats", notes=True)
    draw_others(axes, snapshot, track)
    loss_curves(axes, logs)
    if not logs:
        say_empty(axes)
    return drawing


def prototypes(snapshot: Snapshot) -> Drawing:
    """The entropy of the mean target, in nats and as a number of prototypes, and what targets tell.

    One curve has two scales: the number of prototypes in use is exp of the entropy.
    """
    limit, track = math.log(snapshot.out_dim), logged("marginal_entropy")
    heading, title = "Prototypes in use", f"Prototypes in use: no step yet, {snapshot.out_dim} there are."
    now, told = track(snapshot.now, 0), logged("mutual_information")(snapshot.now, 0)
    if now:
        used, tell = math.exp(min(now[-1][1], 700.0)), told[-1][1]
        heading = f"Prototypes in use: {used:.0f} of {snapshot.out_dim}"
        title = (
            f"{used:.0f} of {snapshot.out_dim} prototypes in use, entropy of the mean target {now[-1][1]:.2f} of "
            f"{limit:.2f} nats{trend(now)}; targets tell {tell:.2f} nats about their picture."
        )
    drawing = sheet_with(heading, title)
    axes = time_axes(snapshot, drawing, max(1.14 * limit, 0.1), right=120)
    axes.level(limit, f"ln K = {limit:.2f}: all alike")
    frame(axes, snapshot, ticks(*axes.y), "nats")
    numbers = _powers(snapshot.out_dim)
    axes.y_ticks(((math.log(number), short(number)) for number in numbers), right=True)
    drawing.line([(axes.right, axes.top), (axes.right, axes.bottom)], width=1, opacity=0.5)
    draw_others(axes, snapshot, track)
    axes.curve(told, PURPLE, DASH_INFORMATION)
    axes.curve(now, BLUE, width=2.2)
    if now:
        labels = [Label(now[-1][1], f"{used:.0f} used", BLUE), Label(tell, f"MI {tell:.2f}", PURPLE, DASH_INFORMATION)]
        axes.end_labels(labels, offset=10 + 7 * len(short(numbers[-1])))
    else:
        say_empty(axes)
    return drawing


def _powers(out_dim: int) -> list[int]:
    """1, 4, 16, ... up to K; the steps of large K are larger."""
    base = 4 if out_dim <= 1024 else 16
    return [base**i for i in range(math.floor(math.log(max(out_dim, 1)) / math.log(base) + 1e-9) + 1)]


def _last_change(snapshot: Snapshot) -> str:
    if not snapshot.now.changes:
        return ""
    last = snapshot.now.changes[-1]
    return f" Last change: {knob_words(last.knob, last.value)} at step {last.step}."
