"""The exercise on which views the loss compares."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Trouble


def view_pairs(n_local: int) -> list[tuple[int, int]]:
    """(teacher's view, student's view) of every term of the loss, from 0; the two global views are 0 and 1."""
    return [(q, v) for q in range(2) for v in range(2 + n_local) if v != q]


def pair_cases(generator: Generator) -> list[Arguments]:
    """(L,): one local view, none, and several."""
    return [(1,), (0,), (int(torch.randint(3, 9, (), generator=generator)),)]


def sorted_pairs(function: Function, arguments: Arguments) -> Any:
    """The pairs of an answer in order, whatever order and kind of collection they come in, but not a generator."""
    given = function(*arguments)
    if isinstance(given, Iterator):
        raise Trouble(
            "This gives the pairs one by one, as a generator does: they can be gone through once, and not be counted. "
            "Make a list of them."
        )
    if isinstance(given, int | float | np.number) or (isinstance(given, Tensor | np.ndarray) and given.ndim == 0):
        raise Trouble("This is a number. Write the list of the pairs.")
    if not isinstance(given, Iterable) or isinstance(given, str):
        return given
    listed = given.tolist() if isinstance(given, Tensor | np.ndarray) else list(given)
    try:
        return sorted([int(view) for view in pair] for pair in listed)
    except (TypeError, ValueError):  # no pairs: the judge says what it is instead
        return listed


VIEW_PAIRS = Exercise(
    name="view_pairs",
    right=view_pairs,
    cases=pair_cases,
    ask=sorted_pairs,
    argument_names=("n_local",),
    mistakes=(
        Mistake(
            "A view is compared with itself: teacher and student would see the same crop, and nothing would have to "
            "be found out.",
            lambda n: [(q, v) for q in range(2) for v in range(2 + n)],
        ),
        Mistake(
            "The teacher sees local views, too. It sees the two global ones only.",
            lambda n: [(q, v) for q in range(2 + n) for v in range(2 + n) if v != q],
        ),
        Mistake(
            "The teacher sees local views, and the student the global ones: the two are exchanged. The first number "
            "of a pair is the teacher's.",
            lambda n: [(v, q) for q, v in view_pairs(n)],
        ),
        Mistake(
            "The student sees local views only. It should also predict each global view's target from the other one.",
            lambda n: [(q, 2 + v) for q in range(2) for v in range(n)],
        ),
        Mistake(
            "The student sees global views only. What does it do with the local ones?",
            lambda n: [(0, 1), (1, 0)],
        ),
        Mistake(
            "The two global views are compared in one direction only. Teacher and student have different parts, so "
            "(0, 1) and (1, 0) are two terms.",
            lambda n: [(q, v) for q in range(2) for v in range(2 + n) if v > q],
        ),
        Mistake(
            "n_local counts the local views only. There are two global ones before them.",
            lambda n: [(q, v) for q in range(2) for v in range(n) if v != q],
        ),
        Mistake(
            "The last local view is missing. range(n) ends at n - 1.",
            lambda n: [(q, v) for q in range(2) for v in range(1 + n) if v != q],
        ),
        Mistake(
            "The local views end too early. They begin at 2, and n_local of them follow.",
            lambda n: [(0, 1), (1, 0)] + [(q, v) for q in range(2) for v in range(2, n)],
        ),
        Mistake(
            "There is a view too many. With views counted from 0, what is the number of the last?",
            lambda n: [(q, v) for q in range(2) for v in range(3 + n) if v != q],
        ),
        Mistake(
            "The views are counted from 1. Here the first is 0, as in a list.",
            lambda n: [(q + 1, v + 1) for q, v in view_pairs(n)],
        ),
        Mistake(
            "The global views are left out of every pair where they are the student's, but for one: each target "
            "meets every view except its own.",
            lambda n: [(q, v) for q in range(2) for v in range(2 + n) if v != q and (q, v) != (0, 1)],
        ),
    ),
    hints=(
        "Count first. The teacher sees 2 views, the student all 2 + n_local of them, and 2 pairs stay out.",
        "Two loops, one in the other: q over the teacher's views 0 and 1, v over all the student's views. Which "
        "condition keeps a view from itself?",
        "[(q, v) for q in range(2) for v in range(2 + ...) if v ... q]",
    ),
)
