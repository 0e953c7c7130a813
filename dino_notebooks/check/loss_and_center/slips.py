"""Find the bug: the cross-entropy of well-known pseudo-code of DINO, written anew with the same slips."""

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule, carries_gradient
from dino_notebooks.check.loss_and_center.large_logits import about_large_logits, something_added


def cross_entropy(
    teacher_logits: Tensor, student_logits: Tensor, center: Tensor, teacher_temp: float, student_temp: float
) -> Tensor:
    """H(t, s) of the pseudo-code, as it is meant: the mean over views and pictures, logits (2, B, K) each."""
    targets = F.softmax((teacher_logits - center) / teacher_temp, dim=-1).detach()
    log_probs = F.log_softmax(student_logits / student_temp, dim=-1)
    return -(targets * log_probs).sum(dim=-1).mean()


def entropy_cases(generator: Generator) -> list[Arguments]:
    """(teacher logits (2, B, K), student logits (2, B, K), centre (K,), τt, τs)."""
    cases: list[Arguments] = []
    for b, k, teacher_temp, student_temp in ((1, 3, 0.4, 0.7), (3, 4, 0.5, 0.8), (5, 4, 0.2, 0.5)):
        logits = torch.randn(2, 2, b, k, generator=generator)
        cases.append((logits[0], logits[1], torch.randn(k, generator=generator), teacher_temp, student_temp))
    return cases


PLACES = ("the teacher's softmax", "the student's softmax", "the sum")  # that the pseudo-code lets run over dim 1


def running_over(dims: tuple[int, int, int]) -> Function:
    """H with a dimension for each of the three places."""

    def does(t: Tensor, s: Tensor, c: Tensor, tau_t: float, tau_s: float) -> Tensor:
        targets, log_probs = F.softmax((t - c) / tau_t, dims[0]), F.log_softmax(s / tau_s, dims[1])
        return -(targets * log_probs).sum(dims[2]).mean()

    return does


def still_over_pictures() -> list[Mistake]:
    """A mistake for each set of places that are not mended; what is untouched gets a question only."""
    untouched = (
        "The number is as you found it. Three places in the code name a dimension: which one of (views, pictures, "
        "prototypes) is it, and which should it be?"
    )
    mistakes = [Mistake(untouched, running_over((1, 1, 1)), untouched=True)]
    for count in (2, 1):
        for left in combinations(range(3), count):
            places = " and ".join(PLACES[place] for place in left)
            mistakes.append(
                Mistake(
                    f"Not over the prototypes yet: {places}. Which dimension of (views, pictures, prototypes) is it "
                    "now, and which should it be?",
                    running_over((*((1 if place in left else -1) for place in range(3)),)),  # type: ignore[arg-type]
                )
            )
    return mistakes


def gradient_into(place: int, function: Function) -> bool:
    """Whether the loss sends a gradient into this one of teacher logits, student logits and centre."""
    case = entropy_cases(Generator().manual_seed(0))[0]
    leaves = [x.clone().requires_grad_() for x in case[:3]]
    value = function(*leaves, *case[3:])
    return carries_gradient(value) and torch.autograd.grad(value, leaves, allow_unused=True)[place] is not None


LARGE = (
    torch.tensor([[[3.0, 0.0]], [[3.0, 0.0]]]),
    torch.tensor([[[300.0, 0.0]], [[0.0, 300.0]]]),
    torch.zeros(2),
    0.01,
    0.1,
)


def with_logs(of: Function) -> Function:
    """H with other logarithms, of(logits, τ), in the place of log-softmax."""
    return lambda t, s, c, tau_t, tau_s: -(F.softmax((t - c) / tau_t, -1) * of(s, tau_s)).sum(-1).mean()


CROSS_ENTROPY = Exercise(
    name="cross_entropy",
    right=cross_entropy,
    cases=entropy_cases,
    argument_names=("teacher_logits", "student_logits", "center", "teacher_temp", "student_temp"),
    mistakes=(
        *still_over_pictures(),
        Mistake(
            "A logarithm is taken of what is one already: log_softmax is the logarithm of the softmax.",
            lambda t, s, c, tau_t, tau_s: (
                -(F.softmax((t - c) / tau_t, -1) * F.log_softmax(s / tau_s, -1).log()).sum(-1).mean()
            ),
        ),
        Mistake(
            "The targets are logarithms now. Only the student's probabilities need one: the target weighs them.",
            lambda t, s, c, tau_t, tau_s: (
                -(F.log_softmax((t - c) / tau_t, -1) * F.log_softmax(s / tau_s, -1)).sum(-1).mean()
            ),
        ),
        Mistake(
            "The student's probabilities have lost their logarithm.",
            lambda t, s, c, tau_t, tau_s: -(F.softmax((t - c) / tau_t, -1) * F.softmax(s / tau_s, -1)).sum(-1).mean(),
        ),
        Mistake(
            "The sum is gone: a mean over everything divides by the number of prototypes, too.",
            lambda t, s, c, tau_t, tau_s: cross_entropy(t, s, c, tau_t, tau_s) / t.shape[-1],
        ),
        Mistake(
            "The views are crossed twice: the caller has done it.",
            lambda t, s, c, tau_t, tau_s: cross_entropy(t, s.flip(0), c, tau_t, tau_s),
        ),
        something_added(with_logs, (1e-3, 1e-1, 1e-2, 1e-4, 1e-5, 1e-6)),
        Mistake(
            "The minus has got lost: a cross-entropy is never negative.",
            lambda t, s, c, tau_t, tau_s: -cross_entropy(t, s, c, tau_t, tau_s),
        ),
    ),
    rules=(
        Rule(
            "But it carries no gradient for the student, who would learn nothing: what detaches too much?",
            lambda function: not gradient_into(1, function),
            "student logits with requires_grad=True",
        ),
        Rule(
            "But a gradient still flows into the teacher's logits. A target is something to aim at: it must not move "
            "towards the student.",
            lambda function: gradient_into(0, function),
            "teacher logits with requires_grad=True",
        ),
        Rule(
            "But a gradient still flows into the centre. It is made of the teacher's logits of all steps before, so "
            "each step would go back through all of them. Detach after the last thing that is done to the target, not "
            "before the first.",
            lambda function: gradient_into(2, function),
            "a centre with requires_grad=True",
        ),
        *about_large_logits(
            "But with large logits it is still infinite or NaN: a probability of 0 has no logarithm. Which function "
            "takes softmax and logarithm at once?",
            cross_entropy,
            LARGE,
            1,
            "teacher rows (3, 0), student rows (300, 0) and (0, 300), no centre, temperatures 0.01 and 0.1",
        ),
    ),
    hints=(
        "The pseudo-code was written for logits (B, K). With views in front, what is dimension 1? Three places say it.",
        "Count from the end: -1 is always the prototypes. Then look where the first line detaches, and what comes into "
        "the target after it. Last: which function gives the logarithm of a softmax in one go?",
        "The target is softmax((t - center) / teacher_temp, dim=-1).detach(), the student's part is "
        "log_softmax(s / student_temp, dim=-1), and the sum runs over dim=-1.",
    ),
)
