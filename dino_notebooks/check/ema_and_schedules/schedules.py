"""Exercises on schedules: half a cosine, and a straight line (paper §3.1, §4.1)."""

import math

import torch
from torch import Generator, Tensor

from dino_lite import schedules
from dino_lite.schedules import cosine
from dino_notebooks.check.draws import number, whole
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake


def every_step(function: Function, arguments: Arguments) -> Tensor | None:
    """The value at each step, so that the whole schedule is seen."""
    steps, *rest = arguments
    values = [function(int(step), *rest) for step in steps]
    return None if any(value is None for value in values) else torch.tensor([float(value) for value in values])


def cosine_cases(generator: Generator) -> list[Arguments]:
    """(steps, total, start, end): one that falls, and one that rises; all steps and two after the end."""
    cases: list[Arguments] = []
    for few, many, start, end in ((3, 5, (0.6, 0.9), (0.1, 0.4)), (6, 10, (0.1, 0.4), (0.7, 1.0))):
        total = whole(generator, few, many)
        cases.append((torch.arange(total + 3), total, number(generator, *start), number(generator, *end)))
    return cases


def share(step: int, total: int) -> float:
    """How far the way is gone, at most 1."""
    return min(step / total, 1.0)


COSINE = Exercise(
    name="cosine",
    right=schedules.cosine,
    cases=cosine_cases,
    ask=every_step,
    argument_names=("at the steps", "total", "start", "end"),
    mistakes=(
        Mistake(
            "The end is reached one step too early. It belongs to step `total`, not to the one before.",
            lambda i, n, a, b: cosine(i, n - 1, a, b),
        ),
        Mistake(
            "It is one step ahead. At step 0 it has to be at the start.",
            lambda i, n, a, b: cosine(i + 1, n, a, b),
        ),
        Mistake(
            "It goes from the end to the start.",
            lambda i, n, a, b: cosine(i, n, b, a),
        ),
        Mistake(
            "After the last step it turns round and comes back. It should stay at the end: how far may the way be gone "
            "at most?",
            lambda i, n, a, b: b + (a - b) * (1 + math.cos(math.pi * i / n)) / 2,
        ),
        Mistake(
            "It comes back to the start at the end of the run: that is a whole cosine. Half of one is from 0 to π.",
            lambda i, n, a, b: b + (a - b) * (1 + math.cos(2 * math.pi * share(i, n))) / 2,
        ),
        Mistake(
            "It is a quarter of a cosine, which leaves the start slowly and arrives at full speed. Half of one goes "
            "from 0 to π.",
            lambda i, n, a, b: b + (a - b) * math.cos(math.pi / 2 * share(i, n)),
        ),
        Mistake(
            "It is a straight line. Where does the cosine come in?",
            lambda i, n, a, b: a + (b - a) * share(i, n),
        ),
        Mistake(
            "The way is twice as long as it should be: 1 + cos goes from 2 down to 0.",
            lambda i, n, a, b: b + (a - b) * (1 + math.cos(math.pi * share(i, n))),
        ),
        Mistake(
            "A cosine goes from 1 to −1, and this one is used as it is: it swings to the other side of the end. A "
            "share of the way lies between 0 and 1.",
            lambda i, n, a, b: b + (a - b) * math.cos(math.pi * share(i, n)),
        ),
        Mistake(
            "It goes down to 0: the end is left out.",
            lambda i, n, a, b: a * (1 + math.cos(math.pi * share(i, n))) / 2,
        ),
        Mistake(
            "The end is added whole. What is scaled by the cosine is the *difference* of start and end.",
            lambda i, n, a, b: b + a * (1 + math.cos(math.pi * share(i, n))) / 2,
        ),
        Mistake(
            "The angle is in degrees. math.cos takes it in radians, where half a turn is π.",
            lambda i, n, a, b: b + (a - b) * (1 + math.cos(180 * share(i, n))) / 2,
        ),
    ),
    hints=(
        "First the share of the way that is gone: 0 at step 0, 1 at step `total`, and never more. Then a factor that "
        "falls from 1 to 0 as this share rises.",
        "(1 + cos(π · share)) / 2 falls from 1 to 0. It says how much of the difference of start and end is left.",
        "end + (start - end) * (1 + math.cos(math.pi * gone)) / 2, where gone = min(step / total, 1).",
    ),
)


def warmup_cases(generator: Generator) -> list[Arguments]:
    """(steps, warmup, start, end): two lines, then a warm-up of one step, and none."""
    cases: list[Arguments] = []
    for warmup in (whole(generator, 3, 5), whole(generator, 6, 9), 1, 0):
        ends = number(generator, 0.1, 0.4), number(generator, 0.6, 0.9)
        cases.append((torch.arange(warmup + 3), warmup, *ends))
    return cases


def line(gone: float, start: float, end: float) -> float:
    """A straight line, held at its end."""
    return start + (end - start) * min(gone, 1.0)


LINEAR_WARMUP = Exercise(
    name="linear_warmup",
    right=schedules.linear_warmup,
    cases=warmup_cases,
    ask=every_step,
    argument_names=("at the steps", "warmup", "start", "end"),
    mistakes=(
        Mistake(
            "The end is reached one step too late. The warm-up has `warmup` steps, the first of which is step 0: "
            "which number has the last one?",
            lambda i, w, a, b: b if w < 2 else line(i / w, a, b),
        ),
        Mistake(
            "The end is reached one step too late. Where there is one step of warm-up, or none, all steps are at the "
            "end: a line needs two.",
            lambda i, w, a, b: line(i / w if w else 1.0, a, b),
        ),
        Mistake(
            "It is one step ahead. At step 0 it has to be at the start.",
            lambda i, w, a, b: line((i + 1) / w if w else 1.0, a, b),
        ),
        Mistake(
            "After the warm-up it goes on rising. It should stay at the end.",
            lambda i, w, a, b: b if w < 2 else a + (b - a) * i / (w - 1),
        ),
        Mistake(
            "It goes from the end to the start.",
            lambda i, w, a, b: a if w < 2 else line(i / (w - 1), b, a),
        ),
        Mistake(
            "It begins at 0: the start is left out.",
            lambda i, w, a, b: b if w < 2 else line(i / (w - 1), 0, b),
        ),
        Mistake(
            "The start is added whole, so it arrives above the end. What is shared out over the steps is the "
            "*difference*.",
            lambda i, w, a, b: a + b if w < 2 else line(i / (w - 1), a, a + b),
        ),
        Mistake(
            "It stays at the start and then jumps. A warm-up rises a little at every step.",
            lambda i, w, a, b: a if i < w - 1 else b,
        ),
        Mistake(
            "With a warm-up of one step, or none, it begins at the start all the same. There is no line then: it is "
            "at the end from step 0.",
            lambda i, w, a, b: line(i / max(w - 1, 1), a, b),
        ),
    ),
    hints=(
        "Count the steps of a warm-up of 3 on your fingers: 0, 1, 2. How many stretches lie between the first and the "
        "last?",
        "The way is divided by warmup - 1 stretches. Treat the steps from the last one on by themselves, before you "
        "divide: then no division by 0 can come up.",
        "if step >= warmup - 1 it is the end; otherwise start + (end - start) * step / (warmup - 1).",
    ),
)
