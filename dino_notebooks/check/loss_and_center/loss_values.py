"""A question on the values of the loss: what does it show when a run has collapsed to uniform targets?"""

import torch

from dino_lite import dino_loss
from dino_notebooks.check.choice import choice

K = 4096
VALUES = {
    "0": "It would be 0 if one prototype had everything, in targets and student alike: the other collapse.",
    "1": "1 would be the sum of the shares. What is minus the logarithm of one share?",
    "3.61": "That is the logarithm to base 10. Losses in PyTorch are in nats.",
    "8.32": "It is ln K.",
    "12": "That is in bits, the logarithm to base 2. Losses in PyTorch are in nats.",
    "4096": "That is the number of prototypes. What is minus the logarithm of one share?",
}


def uniform_loss() -> str:
    """The value among them that is nearest to the loss of two flat distributions."""
    flat = torch.full((2, 1, K), 1 / K)
    value = float(dino_loss(torch.zeros(3, 1, K), flat, 0.1))
    return min(VALUES, key=lambda text: abs(float(text) - value))


UNIFORM_LOSS = choice(
    "uniform_loss",
    VALUES,
    uniform_loss,
    "It is ln K, for any number of views. A loss that stays there says that no picture is told from another. What "
    "looks like a plateau of slow learning may be this.",
    (
        "At a uniform collapse every prototype has the same share, in the targets and in the student. Which share?",
        "Every term of the cross-entropy has the same logarithm, and the weights sum to 1. So only one logarithm is "
        "left.",
        "-math.log(1 / 4096), with the natural logarithm.",
    ),
)
