"""Meters of what is measured now and then: how far the student has run ahead, and what the features are worth."""

from dino_notebooks.drawing import BLUE, GREEN, Drawing
from dino_notebooks.drawing.axes import Label, ticks
from dino_notebooks.meters.timeline import (
    ceiling,
    dotted,
    draw_others,
    frame,
    measured,
    others,
    sheet_with,
    time_axes,
    trend,
)
from dino_notebooks.session.snapshot import Snapshot


def distance(snapshot: Snapshot) -> Drawing:
    """How far the student's weights are from the teacher's, over the steps."""
    track = measured("distance")
    now = track(snapshot.now, 0)
    heading, title = "Student to teacher", "Distance from student to teacher: not measured yet."
    if now:
        heading = f"Student to teacher: {now[-1][1]:.3f}"
        title = f"The student's weights are {now[-1][1]:.3f} of the teacher's length away from them{trend(now)}."
    drawing = sheet_with(heading, title)
    top = ceiling([now, *(points for _, points in others(snapshot, track))], 0.1)
    axes = time_axes(snapshot, drawing, top)
    frame(axes, snapshot, ticks(0, top, about=3), "")
    draw_others(axes, snapshot, track)
    axes.curve(now, BLUE, width=2.2)
    if now:
        axes.end_labels([Label(now[-1][1], f"{now[-1][1]:.3f}", BLUE)])
    return drawing


def score(snapshot: Snapshot) -> Drawing:
    """Retrieval across vendors over the steps, beside chance and the random network that it began with."""
    track = measured("score")
    now, floor, chance = track(snapshot.now, 0), snapshot.floor, snapshot.chance
    heading, title = "Finds the same emoji", "Retrieval across vendors: not measured yet."
    labels = [dotted(chance, f"chance {percent(chance)}")]
    if now and floor is not None:
        heading = f"Finds the same emoji: {percent(now[-1][1])}"
        title = (
            f"Retrieval across vendors {percent(now[-1][1])}{trend(now)}; "
            f"the random network at step 0 had {percent(floor)}, chance is {percent(chance)}."
        )
        labels = [
            Label(now[-1][1], f"now {percent(now[-1][1])}", GREEN),
            dotted(floor, f"start {percent(floor)}"),
            *labels,
        ]
    drawing = sheet_with(heading, title)
    highest = ceiling([now, [(0, chance)], *(points for _, points in others(snapshot, track))], 0.1)
    axes = time_axes(snapshot, drawing, min(1.0, highest), right=102)
    frame(axes, snapshot, [], "")
    axes.y_ticks((tick, percent(tick)) for tick in ticks(*axes.y))
    axes.level(chance)
    if floor is not None:
        axes.level(floor)
    draw_others(axes, snapshot, track)
    axes.curve(now, GREEN, width=2.2)
    axes.end_labels(labels)
    return drawing


def percent(share: float) -> str:
    """A share in words: 61%, <1%."""
    return "<1%" if 0 < share < 0.005 else f"{100 * share:.0f}%"
