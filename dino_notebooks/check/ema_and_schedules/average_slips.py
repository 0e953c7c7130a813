"""Find the bug: two averages with their momenta mixed up, as pseudo-code in circulation has it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from dino_notebooks.check.draws import number
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake

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


def after_many(function: Function, case: Arguments) -> tuple[Tensor, ...] | None:
    """Teacher and centre, a row for each count in SEEN, where student and batch stay the same."""
    ours, student, center, mean, alpha, beta = case
    rows = []
    for count in range(1, max(SEEN) + 1):
        answer = function(ours, student, center, mean, alpha, beta)
        if answer is None:
            return None
        ours, center = answer
        if count in SEEN:
            rows.append((torch.as_tensor(ours), torch.as_tensor(center)))
    return torch.stack([row[0] for row in rows]), torch.stack([row[1] for row in rows])


def mixed(teacher_keeps: Callable[[float, float], float], center: Callable[[float, float], tuple[float, float]]) -> Any:
    """A mistake: the share that the teacher keeps, and what the centre keeps and takes, from α and β."""

    def does(t: Tensor, s: Tensor, c: Tensor, mean: Tensor, alpha: float, beta: float) -> tuple[Tensor, Tensor]:
        kept, (keep, take) = teacher_keeps(alpha, beta), center(alpha, beta)
        return kept * t + (1 - kept) * s, keep * c + take * mean

    return does


TWO_AVERAGES = Exercise(
    name="two_averages",
    right=two_averages,
    cases=average_cases,
    ask=after_many,
    argument_names=("teacher", "student", "center", "mean of the batch", "alpha", "beta"),
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
    ),
    hints=(
        "Give both averages ones for input, for ever. Where does each come to rest?",
        "An average of ones rests at 1 only if what it keeps and what it takes sum to 1. Each of the two has a "
        "momentum of its own.",
        "α and 1 - α belong to the teacher, β and 1 - β to the centre.",
    ),
)
