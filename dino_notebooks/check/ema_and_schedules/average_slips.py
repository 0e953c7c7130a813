"""Find the bug: two averages with their momenta mixed up, as pseudo-code in circulation has it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from dino_notebooks.check.draws import number
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Trouble

SEEN = (1, 10, 200)  # updates after which the two averages are looked at


def two_averages(
    teacher: Tensor, student: Tensor, center: Tensor, mean: Tensor, alpha: float, beta: float
) -> tuple[Tensor, Tensor]:
    """The teacher's weights with momentum α, and the centre with momentum β; mean: of this batch's logits."""
    return alpha * teacher + (1 - alpha) * student, beta * center + (1 - beta) * mean


def average_cases(generator: Generator) -> list[Arguments]:
    """(teacher, student (D,), centre, mean (K,), α, β)."""
    cases: list[Arguments] = []
    for d, k in ((2, 3), (4, 3)):
        vectors = [torch.randn(size, generator=generator) for size in (d, d, k, k)]
        cases.append((*vectors, number(generator, 0.985, 0.997), number(generator, 0.8, 0.95)))
    return cases


ORDER = "It should give back two: the new teacher (D,), the new centre (K,), in this order."


def is_pair(answer: Any, ours: Tensor, center: Tensor) -> bool:
    """Whether two things come back, shaped as teacher and centre are."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return False
    return all(np.shape(new) == np.shape(old) for new, old in zip(answer, (ours, center), strict=True))


def after_many(function: Function, case: Arguments) -> tuple[Tensor, ...] | None:
    """Teacher and centre, a row for each count in SEEN, where student and batch stay the same."""
    ours, student, center, mean, alpha, beta = case
    rows = []
    for count in range(1, max(SEEN) + 1):
        answer = function(ours, student, center, mean, alpha, beta)
        if answer is None:
            return None
        if count == 1 and not is_pair(answer, ours, center):
            raise Trouble(ORDER)
        ours, center = answer
        if count in SEEN:
            rows.append((torch.as_tensor(ours), torch.as_tensor(center)))
    return torch.stack([row[0] for row in rows]), torch.stack([row[1] for row in rows])


Shares = Callable[[float, float], tuple[float, float]]


def shared(teacher: Shares, center: Shares) -> Function:
    """A mistake: what teacher and centre keep and take, from α and β."""

    def does(t: Tensor, s: Tensor, c: Tensor, mean: Tensor, alpha: float, beta: float) -> tuple[Tensor, Tensor]:
        (keep_t, take_t), (keep_c, take_c) = teacher(alpha, beta), center(alpha, beta)
        return keep_t * t + take_t * s, keep_c * c + take_c * mean

    return does


def mixed(teacher_keeps: Callable[[float, float], float], center: Shares) -> Function:
    """A mistake in which the teacher's shares sum to 1, as they should."""
    return shared(lambda a, b: (teacher_keeps(a, b), 1 - teacher_keeps(a, b)), center)


def with_centers(teacher: Shares) -> tuple[Function, ...]:
    """A teacher with wrong shares; beside it a centre that is right, as it was found, or wrong in the same way."""
    return tuple(
        shared(teacher, c) for c in (lambda a, b: (b, 1 - b), lambda a, b: (a, 1 - b), lambda a, b: (a, 1 - a))
    )


TEACHER_UNEVEN = (
    with_centers(lambda a, b: (a, 1 - b))
    + with_centers(lambda a, b: (b, 1 - a))
    + with_centers(lambda a, b: (1 - a, 1 - a))
)
TEACHER_TURNED = with_centers(lambda a, b: (1 - a, a)) + with_centers(lambda a, b: (1 - a, 1 - a))


TWO_AVERAGES = Exercise(
    name="two_averages",
    right=two_averages,
    cases=average_cases,
    ask=after_many,
    argument_names=("teacher", "student", "center", "mean of the batch", "alpha", "beta"),
    general="It has the right shape, but not all numbers are right. Compare the first row, after one update.",
    output_names=("teacher after 1, 10 and 200 updates", "centre after 1, 10 and 200 updates"),
    mistakes=(
        Mistake(
            "The slip is still there. In the example look at the last row of each average: student and mean have been "
            "the same for all updates. Which of the two averages lies far beyond what goes into it, and why?",
            mixed(lambda a, b: a, lambda a, b: (a, 1 - b)),
        ),
        Mistake(
            "The centre's shares sum to 1 now, but with the teacher's momentum it follows far too slowly. Which of "
            "the two momenta is the centre's own?",
            mixed(lambda a, b: a, lambda a, b: (a, 1 - a)),
        ),
        Mistake(
            "It is the slip the other way round: the centre forgets quickly and takes little, so it stays near 0, as "
            "if there were none.",
            mixed(lambda a, b: a, lambda a, b: (b, 1 - a)),
        ),
        Mistake(
            "The centre is right now, but the teacher has the centre's momentum, and follows far too fast.",
            mixed(lambda a, b: b, lambda a, b: (b, 1 - b)),
        ),
        Mistake(
            "The two momenta have changed places: α is the teacher's, β the centre's.",
            mixed(lambda a, b: b, lambda a, b: (a, 1 - a)),
        ),
        Mistake(
            "The centre's shares are exchanged: with a β of 0.9 it keeps nine tenths of itself.",
            mixed(lambda a, b: a, lambda a, b: (1 - b, b)),
        ),
        Mistake(
            "Dividing by the sum of the shares brings the centre to the right place, but by neither of the two "
            "momenta. Which one is the centre's own?",
            mixed(lambda a, b: a, lambda a, b: (a / (a + 1 - b), (1 - b) / (a + 1 - b))),
        ),
        Mistake(
            "The centre adds up the whole mean at every update. The two shares have to sum to 1.",
            mixed(lambda a, b: a, lambda a, b: (b, 1.0)),
        ),
        Mistake(
            "The teacher's line was right; its shares do not sum to 1 any more.",
            TEACHER_UNEVEN[0],
            TEACHER_UNEVEN[1:],
        ),
        Mistake(
            "The teacher's line was right; now it keeps as little as it should take, and follows far too fast.",
            TEACHER_TURNED[0],
            TEACHER_TURNED[1:],
        ),
        Mistake(
            "The centre keeps next to nothing now, since 1 - α is a small number. The momentum itself is the share "
            "that is kept; which of the two momenta is the centre's own?",
            mixed(lambda a, b: a, lambda a, b: (1 - a, 1 - b)),
            (mixed(lambda a, b: a, lambda a, b: (1 - a, a)), mixed(lambda a, b: a, lambda a, b: (1 - a, b))),
        ),
    ),
    hints=(
        "Give both averages ones for input, for ever. Where does each come to rest?",
        "An average of ones rests at 1 only if what it keeps and what it takes sum to 1. Each of the two has a "
        "momentum of its own.",
        "α and 1 - α belong to the teacher, β and 1 - β to the centre.",
    ),
)
