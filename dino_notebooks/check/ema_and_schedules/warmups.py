"""The exercise on a straight line, as the teacher's temperature follows it (paper §4.1)."""

import torch
from torch import Generator

from dino_lite import schedules
from dino_notebooks.check.draws import number, whole
from dino_notebooks.check.ema_and_schedules.schedules import SCHEDULE, every_step
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


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
    general=SCHEDULE,
    argument_names=("at the steps", "warmup", "start", "end"),
    mistakes=(
        Mistake(
            "The end is reached one step too late. The warm-up has `warmup` steps, the first of which is step 0: "
            "which number has the last one?",
            lambda i, w, a, b: b if w < 2 else line(i / w, a, b),
            (lambda i, w, a, b: line(i / w if w else 1.0, a, b),),
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
