"""Axes of a live chart: where a number lies in px, ticks, guides and labels."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from dino_notebooks.drawing import INK, Drawing, Point

POINTS = 160  # of a curve: no live chart shows more
SMALL = 11.5  # px, ticks and labels
PALE = 0.8  # opacity of ticks and guides: still 4.5 to 1 in both themes
KEY = 15.0  # px, a piece of a curve before its name, long enough to show the dashes
ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
Item = TypeVar("Item")


class Label(NamedTuple):
    """The name of a curve or a guide that ends at y, with the look of its line."""

    y: float
    words: str
    color: str = INK
    dash: tuple[float, ...] = ()
    width: float = 2.2


class Axes:
    """A rectangle of a drawing with a scale on each side.

    drawing: what is drawn on. box: left, top, right, bottom in px. x, y: the numbers at the ends, lowest first.
    """

    def __init__(self, drawing: Drawing, box: Sequence[float], x: tuple[float, float], y: tuple[float, float]) -> None:
        self.drawing, self.x, self.y = drawing, x, y
        self.left, self.top, self.right, self.bottom = box
        self._words: list[tuple[float, float]] = []  # (left end, line below) of what is written on levels

    def at(self, x: float, y: float) -> Point:
        """Where (x, y) lies, in px; what lies outside is drawn on the edge."""
        across = (x - self.x[0]) / max(self.x[1] - self.x[0], 1e-9)
        up = (y - self.y[0]) / max(self.y[1] - self.y[0], 1e-9)
        return (
            self.left + (self.right - self.left) * min(1.0, max(0.0, across)),
            self.bottom - (self.bottom - self.top) * min(1.0, max(0.0, up)),
        )

    def frame(self, x_ticks: Iterable[float], y_ticks: Iterable[float], x_name: str = "", y_name: str = "") -> None:
        """The two axes with ticks, the name of x left of its ticks and that of y above its upper end."""
        d = self.drawing
        d.line([(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)], width=1, opacity=0.5)
        for tick in x_ticks:
            d.text(self.at(tick, self.y[0])[0], self.bottom + 14, short(tick), "middle", size=SMALL, opacity=PALE)
        self.y_ticks((tick, short(tick)) for tick in y_ticks)
        if x_name:
            d.text(self.left - 8, self.bottom + 14, x_name, "end", size=SMALL, opacity=PALE)
        if y_name:
            d.text(self.left - 5, self.top - 6, y_name, "end", size=SMALL, opacity=PALE)

    def y_ticks(self, labels: Iterable[tuple[float, str]], right: bool = False) -> None:
        """Words beside the left axis, or the right one, at the height of their numbers."""
        x, anchor = (self.right + 5, "start") if right else (self.left - 5, "end")
        for y, words in labels:
            height = min(self.at(self.x[0], y)[1] + 4, self.bottom + 1)  # the lowest clear of the ticks of x
            self.drawing.text(x, height, words, anchor, size=SMALL, opacity=PALE)

    def level(self, y: float, label: str = "") -> None:
        """A dotted guide across at y, with its meaning above its right end."""
        (x0, height), (x1, _) = self.at(self.x[0], y), self.at(self.x[1], y)
        self.drawing.line([(x0, height), (x1, height)], width=1, dash=(1, 4))
        if label:
            self.drawing.text(x1 - 4, height - 4, label, "end", size=SMALL, opacity=PALE)
            self._words.append((x1 - 4 - text_width(label), height))

    def upright(self, x: float, **look: object) -> None:
        """A thin line from top to bottom at x px; under the words of a level it begins below them."""
        top = max([self.top, *(height for left, height in self._words if x > left)])
        self.drawing.line([(x, top), (x, self.bottom)], **look)  # type: ignore[arg-type]

    def curve(self, points: Iterable[Point], color: str, dash: tuple[float, ...] = (), **look: float) -> list[Point]:
        """A line through (x, y) numbers, a dot where it is only one; those that are not finite are left out.

        Returns where it runs, in px.
        """
        where = [self.at(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        if len(where) == 1:
            (x, y), r = where[0], 3.0
            self.drawing.area([(x - r, y), (x, y - r), (x + r, y), (x, y + r)], color, look.get("opacity", 1.0))
        self.drawing.line(where, color, **{"width": 1.8, **look}, dash=dash)
        return where

    def end_labels(self, labels: Iterable[Label], gap: float = 14.0, offset: float = 4.0) -> None:
        """Names of curves beside the right ends of the axes, moved apart where they would lie on one another.

        gap: px between two. offset: px between the axes and the names, for a scale on the right.
        """
        known = sorted((label for label in labels if math.isfinite(label.y)), key=lambda label: -label.y)
        heights = apart([self.at(self.x[1], label.y)[1] for label in known], gap, self.bottom)
        x = self.right + offset
        for height, label in zip(heights, known, strict=True):
            self.drawing.line([(x, height), (x + KEY, height)], label.color, width=label.width, dash=label.dash)
            self.drawing.text(x + KEY + 4, height + 4, label.words, size=SMALL)


def apart(heights: list[float], gap: float, floor: float) -> list[float]:
    """Rising heights (y in px, downwards), at least `gap` apart and none below `floor`."""
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + gap) if moved else height)
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], floor - gap * (len(moved) - 1 - i))
    return moved


def thinned(items: Sequence[Item], count: int = POINTS) -> list[Item]:
    """At most `count` items, evenly spaced, and always the last one.

    Every 2nd, 4th, 8th, ... from the first on: while a run goes on the same items stay, so that a noisy curve
    does not flicker.
    """
    stride = 1
    while (len(items) - 1) // stride + 1 + (stride > 1) > count:
        stride *= 2
    chosen = list(items[::stride])
    return chosen if (len(items) - 1) % stride == 0 or not items else [*chosen, items[-1]]


def roomy(number: float) -> float:
    """The next round number that is not smaller: an axis that ends there grows in jumps."""
    if not (math.isfinite(number) and number > 0):
        return 1.0
    unit = 10.0 ** math.floor(math.log10(number) + 1e-9)
    return next((unit * m for m in ROUND if unit * m >= number * (1 - 1e-9)), 10 * unit)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from low to high: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * i for i in range(first, math.floor(high / step + 1e-9) + 1)]


def short(number: float) -> str:
    """A tick's number: 0.04, 3, 12000."""
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def text_width(words: str, size: float = SMALL) -> float:
    """About how many px the words take: a little more than most fonts need."""
    return 0.6 * size * len(words)
