"""The exercise on half a cosine, as the momentum follows it (paper §3.1)."""

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


SCHEDULE = "There are as many numbers as there should be, but not all are right. Compare the first one that differs."


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


def to_go(step: int, total: int) -> float:
    """How much of the way is still to go."""
    return (1 + math.cos(math.pi * share(step, total))) / 2


def turning(step: int, total: int) -> float:
    """The same, but it turns round after the last step."""
    return (1 + math.cos(math.pi * step / total)) / 2


COSINE = Exercise(
    name="cosine",
    right=schedules.cosine,
    cases=cosine_cases,
    ask=every_step,
    general=SCHEDULE,
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
            "It runs from the end to the start: the factor is what is *still to go*, so it belongs to start − end.",
            lambda i, n, a, b: a + (b - a) * to_go(i, n),
            (lambda i, n, a, b: a + (b - a) * turning(i, n),),
        ),
        Mistake(
            "After the last step it turns round and comes back. It should stay at the end: how far may the way be gone "
            "at most?",
            lambda i, n, a, b: b + (a - b) * turning(i, n),
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
            lambda i, n, a, b: a * to_go(i, n),
            (lambda i, n, a, b: a * turning(i, n),),
        ),
        Mistake(
            "The end is added whole. What is scaled by the cosine is the *difference* of start and end.",
            lambda i, n, a, b: b + a * to_go(i, n),
            (lambda i, n, a, b: b + a * turning(i, n),),
        ),
        Mistake(
            "The angle is in degrees. math.cos takes it in radians, where half a turn is π.",
            lambda i, n, a, b: b + (a - b) * (1 + math.cos(180 * share(i, n))) / 2,
        ),
        Mistake(
            "The end is not added: at the last step it gives 0.",
            lambda i, n, a, b: (a - b) * to_go(i, n),
            (lambda i, n, a, b: (a - b) * turning(i, n),),
        ),
        Mistake(
            "It always falls, also where `start` is smaller than `end`: abs takes away the sign of the difference.",
            lambda i, n, a, b: b + abs(a - b) * to_go(i, n),
            (lambda i, n, a, b: b + abs(a - b) * turning(i, n), lambda i, n, a, b: cosine(i, n, max(a, b), min(a, b))),
        ),
        Mistake(
            "The end is reached one step too late. It belongs to step `total`.",
            lambda i, n, a, b: cosine(i, n + 1, a, b),
            (
                lambda i, n, a, b: b + (a - b) * turning(i, n + 1),
                lambda i, n, a, b: b if i > n else cosine(i, n + 1, a, b),
            ),
        ),
    ),
    hints=(
        "First the share of the way that is gone: 0 at step 0, 1 at step `total`, and never more. Then a factor that "
        "falls from 1 to 0 as this share rises.",
        "(1 + cos(π · share)) / 2 falls from 1 to 0. It says how much of the difference of start and end is left.",
        "end + (start - end) * (1 + math.cos(math.pi * gone)) / 2, where gone = min(step / total, 1).",
    ),
)
