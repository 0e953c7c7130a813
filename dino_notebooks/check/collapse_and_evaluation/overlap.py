"""The exercise on how well two masks fit: intersection over union."""

import torch
from torch import Generator, Tensor

from dino_lite import attention
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def mask_cases(generator: Generator) -> list[Arguments]:
    """(masks, truth): one pair, several, several for one truth, and one where both are empty."""
    cases: list[Arguments] = []
    for shape, true_shape in (((3, 4), (3, 4)), ((2, 4, 5), (2, 4, 5)), ((2, 3, 4, 6), (2, 1, 4, 6))):
        truth = torch.rand(true_shape, generator=generator) < 0.4
        cases.append((torch.rand(shape, generator=generator) < 0.5, truth))
    nothing = torch.zeros(2, 2, 3, dtype=torch.bool)
    one = nothing.clone()
    one[0, 0, :2] = True
    return [*cases, (nothing, one)]


def both(m: Tensor, t: Tensor) -> Tensor:
    """Pixels in both masks."""
    return (m & t).sum((-2, -1))


def either(m: Tensor, t: Tensor) -> Tensor:
    """Pixels in one of them at least, and at least 1."""
    return (m | t).sum((-2, -1)).clamp_min(1)


MASK_IOU = Exercise(
    name="mask_iou",
    right=attention.mask_iou,
    cases=mask_cases,
    argument_names=("masks", "truth"),
    mistakes=(
        Mistake(
            "This is the share of pixels on which both masks agree. A mask of a small thing would get a high score for "
            "finding nothing: pixels that are in neither mask don't count.",
            lambda m, t: (m == t).double().mean((-2, -1)),
        ),
        Mistake(
            "This is Dice, twice the intersection over the sum of both sizes. IoU divides by the union.",
            lambda m, t: 2 * both(m, t) / sizes(m, t).clamp_min(1),
        ),
        Mistake(
            "It divides by the sum of both sizes, where the pixels of both masks count twice. In a union they count "
            "once.",
            lambda m, t: both(m, t) / sizes(m, t).clamp_min(1),
        ),
        Mistake(
            "It divides by the size of the mask: that is precision, and a mask of one right pixel gets 1.",
            lambda m, t: both(m, t) / m.sum((-2, -1)).clamp_min(1),
        ),
        Mistake(
            "It divides by the size of the true mask: that is recall, and a mask of the whole picture gets 1.",
            lambda m, t: both(m, t) / t.sum((-2, -1)).clamp_min(1),
        ),
        Mistake(
            "It divides by the size of the picture. The same fit of a smaller thing would score less.",
            lambda m, t: both(m, t) / (m.shape[-2] * m.shape[-1]),
        ),
        Mistake(
            "It is the union over the intersection: upside down.",
            lambda m, t: (m | t).sum((-2, -1)) / both(m, t).clamp_min(1),
        ),
        Mistake(
            "It counts the pixels on which the masks differ. 1 should be a perfect fit.",
            lambda m, t: (m ^ t).sum((-2, -1)) / either(m, t),
        ),
        Mistake(
            "Where both masks are empty it gives NaN: 0/0. Let such a pair score 0: divide by at least 1.",
            lambda m, t: both(m, t) / (m | t).sum((-2, -1)),
        ),
        Mistake(
            "Where both are empty it gives 1; here such a pair scores 0.",
            lambda m, t: torch.where((m | t).any(-1).any(-1), both(m, t) / either(m, t), 1.0),
        ),
        Mistake(
            "It is one mean for all masks. Each mask has an IoU of its own.",
            lambda m, t: (both(m, t) / either(m, t)).mean(),
        ),
        Mistake(
            "The pixels of all masks are counted together. Each mask has an IoU of its own.",
            lambda m, t: (m & t).sum() / (m | t).sum().clamp_min(1),
        ),
        Mistake(
            "It counts along the width only. A mask has two dimensions, height and width.",
            lambda m, t: (m & t).sum(-1) / (m | t).sum(-1).clamp_min(1),
        ),
        Mistake(
            "It gives counts of pixels. They have to be divided by the union.",
            lambda m, t: both(m, t).double(),
        ),
    ),
    hints=(
        "Which pixels are in both masks, and which are in at least one? & and | answer it for all pixels at once.",
        "Count both sorts over the two last dimensions, and divide. What if there is no pixel at all?",
        "(masks & truth).sum((-2, -1)) / (masks | truth).sum((-2, -1)).clamp_min(1).",
    ),
)


def sizes(m: Tensor, t: Tensor) -> Tensor:
    """The sizes of both masks, added up."""
    return m.sum((-2, -1)) + t.sum((-2, -1))
