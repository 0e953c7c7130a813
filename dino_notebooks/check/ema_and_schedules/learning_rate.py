"""The exercise on the learning rate: a warm-up, and a cosine after it (paper §4.1)."""

import math

import torch
from torch import Generator

from dino_lite import schedules
from dino_lite.schedules import cosine, linear_warmup
from dino_notebooks.check.draws import number, whole
from dino_notebooks.check.ema_and_schedules.schedules import SCHEDULE, every_step
from dino_notebooks.check.ema_and_schedules.warmups import line
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule


def rate_cases(generator: Generator) -> list[Arguments]:
    """(steps, total, warmup, peak, end): a short run and a longer one."""
    cases: list[Arguments] = []
    for warmup, after in ((2, whole(generator, 3, 5)), (whole(generator, 3, 6), whole(generator, 6, 9))):
        ends = number(generator, 0.6, 0.9), number(generator, 0.1, 0.3)
        cases.append((torch.arange(warmup + after + 3), warmup + after, warmup, *ends))
    return cases


def with_warmup(after: Function) -> Function:
    """The right warm-up, and something else after it."""
    return lambda i, n, w, a, b: linear_warmup(i, w, 0.0, a) if i < w else after(i, n, w, a, b)


def short_warmups_fail(function: Function) -> bool:
    """Whether a warm-up of one step, or none, does not begin at the peak."""
    cases = [(torch.arange(7), 5, warmup, 0.7, 0.2) for warmup in (1, 0)]
    both = [(every_step(function, case), every_step(schedules.warmup_cosine, case)) for case in cases]
    return any(
        yours is None or not torch.allclose(yours, right, atol=1e-4) for yours, right in both if right is not None
    )


WARMUP_COSINE = Exercise(
    name="warmup_cosine",
    right=schedules.warmup_cosine,
    cases=rate_cases,
    ask=every_step,
    general=SCHEDULE,
    argument_names=("at the steps", "total", "warmup", "peak", "end"),
    mistakes=(
        Mistake(
            "After the warm-up it drops at once: the cosine has run from step 0 on. It begins when the warm-up is "
            "over.",
            with_warmup(lambda i, n, w, a, b: cosine(i, n, a, b)),
        ),
        Mistake(
            "It does not arrive at the end: the cosine has as many steps as the whole run. How many are left after "
            "the warm-up?",
            with_warmup(lambda i, n, w, a, b: cosine(min(i, n) - w, n, a, b)),
        ),
        Mistake(
            "The cosine has as many steps as the whole run, so it arrives at the end too late. How many are left "
            "after the warm-up?",
            with_warmup(lambda i, n, w, a, b: cosine(i - w, n, a, b)),
        ),
        Mistake(
            "The end is reached one step too early. It belongs to step `total`, not to the one before.",
            with_warmup(lambda i, n, w, a, b: cosine(i - w, n - w - 1, a, b)),
        ),
        Mistake(
            "The cosine begins one step too early, so the first step after the warm-up is below the peak already.",
            with_warmup(lambda i, n, w, a, b: cosine(i - w + 1, n - w + 1, a, b)),
        ),
        Mistake(
            "The warm-up reaches the peak one step too late. Its last step is `warmup` - 1, as in linear_warmup.",
            lambda i, n, w, a, b: a * i / w if i < w else cosine(i - w, n - w, a, b),
        ),
        Mistake(
            "The warm-up is one step ahead. It begins at 0.",
            lambda i, n, w, a, b: a * (i + 1) / w if i < w else cosine(i - w, n - w, a, b),
        ),
        Mistake(
            "There is no warm-up: it begins at the peak.",
            lambda i, n, w, a, b: cosine(i, n, a, b),
        ),
        Mistake(
            "It is multiplied by the warm-up, and falls along the cosine from step 0 on. The one comes *after* the "
            "other.",
            lambda i, n, w, a, b: linear_warmup(i, w, 0.0, 1.0) * cosine(i, n, a, b),
        ),
        Mistake(
            "The cosine is one step ahead: at step `warmup` it has to be at the peak still. What does its clock show "
            "there?",
            with_warmup(lambda i, n, w, a, b: cosine(i - w + 1, n - w, a, b)),
        ),
        Mistake(
            "The warm-up begins at the end's value. It begins at 0.",
            lambda i, n, w, a, b: linear_warmup(i, w, b, a) if i < w else cosine(i - w, n - w, a, b),
        ),
        Mistake(
            "It goes down to 0: the end is left out.",
            with_warmup(lambda i, n, w, a, b: cosine(i - w, n - w, a, 0.0)),
        ),
        Mistake(
            "After the warm-up it stays at the peak. Where is the cosine?",
            with_warmup(lambda i, n, w, a, b: a),
        ),
        Mistake(
            "After the warm-up it falls along a straight line. Where is the cosine?",
            with_warmup(lambda i, n, w, a, b: line((i - w) / (n - w), a, b)),
        ),
        Mistake(
            "After the last step it turns round and comes back. It should stay at the end.",
            with_warmup(lambda i, n, w, a, b: b + (a - b) * (1 + math.cos(math.pi * (i - w) / (n - w))) / 2),
        ),
    ),
    rules=(
        Rule(
            "But a warm-up of one step has no line: it is `peak` at once, at step 0, and the cosine begins at step 1.",
            short_warmups_fail,
            "a warmup of 1 and of 0, at every step",
        ),
    ),
    hints=(
        "Two cases: while step is below warmup, and from there on. For each you have a function already.",
        "After the warm-up a new clock starts. What does it show at step `warmup`, and what at step `total`?",
        "linear_warmup(step, warmup, 0.0, peak) in the first case; cosine of step - warmup, over total - warmup steps, "
        "in the second.",
    ),
)
