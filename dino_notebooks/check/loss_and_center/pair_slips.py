"""Find the bug: a loss over all pairs at once, with two slips that a public implementation has, written anew."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_lite import loss
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake, Rule
from dino_notebooks.check.loss_and_center.large_logits import about_large_logits, something_added
from dino_notebooks.check.loss_and_center.losses import (
    LARGE,
    LARGE_IN_WORDS,
    no_gradient,
    pair_sum,
    random_losses,
    with_logs,
)


def all_pairs(student_logits: Tensor, teacher_probs: Tensor, temperature: float) -> Tensor:
    """Student (V, B, K), targets (2, B, K), τs → the loss: what you were given, with both slips mended."""
    terms = -teacher_probs[:, None] * F.log_softmax(student_logits / temperature, dim=-1)[None]  # (2, V, B, K)
    losses = terms.sum(dim=-1)  # (2, V, B): a cross-entropy is a sum over the prototypes
    different = ~torch.eye(len(student_logits), dtype=torch.bool)[:2]  # (2, V): no view predicts itself
    return losses[different].mean()


def pair_cases(generator: Generator) -> list[Arguments]:
    """As for the loss; but with many more prototypes than views, so that a mean over them is seen to be too small."""
    return random_losses(generator, (3, 1, 8, 0.5), (2, 2, 3, 0.5), (3, 2, 5, 0.1), (5, 4, 6, 0.1))


def table(student: Tensor, targets: Tensor, tau: float) -> Tensor:
    """What is added up, before any sum: (2, V, B, K)."""
    return -targets[:, None] * F.log_softmax(student / tau, -1)


def others(student: Tensor) -> Tensor:
    """Which of the pairs are of different views (2, V)."""
    return ~torch.eye(len(student), dtype=torch.bool)[:2]


ALL_PAIRS = Exercise(
    name="all_pairs",
    right=loss.dino_loss,
    cases=pair_cases,
    argument_names=("student_logits", "teacher_probs", "temperature"),
    mistakes=(
        Mistake(
            "Both slips are still there. What does dim=1 of (teacher's views, student's views, pictures, prototypes) "
            "add up, and what does the mean then divide by? And what about a view that predicts itself?",
            lambda s, t, tau: table(s, t, tau).sum(1).mean(),
            untouched=True,
        ),
        Mistake(
            "The sum is mended. But a view is still compared with itself: which two of the pairs have to go?",
            lambda s, t, tau: table(s, t, tau).sum(-1).mean(),
        ),
        Mistake(
            "The pairs of a view with itself are gone. But it still adds up the views, and averages over the "
            "prototypes.",
            lambda s, t, tau: (table(s, t, tau) * others(s)[:, :, None, None]).sum(1).mean(),
        ),
        Mistake(
            "The pairs of a view with itself are gone. But a dimension is still added up that should be averaged, and "
            "the prototypes are averaged: after a mask (2, V) the dimensions are (pairs, pictures, prototypes).",
            lambda s, t, tau: table(s, t, tau)[others(s)].sum(1).mean(),
        ),
        Mistake(
            "The right pairs are gone. But it averages over the prototypes, too.",
            lambda s, t, tau: table(s, t, tau)[others(s)].mean(),
        ),
        Mistake(
            "The pairs are added up and the prototypes averaged: after a mask (2, V) the dimensions are (pairs, "
            "pictures, prototypes). Which one is the sum of a cross-entropy?",
            lambda s, t, tau: table(s, t, tau)[others(s)].sum(0).mean(),
        ),
        Mistake(
            "The pairs of a view with itself are zero now, and still counted in the mean. How many pairs are left, of "
            "2 · V?",
            lambda s, t, tau: (table(s, t, tau).sum(-1) * others(s)[:, :, None]).mean(),
        ),
        Mistake(
            "The prototypes are added up, and the student's views still are, too. Only one of the four is a sum.",
            lambda s, t, tau: table(s, t, tau).sum((1, 3)).mean(),
        ),
        Mistake(
            "It adds up the teacher's views. Which dimension is the sum of a cross-entropy?",
            lambda s, t, tau: table(s, t, tau).sum(0).mean(),
        ),
        Mistake(
            "It adds up the pictures. Which dimension is the sum of a cross-entropy?",
            lambda s, t, tau: table(s, t, tau).sum(2).mean(),
        ),
        Mistake(
            "Now there is nothing left but the local views. Each global view has to predict the other global one, too.",
            lambda s, t, tau: table(s, t, tau)[:, 2:].sum(-1).mean(),
        ),
        something_added(with_logs),
        Mistake(
            "It is a sum over all pairs. The loss is their mean.",
            lambda s, t, tau: pair_sum(s, t, tau).mean(-1).sum(),
        ),
    ),
    rules=(
        *about_large_logits(
            "But with large logits it is infinite or NaN, which it was not before: keep log_softmax.",
            loss.dino_loss,
            LARGE,
            0,
            LARGE_IN_WORDS,
        ),
        Rule(
            "But it carries no gradient any more, so the student would learn nothing: what detaches it?",
            no_gradient,
            "student logits with requires_grad=True",
        ),
    ),
    hints=(
        "Write the four dimensions beside the line: teacher's views, student's views, pictures, prototypes. Which of "
        "them is a sum in a cross-entropy, and which are means?",
        "The sum runs over the last dimension. Of the (2, V, B) numbers that come out, two pairs don't belong in the "
        "mean: (0, 0) and (1, 1).",
        "Let losses be the sum over dim=-1. Then different = ~torch.eye(V, dtype=torch.bool)[:2] says which pairs "
        "stay, and losses[different] takes them out, for the mean.",
    ),
    solution=all_pairs,
)
