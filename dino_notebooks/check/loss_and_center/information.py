"""Exercises on what a distribution tells: entropy, KL (paper Eq. 5)."""

import torch
import torch.nn.functional as F
from torch import Generator

from dino_lite import collapse
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def entropy_cases(generator: Generator) -> list[Arguments]:
    """(P (..., K),): from flat to sharp, with exact zeros in the last."""
    sharp = F.softmax(3 * torch.randn(2, 4, 5, generator=generator), -1)
    zeros = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    return [(F.softmax(torch.randn(2, 3, generator=generator), -1),), (sharp,), (zeros,)]


ENTROPY = Exercise(
    name="entropy",
    right=collapse.entropy,
    cases=entropy_cases,
    argument_names=("probs",),
    mistakes=(
        Mistake(
            "Where a probability is 0 it gives NaN: 0 · log 0 counts as 0, as torch.special.entr knows.",
            lambda p: -(p * p.log()).sum(-1),
        ),
        Mistake("The minus is missing: an entropy is never negative.", lambda p: -torch.special.entr(p).sum(-1)),
        Mistake(
            "It is in bits. Here entropies are in nats, with the natural logarithm, so that they compare with ln K.",
            lambda p: torch.special.entr(p).sum(-1) / torch.log(torch.tensor(2.0)),
        ),
        Mistake(
            "It is averaged over the prototypes. An entropy is a sum over them.",
            lambda p: torch.special.entr(p).mean(-1),
        ),
        Mistake(
            "It is one number for all rows. Each row has an entropy of its own.",
            lambda p: torch.special.entr(p).sum(-1).mean(),
        ),
        Mistake("All rows are summed up. Each row has an entropy of its own.", lambda p: torch.special.entr(p).sum()),
        Mistake(
            "The sum runs over the first dimension. The prototypes are the last.",
            lambda p: torch.special.entr(p).sum(0),
        ),
        Mistake(
            "The logarithms are not weighed by the probabilities.",
            lambda p: -p.log().sum(-1),
        ),
    ),
    hints=(
        "How surprised is one on average, if -log P is the surprise at each prototype?",
        "-P log P, summed over the last dimension.",
        "A probability of exactly 0 adds nothing, but 0 * log(0) is NaN: torch.special.entr(probs).sum(dim=-1).",
    ),
)


def kl_cases(generator: Generator) -> list[Arguments]:
    """(P (..., K), log Q (..., K))."""
    cases: list[Arguments] = []
    for shape in ((2, 3), (2, 4, 5)):
        p = F.softmax(2 * torch.randn(shape, generator=generator), -1)
        cases.append((p, F.log_softmax(torch.randn(shape, generator=generator), -1)))
    cases.append((torch.tensor([[1.0, 0.0]]), torch.tensor([[0.25, 0.75]]).log()))
    return cases


KL_DIVERGENCE = Exercise(
    name="kl_divergence",
    right=collapse.kl_divergence,
    cases=kl_cases,
    argument_names=("probs", "log_probs"),
    mistakes=(
        Mistake(
            "Where a probability is 0 it gives NaN: 0 · log 0 counts as 0, as torch.special.entr knows.",
            lambda p, q: (p * (p.log() - q)).sum(-1),
        ),
        Mistake(
            "This is the cross-entropy. The KL is what is left of it when the entropy of P is taken away.",
            lambda p, q: -(p * q).sum(-1),
        ),
        Mistake("It has the wrong sign: a KL is never negative.", lambda p, q: -collapse.kl_divergence(p, q)),
        Mistake(
            "The two are exchanged: this is KL(Q‖P). The target P weighs the difference of the logarithms.",
            lambda p, q: (q.exp() * (q - p.log())).sum(-1),
        ),
        Mistake(
            "The entropy of Q is taken away. In H(P, Q) = h(P) + KL(P‖Q) the entropy is that of the target P.",
            lambda p, q: -(p * q).sum(-1) + (q.exp() * q).sum(-1),
        ),
        Mistake(
            "A logarithm is taken of what is one already: the second argument is log Q.",
            lambda p, q: -collapse.entropy(p) - (p * q.log()).sum(-1),
        ),
        Mistake(
            "The second argument is used as a probability. It is log Q.",
            lambda p, q: -collapse.entropy(p) - (p * q.abs().log()).sum(-1),
        ),
        Mistake(
            "The entropy of P is added. H = h + KL, so KL is the cross-entropy *minus* h.",
            lambda p, q: collapse.entropy(p) - (p * q).sum(-1),
        ),
        Mistake(
            "It is one number for all rows. Each row has a KL of its own.",
            lambda p, q: collapse.kl_divergence(p, q).mean(),
        ),
        Mistake(
            "It is averaged over the prototypes. A KL is a sum over them.",
            lambda p, q: collapse.kl_divergence(p, q) / p.shape[-1],
        ),
    ),
    hints=(
        "The cross-entropy has two parts, H(P, Q) = h(P) + KL(P‖Q), and you can write two of them.",
        "-(P log Q) summed over the last dimension is the cross-entropy. Take h(P) away.",
        "The entropy of a P with exact zeros must not be NaN: torch.special.entr(probs).sum(-1).",
    ),
)
