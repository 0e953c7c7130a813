"""The exercise on the loss: cross-entropies of pairs of different views (paper Eq. 3)."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_lite import collapse, loss
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule, carries_gradient
from dino_notebooks.check.loss_and_center.large_logits import about_large_logits, something_added


def loss_cases(generator: Generator) -> list[Arguments]:
    """(student logits (V, B, K), targets (2, B, K), τs): with one local view, with none, and with three."""
    return random_losses(generator, (3, 1, 3, 0.5), (2, 2, 3, 0.5), (3, 2, 4, 0.1), (5, 4, 6, 0.1))


def random_losses(generator: Generator, *sizes: tuple[int, int, int, float]) -> list[Arguments]:
    """Random logits and targets for each (V, B, K, τs)."""
    cases: list[Arguments] = []
    for v, b, k, temperature in sizes:
        student = torch.randn(v, b, k, generator=generator)
        cases.append((student, F.softmax(2 * torch.randn(2, b, k, generator=generator), -1), temperature))
    return cases


def pair_sum(student: Tensor, targets: Tensor, tau: float, skip: bool = True) -> Tensor:
    """Cross-entropies of all pairs (pairs, B): the loss in slow motion, before any mean."""
    log_q = F.log_softmax(student / tau, -1)
    return torch.stack(
        [-(targets[q] * log_q[v]).sum(-1) for q in range(2) for v in range(len(student)) if not skip or v != q]
    )


def local_pairs(student: Tensor) -> list[int]:
    """Which of the pairs of different views have a local view, in the order of `pair_sum`."""
    views = [v for q in range(2) for v in range(len(student)) if v != q]
    return [i for i, v in enumerate(views) if v > 1]


def only_locals(student: Tensor, targets: Tensor, tau: float) -> Tensor:
    """The mistake of giving the student only the small views."""
    log_q = F.log_softmax(student[2:] / tau, -1)
    return -(targets[:, None] * log_q).sum(-1).mean()


def swapped(student: Tensor, targets: Tensor, tau: float) -> Tensor:
    """The mistake of exchanging the two distributions."""
    q = F.softmax(student / tau, -1)
    pairs = [-(q[v] * targets[t].log()).sum(-1) for t in range(2) for v in range(len(student)) if v != t]
    return torch.stack(pairs).mean()


def divergence(student: Tensor, targets: Tensor, tau: float) -> Tensor:
    """The mistake of giving the KL alone."""
    return pair_sum(student, targets, tau).mean() - collapse.entropy(targets).mean()


LARGE = (torch.tensor([[[300.0, 0.0]], [[0.0, 300.0]]]), torch.full((2, 1, 2), 0.5), 0.1)
LARGE_IN_WORDS = "student rows (300, 0) and (0, 300), targets of one half, a temperature of 0.1"


def with_logs(of: Function) -> Function:
    """The loss with other logarithms, of(logits, τ), in the place of log-softmax."""

    def does(student: Tensor, targets: Tensor, tau: float) -> Tensor:
        log_q = of(student, tau)
        pairs = [-(targets[q] * log_q[v]).sum(-1) for q in range(2) for v in range(len(student)) if v != q]
        return torch.stack(pairs).mean()

    return does


def no_gradient(function: Function) -> bool:
    """Whether the student would learn nothing."""
    student = torch.randn(3, 2, 4, generator=Generator().manual_seed(0), requires_grad=True)
    return not carries_gradient(function(student, torch.full((2, 2, 4), 0.25), 0.1))


DINO_LOSS = Exercise(
    name="dino_loss",
    right=loss.dino_loss,
    cases=loss_cases,
    argument_names=("student_logits", "teacher_probs", "temperature"),
    mistakes=(
        Mistake(
            "A view is also compared with itself. The student should predict the teacher's view of *another* crop: "
            "leave the pairs with equal numbers out.",
            lambda s, t, tau: pair_sum(s, t, tau, skip=False).mean(),
        ),
        Mistake(
            "The pairs of a view with itself are left out of the sum, but still counted in the mean. How many pairs "
            "are there, with two teacher views and V student views?",
            lambda s, t, tau: pair_sum(s, t, tau).mean(-1).sum() / (2 * len(s)),
        ),
        Mistake(
            "It is a sum over the pairs. The loss is their mean, so that it does not grow with the number of views.",
            lambda s, t, tau: pair_sum(s, t, tau).mean(-1).sum(),
        ),
        Mistake(
            "It is a sum over the pictures. With a mean, the loss would not depend on the size of the batch.",
            lambda s, t, tau: pair_sum(s, t, tau).sum(-1).mean(),
        ),
        Mistake(
            "Nothing is averaged: it is the sum over all pairs and all pictures.",
            lambda s, t, tau: pair_sum(s, t, tau).sum(),
        ),
        Mistake(
            "It is averaged over the prototypes, too. A cross-entropy is a *sum* over the prototypes; then it can be "
            "compared with ln K.",
            lambda s, t, tau: pair_sum(s, t, tau).mean() / s.shape[-1],
        ),
        Mistake(
            "It is summed over the views and averaged over pictures and prototypes. With a (T, V, B, K) tensor, which "
            "dimension is the sum of a cross-entropy?",
            lambda s, t, tau: pair_sum(s, t, tau, skip=False).sum(0).mean() / (2 * s.shape[-1]),
        ),
        Mistake(
            "The student's temperature is missing.",
            lambda s, t, tau: pair_sum(s, t, 1.0).mean(),
        ),
        Mistake(
            "The student's logits are multiplied by the temperature, and should be divided.",
            lambda s, t, tau: pair_sum(s, t, 1 / tau).mean(),
        ),
        Mistake(
            "The two distributions are exchanged. The target weighs the logarithms of the student: H(t, s) is not "
            "H(s, t).",
            swapped,
        ),
        Mistake(
            "The student's probabilities are used without their logarithm.",
            lambda s, t, tau: torch.stack(
                [-(t[q] * F.softmax(s[v] / tau, -1)).sum(-1) for q in range(2) for v in range(len(s)) if v != q]
            ).mean(),
        ),
        Mistake(
            "Only the local views are compared. Each global view has to predict the other global one, too.",
            only_locals,
        ),
        Mistake(
            "Only the local views are added up, but the sum is divided by the number of all pairs. Each global view "
            "has to predict the other global one, too.",
            lambda s, t, tau: pair_sum(s, t, tau)[local_pairs(s)].mean(-1).sum() / (2 * len(s) - 2),
        ),
        Mistake(
            "Only the two global views are compared: the student's local views are left out.",
            lambda s, t, tau: pair_sum(s[:2], t, tau).mean(),
        ),
        Mistake(
            "The teacher's temperature is applied again: what comes in are probabilities already, with no softmax to "
            "come.",
            lambda s, t, tau: pair_sum(s, F.softmax(t / tau, -1), tau).mean(),
        ),
        Mistake(
            "A softmax is taken of the targets, which are probabilities already.",
            lambda s, t, tau: pair_sum(s, F.softmax(t, -1), tau).mean(),
        ),
        something_added(with_logs),
        Mistake(
            "It has the wrong sign: a cross-entropy is never negative.",
            lambda s, t, tau: -pair_sum(s, t, tau).mean(),
        ),
        Mistake(
            "This is the KL: the entropy of the targets is taken away. DINO minimises the whole cross-entropy.",
            divergence,
        ),
        Mistake(
            "The softmax of the student runs over the pictures. Which dimension are the prototypes?",
            lambda s, t, tau: torch.stack(
                [-(t[q] * F.log_softmax(s / tau, 1)[v]).sum(-1) for q in range(2) for v in range(len(s)) if v != q]
            ).mean(),
        ),
    ),
    rules=(
        *about_large_logits(
            "But with large logits it is infinite or NaN: the softmax becomes 0, and log(0) is minus infinity. "
            "log_softmax takes both at once and stays finite.",
            loss.dino_loss,
            LARGE,
            0,
            LARGE_IN_WORDS,
        ),
        Rule(
            "But it carries no gradient, so the student would learn nothing: what detaches it?",
            no_gradient,
            "student logits with requires_grad=True",
        ),
    ),
    hints=(
        "Write it as two loops: over the teacher's two views, and over the student's V views. Which pairs stay out?",
        "For a pair: -(target * log of the student's softmax) summed over the prototypes, averaged over the pictures.",
        "log_q = F.log_softmax(student_logits / temperature, dim=-1). Add up -(teacher_probs[q] * log_q[v]).sum(-1)"
        ".mean() where v != q, and divide by the number of pairs, 2V - 2.",
    ),
)
