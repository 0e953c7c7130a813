"""The teacher is a moving average of the student: how it follows, what it remembers, how its momentum goes to 1."""

import math

import torch
from torch import nn

from dino_lite import schedules, teacher
from dino_notebooks.drawing import BLUE, ORANGE, Drawing
from dino_notebooks.drawing.axes import PALE, SMALL, Axes, Label, short, text_width, thinned, ticks
from dino_notebooks.widgets.controls import NumberControl, SwitchControl
from dino_notebooks.widgets.live_figure import CONTROL, WIDTH, Figure, LiveFigure, number, row
from dino_notebooks.widgets.ranges import Range

MOMENTUM = Range("momentum", "m", "momentum", 0.0, 1.0, "0: the teacher is the student. 1: it never moves.", "memory")
STEPS = Range("steps", "T", "steps of the run", 20.0, 1000.0, "The cosine reaches 1 at its end.", "whole")
LEFT, RIGHT = 40.0, 500.0  # px, of both charts
DASH = (6.0, 3.0)
NOISE = 0.12  # of the student's steps, on a way of length 1


class Path(nn.Module):
    """A network of one weight, so that the library's own update can move it."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(value, dtype=torch.float64))


def follow(student: list[float], momenta: list[float]) -> list[float]:
    """Where the teacher is after each step of the student: both begin at its first place."""
    leader = Path(student[0])
    follower = teacher.make_teacher(leader)
    (weight,) = follower.parameters()
    way = []
    for value, momentum in zip(student, momenta, strict=True):
        leader.weight.data.fill_(value)
        teacher.ema_update(follower, leader, momentum)
        way.append(float(weight))
    return way


class EMAWidget(LiveFigure):
    """A noisy student and the teacher that follows it, over a run of T steps, and the momentum of every step.

    momentum: m, at all steps or, with `cosine` switched on, at step 0. steps: T. seed: of the student's noise.
    """

    def __init__(self, momentum: float = 0.98, steps: int = 300, cosine: bool = False, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._noise = torch.randn(int(STEPS.high) + 1, generator=generator, dtype=torch.float64).mul(NOISE).tolist()
        self._noise[0] = 0.0
        self.momentum = NumberControl(MOMENTUM, momentum, self.refresh, CONTROL)
        self.steps = NumberControl(STEPS, steps, self.refresh, CONTROL)
        words = "As in the paper: the teacher moves less and less, and stands still at the end."
        self.cosine = SwitchControl("cosine schedule to 1", words, cosine, self.refresh)
        super().__init__([row(self.momentum, self.steps, self.cosine)])

    @property
    def student(self) -> list[float]:
        """The student's place after each step: a way from 0 to 1, with noise."""
        total = round(self.steps.value)
        return [step / total + self._noise[step] for step in range(total + 1)]

    def figure(self) -> Figure:
        """The paths and the schedule, through the library's own functions."""
        start, total, student = self.momentum.value, round(self.steps.value), self.student
        schedule = [schedules.cosine(step, total, start, 1.0) for step in range(total + 1)]
        way = follow(student, schedule if self.cosine.box.value else [start] * (total + 1))
        numbers = {
            "memory": 1 / (1 - start) if start < 1 else math.inf,
            "half_life": math.log(0.5) / math.log(start) if 0 < start < 1 else math.inf if start else 0.0,
            "left_after_100": follow([1.0] + [0.0] * 100, [start] * 101)[-1],
            "middle_momentum": schedule[total // 2],
            "behind": student[-1] - way[-1],
        }
        drawing = Drawing(WIDTH, 352, _finding(numbers, start, self.cosine.box.value))
        _paths(drawing, student, way, math.inf if self.cosine.box.value else numbers["memory"])
        _momenta(drawing, schedule, start, self.cosine.box.value)
        return Figure(drawing, numbers, _line(numbers, start, total))


def _finding(numbers: dict[str, float], start: float, cosine: bool) -> str:
    if cosine:
        return f"The momentum rises from {start:.6g} to 1: the teacher smooths the student more and more, then stands."
    if start == 0:
        return "Momentum 0: the teacher is the student, noise and all."
    if start == 1:
        return "Momentum 1: the teacher never moves from where it began."
    return (
        f"Momentum {start:.6g}: the teacher is the mean of about the last {_steps(numbers['memory'])} of the "
        "student, smoother than it and behind it."
    )


def _line(numbers: dict[str, float], start: float, total: int) -> str:
    memory = f"memory 1/(1 − m) = {_steps(numbers['memory'])}, half forgotten after {_steps(numbers['half_life'])}"
    kept = memory if start < 1 else "nothing is ever forgotten"
    gap = numbers["behind"]
    return (
        f"m = {start:.6g}: {kept}, of step 0 "
        f"{numbers['left_after_100']:.0%} is left after 100 steps. The cosine is at "
        f"{numbers['middle_momentum']:.6g} at step {total // 2} and at 1 at step {total}. At the end the teacher is "
        f"{number(abs(gap))} {'behind' if gap >= 0 else 'ahead'}."
    )


def _paths(drawing: Drawing, student: list[float], way: list[float], memory: float) -> None:
    """Student thin and solid, teacher thick and dashed, and the length of the memory."""
    total = len(student) - 1
    low, high = min(*student, *way), max(*student, *way)
    axes = Axes(drawing, (LEFT, 26, RIGHT, 186), (0.0, float(total)), (low, high))
    axes.frame(_marks(total), ticks(low, high, 4))
    drawing.text(0, 12, "one weight of the student and of the teacher", size=12, bold=True)
    axes.curve([(float(x), y) for x, y in thinned(list(enumerate(student)), 320)], BLUE, width=1.0)
    axes.curve([(float(x), y) for x, y in thinned(list(enumerate(way)), 320)], ORANGE, DASH, width=2.6)
    axes.end_labels([Label(student[-1], "student", BLUE), Label(way[-1], "teacher", ORANGE, DASH)])
    if memory <= total:
        (x0, y), (x1, _) = axes.at(total - memory, low), axes.at(total, low)
        drawing.line([(x0, y - 10), (x0, y - 4), (x1, y - 4), (x1, y - 10)], width=1.5)
        words = f"memory {_steps(memory)}"
        drawing.text(max(x0 - 4, LEFT + 116), y - 8, words, "end", size=11)


def _momenta(drawing: Drawing, schedule: list[float], start: float, used: bool) -> None:
    """The momentum of every step: the cosine, and the constant. What the teacher uses is the thicker."""
    total = len(schedule) - 1
    low = min(start, 1 - 1e-4)
    axes = Axes(drawing, (LEFT + 24, 234, RIGHT, 318), (0.0, float(total)), (low, 1.0))
    axes.frame(_marks(total), [])
    middle = axes.at(total // 2, low)[0] - text_width(short(total // 2)) / 2 - 5
    drawing.text(middle, axes.bottom + 14, "step", "end", size=SMALL, opacity=PALE)  # at the left it would crowd m
    drawing.text(0, 220, "momentum: m(i) = 1 + (m − 1)/2 · (1 + cos(π i/T)), from m to 1", size=12, bold=True)
    axes.y_ticks((value, f"{value:.6g}") for value in (low, 1.0))
    axes.curve([(0.0, start), (float(total), start)], ORANGE, DASH, width=1.2 if used else 2.6)
    axes.curve([(float(x), y) for x, y in thinned(list(enumerate(schedule)))], ORANGE, width=2.6 if used else 1.2)
    names = ("cosine", "constant")
    labels = [f"{name}: used" if (name == "cosine") == used else name for name in names]
    axes.end_labels([Label(1.0, labels[0], ORANGE), Label(start, labels[1], ORANGE, DASH)])


def _marks(total: int) -> list[float]:
    return [0.0, float(total // 2), float(total)]


def _steps(count: float) -> str:
    return f"{count:,.0f} steps" if count >= 1000 else f"{count:.3g} step{'s' * (f'{count:.3g}' != '1')}"
