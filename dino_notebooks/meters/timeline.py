"""What all meters over the steps share: heading, axes, marks of changed knobs, and the futures left behind."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from dino_notebooks.drawing import INK, Drawing, Point
from dino_notebooks.drawing.axes import PALE, SMALL, Axes, Label, roomy, short, thinned, ticks
from dino_notebooks.meters.changes import NEAR, Note, fitting, merged, spaced, told
from dino_notebooks.session.snapshot import Future, Snapshot

WIDTH, HEIGHT = 360.0, 190.0  # px; drawn up to a sixth larger or a fifth smaller, so that text has 9 to 14 px
LEFT, TOP, RIGHT, BOTTOM = 38.0, 50.0, 94.0, 22.0  # px, margins: ticks, heading and notes, names of curves
SHORTEST = 50  # steps that the time axis spans at least
OTHERS = 4  # futures left behind that are drawn, the newest: more would hide the one that goes on
DASH_OTHER = (3.0, 3.0)
Track = Callable[[Future, int], Sequence[Point]]  # (future, first step) → its points from there on


def sheet_with(heading: str, title: str, height: float = HEIGHT) -> Drawing:
    """An empty meter with its heading."""
    drawing = Drawing(WIDTH, height, title)
    drawing.text(4, 15, heading, size=13.5, bold=True)
    return drawing


def time_axes(snapshot: Snapshot, drawing: Drawing, top: float, right: float = RIGHT) -> Axes:
    """Axes over the steps of all futures and from 0 to `top`, in a drawing of a meter's size; no frame yet."""
    box = (LEFT, TOP, drawing.width - right, drawing.height - BOTTOM)
    return Axes(drawing, box, (0, horizon(snapshot)), (0, top))


def frame(axes: Axes, snapshot: Snapshot, y_ticks: Iterable[float], y_name: str, notes: bool = False) -> None:
    """The frame, thin lines where knobs changed and dashed ones where the run was rewound.

    notes: write down what changed as well.
    """
    axes.frame(ticks(*axes.x, about=5), y_ticks, "step", y_name)
    changes = merged(snapshot.now.changes, max(NEAR, axes.x[1] / 60))
    for x in spaced([axes.at(change.step, 0)[0] for change in changes]):
        axes.upright(x, width=1, opacity=0.4)
    rewinds = _rewinds(snapshot)
    for step in rewinds:
        axes.upright(axes.at(step, 0)[0], width=1.2, dash=(5, 3), opacity=0.7)
    back = [Note(axes.at(step, 0)[0], f"rewound to {step}") for step in rewinds[-1:]]
    changed = [Note(axes.at(step, 0)[0], words) for step, words in told(changes)] if notes else []
    near, left_over = fitting(changed or back, axes.left, axes.drawing.width - 2)
    above, _ = fitting([*back, *left_over] if changed else [], axes.left, axes.drawing.width - 2)
    for height, row in ((axes.top - 6, near), (axes.top - 19, above)):
        for note in row:
            axes.drawing.text(note.x, height, note.words, "middle", size=SMALL, opacity=PALE)


def say_empty(axes: Axes) -> None:
    """Words in the middle of a chart that has no curve yet."""
    middle = ((axes.left + axes.right) / 2, (axes.top + axes.bottom) / 2)
    axes.drawing.text(*middle, "no step yet", "middle", size=SMALL, opacity=PALE)


def draw_others(axes: Axes, snapshot: Snapshot, track: Track) -> None:
    """The futures left behind: thin, dashed and pale, from where the next one left them, with their names."""
    for future, points in others(snapshot, track):
        if where := axes.curve(points, INK, DASH_OTHER, width=1.1, opacity=0.6):
            x, y = where[-1]
            axes.drawing.text(x - 2, y - 4, future.name, "end", size=SMALL, bold=True, opacity=PALE)


def others(snapshot: Snapshot, track: Track) -> list[tuple[Future, Sequence[Point]]]:
    """The futures left behind that are drawn, each with its points from where the next one left it."""
    line = (*snapshot.others, snapshot.now)
    pairs = list(pairwise(line))[-OTHERS:]
    return [(future, track(future, after.fork)) for future, after in pairs]


def logged(name: str) -> Track:
    """A track of a number that every log has. A log's point is at the number of steps done after it."""

    def points(future: Future, start: int) -> list[Point]:
        """A few of the future's points."""
        chosen = thinned(future.logs[max(0, start - 1) :])
        return [(log.step + 1, getattr(log, name)) for log in chosen]

    return points


def measured(name: str) -> Track:
    """A track of what is measured now and then, `distance` or `score`."""

    def points(future: Future, start: int) -> list[Point]:
        """A few of the future's points."""
        every: Sequence[Point] = getattr(future, name)
        return thinned(every if not start else [point for point in every if point[0] >= start])

    return points


def ceiling(points: Iterable[Sequence[Point]], least: float) -> float:
    """A round number above all points that are finite, at least `least`."""
    highest = max((y for curve in points for _, y in curve if math.isfinite(y)), default=0.0)
    return roomy(max(1.02 * highest, least))


def horizon(snapshot: Snapshot) -> float:
    """Where the time axis ends: a round number of steps that all futures have room in."""
    furthest = max(len(future.logs) for future in (*snapshot.others, snapshot.now))
    return roomy(max(furthest, snapshot.step, SHORTEST))


def trend(points: Sequence[Point]) -> str:
    """Where a curve is going, for its title: ", falling since step 300"; nothing to say about a few points."""
    finite = [point for point in points if math.isfinite(point[1])]
    size = max(1, len(finite) // 12)  # means of blocks: single steps are noise
    blocks = [finite[i : i + size] for i in range(len(finite) % size, len(finite), size)]
    means = [sum(y for _, y in block) / len(block) for block in blocks]
    if len(means) < 4:
        return ""
    spread = max(means) - min(means)
    for sign, word in ((-1, "falling"), (1, "rising")):
        i = len(means) - 1
        while i and sign * (means[i] - means[i - 1]) > 0:
            i -= 1
        if sign * (means[-1] - means[i]) > max(0.05 * spread, 1e-3 * abs(means[-1])):
            return f", {word} since step {short(blocks[i][-1][0])}"
    return ", level"


def dotted(y: float, words: str) -> Label:
    """The name of a guide."""
    return Label(y, words, INK, (1, 4), 1.0)


def _rewinds(snapshot: Snapshot) -> list[int]:
    """The steps that the run went back to, oldest first."""
    return [future.fork for future in (*snapshot.others, snapshot.now)[1:]][-OTHERS:]
