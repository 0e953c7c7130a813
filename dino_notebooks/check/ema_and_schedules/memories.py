"""Exercises on what a moving average remembers: its memory, what is left of its start, and a momentum for a lab."""

import math
from collections.abc import Callable
from typing import Any

from torch import Generator

from dino_lite import preflight
from dino_notebooks.check.choice import choice
from dino_notebooks.check.compare import finite, numbers
from dino_notebooks.check.draws import number, whole
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Trouble


def memory_cases(generator: Generator) -> list[Arguments]:
    """(momentum,): little more than 2 steps, little less than 6, many, and 1, which never forgets."""
    memories = ((2.2, 2.4), (5.6, 5.9), (30, 100))
    return [*((round(1 - 1 / number(generator, *ends), 4),) for ends in memories), (1.0,)]


def endless_at_one(value: Callable[[float], float]) -> Function:
    """The function, but infinity where the momentum is 1."""
    return lambda m: math.inf if m == 1 else value(m)


def ask_memory(function: Function, arguments: Arguments) -> Any:
    """Its answer; whatever number it gives for a momentum of 1, one sentence says what is wrong with it."""
    given = function(*arguments)
    if arguments == (1.0,) and given is not None and finite(numbers(given)):
        raise Trouble("A momentum of 1 never forgets: there it should be math.inf.")
    return given


MEMORY = Exercise(
    name="memory",
    right=preflight.memory,
    cases=memory_cases,
    ask=ask_memory,
    argument_names=("momentum",),
    mistakes=(
        Mistake(
            "This is the half-life: the steps after which half is left. The memory is longer, see the definition.",
            endless_at_one(lambda m: math.log(0.5) / math.log(m)),
        ),
        Mistake(
            "This is the half-life, nearly: ln 2 times the memory.",
            endless_at_one(lambda m: math.log(2) / (1 - m)),
        ),
        Mistake(
            "This is −1 / ln m, after which 1/e is left. It comes close for long memories, but here the memory is "
            "1 over the share of the newest.",
            endless_at_one(lambda m: -1 / math.log(m)),
        ),
        Mistake(
            "One over the momentum is near 1 for every teacher. Which share does the newest student have?",
            endless_at_one(lambda m: 1 / m),
        ),
        Mistake(
            "It is one step short: m / (1 − m) is the mean age of what is averaged, and the newest has age 0.",
            endless_at_one(lambda m: m / (1 - m)),
        ),
        Mistake(
            "This is the share of the newest student. The memory is a number of steps, and longer for a smaller share.",
            endless_at_one(lambda m: 1 - m),
        ),
        Mistake(
            "It is rounded to whole steps. Leave it as it is.",
            endless_at_one(lambda m: round(1 / (1 - m))),
        ),
        Mistake(
            "It is rounded down to whole steps. Leave it as it is.",
            endless_at_one(lambda m: int(1 / (1 - m))),
        ),
    ),
    hints=(
        "Which share of the teacher is the newest student? If all students had that share, how many would fit in?",
        "One over that share. What happens to it at a momentum of 1?",
        "1 / (1 - momentum), and math.inf where the momentum is 1.",
    ),
)


def remaining(momentum: float, steps: int) -> float:
    """The share of the start that is left after so many updates with the same momentum."""
    return momentum**steps


def remaining_cases(generator: Generator) -> list[Arguments]:
    """(momentum, steps): few steps and many."""
    cases: list[Arguments] = []
    for ends, few, many in (((0.5, 0.7), 2, 5), ((0.8, 0.9), 6, 12), ((0.98, 0.985), 80, 100)):
        cases.append((number(generator, *ends), whole(generator, few, many)))
    return [*cases, (0.9, 0)]


REMAINING = Exercise(
    name="remaining",
    right=remaining,
    cases=remaining_cases,
    argument_names=("momentum", "steps"),
    mistakes=(
        Mistake(
            "This is the share that is new. What is left of the start?",
            lambda m, n: 1 - m**n,
        ),
        Mistake(
            "It is one update too many: after none at all, all of the start is left.",
            lambda m, n: m ** (n + 1),
        ),
        Mistake(
            "It is one update too few: the first one takes its share already.",
            lambda m, n: m ** max(n - 1, 0),
        ),
        Mistake(
            "The momentum is multiplied by the number of steps. Each update keeps a share of what the one before left.",
            lambda m, n: m * n,
        ),
        Mistake(
            "This is what the students' share would leave. Which share does one update keep?",
            lambda m, n: (1 - m) ** n,
        ),
        Mistake(
            "Each step takes the same amount away here. It takes a share of what is left, which becomes less and less.",
            lambda m, n: 1 - n * (1 - m),
        ),
        Mistake(
            "Each step takes the same amount away here. It takes a share of what is left, which never is all of it.",
            lambda m, n: max(0.0, 1 - n * (1 - m)),
        ),
        Mistake(
            "exp(−steps / memory) comes close where the momentum is near 1. There is an exact and simpler form.",
            lambda m, n: math.exp(-n * (1 - m)),
        ),
        Mistake(
            "It is the same for any number of steps.",
            lambda m, n: m,
        ),
    ),
    hints=(
        "After one update the share m of the start is left. What does the second one keep of that?",
        "Every update multiplies what is left by the momentum.",
        "momentum times itself, as many times as there are steps: in Python a power is written **.",
    ),
)

STEPS, MOST = 300, 0.01  # of the lab's run, and of the random start at its end


def smoothest() -> str:
    """Of the momenta below the one with the longest memory that forgets its start in time."""
    return max((m for m in MOMENTA if remaining(float(m), STEPS) < MOST), key=lambda m: preflight.memory(float(m)))


MOMENTA = {
    "0.9": "It forgets its start in time, but it is not the only one. Which of those that do has the longest memory?",
    "0.98": "It forgets its start in time, but it is not the only one. Which of those that do has the longest memory?",
    "0.99": "Too much of the random start is left at the end: ask your own function with these steps.",
    "0.996": "It is the paper's, for runs of many thousand steps. How much of the start does it leave after so few?",
    "0.9995": "The authors advise it for small batches, in long runs. Here the teacher would stay nearly what it was.",
}

LAB_MOMENTUM = choice(
    "lab_momentum",
    MOMENTA,
    smoothest,
    "It has the longest memory of those that leave less than a hundredth of the random start. Had you taken the "
    "paper's momentum, "
    f"{remaining(0.996, STEPS):.0%} of the teacher would still be random.",
    (
        "Two wishes pull apart: a long memory makes a smooth teacher, a short one forgets the random start in time.",
        "Compute what is left of the start after all steps of the run, for each of the five.",
        "[my_remaining(m, 300) for m in (0.9, 0.98, 0.99, 0.996, 0.9995)]: which are below 0.01, and which of those "
        "has the longest memory?",
    ),
)
