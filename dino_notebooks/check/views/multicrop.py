"""The exercise on cutting all views of a picture: find two bugs, both from public code.

Local views were cut from the picture that had been changed already, and a probability was used as its opposite. Here
the numbers that are usually drawn inside come as arguments, so that a wrong view is wrong every time.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake


def multi_crop(image: Tensor, boxes: Tensor, factors: Tensor, chance: Tensor, probs: Tensor) -> list[Tensor]:
    """A view for each box (V, 4): its piece of the picture (C, H, W), made brighter or darker, perhaps solarized.

    factors: (V,) of the brightness. chance: (V,) uniform numbers; a view is solarized if its own is below its
    probability, probs (V,). Every view begins with the picture as it came.
    """
    views = []
    for v, (top, left, height, width) in enumerate(boxes.tolist()):
        view = (image[:, top : top + height, left : left + width] * factors[v]).clamp(0, 1)
        if chance[v] < probs[v]:
            view = torch.where(view >= 0.5, 1 - view, view)
        views.append(view)
    return views


def all_cases(generator: Generator) -> list[Arguments]:
    """(picture (C, H, W), boxes (V, 4), factors (V,), chance (V,), probs (V,)): two global views, then local ones."""
    cases: list[Arguments] = []
    for v, c, height, width, solarized, last in (
        (3, 1, 3, 4, False, None),
        (3, 1, 4, 3, True, None),
        (4, 3, 6, 7, True, None),
        (5, 3, 8, 6, False, None),
        (3, 1, 3, 5, False, 0.0),  # the least that a chance can be, and still not below a probability of 0
    ):
        sides = torch.tensor([[height - 1, width - 1]] * 2 + [[2, 3]] * (v - 2))
        free = torch.tensor([height, width]) - sides + 1
        start = (torch.rand(v, 2, generator=generator) * free).long()
        probs = torch.tensor([0.0, 0.4] + [0.0] * (v - 2))
        chance = 0.05 + 0.9 * torch.rand(v, generator=generator)
        chance[0], chance[1] = (0.9, 0.3) if solarized else (0.1, 0.8)
        chance[-1] = chance[-1] if last is None else last
        factors = 0.6 + 0.8 * torch.rand(v, generator=generator)
        factors[:3] = torch.tensor([0.7, 1.2, 1.3])  # bright enough to be solarized, even after the first
        cases.append(
            (torch.rand(c, height, width, generator=generator), torch.cat([start, sides], 1), factors, chance, probs)
        )
    return cases


def as_views(function: Function, arguments: Arguments) -> Any:
    """A list of views, each with a shape of its own."""
    given = function(*arguments)
    return tuple(given) if isinstance(given, list) else given


def own(chance: Tensor, probs: Tensor, v: int) -> bool:
    """Whether a view is solarized, by its own chance."""
    return bool(chance[v] < probs[v])


def inverted(chance: Tensor, probs: Tensor, v: int) -> bool:
    """The mistake of solarizing with the opposite probability."""
    return bool(chance[v] > probs[v])


def variant(carried: str = "nothing", solarized: Callable[[Tensor, Tensor, int], bool] = own) -> Function:
    """A function that cuts from what the views before have left: `carried` is nothing, light, all, or first."""

    def multi_crop(image: Tensor, boxes: Tensor, factors: Tensor, chance: Tensor, probs: Tensor) -> list[Tensor]:
        whole, views = image, []
        for v, (top, left, height, width) in enumerate(boxes.tolist()):
            light = (whole * factors[v]).clamp(0, 1)
            changed = torch.where(light >= 0.5, 1 - light, light) if solarized(chance, probs, v) else light
            views.append(changed[:, top : top + height, left : left + width])
            if v == 0:
                first = changed
            after = {"nothing": image, "light": light, "all": changed, "first": first if v else image}
            whole = after[carried]
        return views

    return multi_crop


def early(image: Tensor, boxes: Tensor, factors: Tensor, chance: Tensor, probs: Tensor) -> list[Tensor]:
    """The mistake of solarizing before the brightness is changed."""
    turned = torch.where(image >= 0.5, 1 - image, image)
    return [
        multi_crop(turned if own(chance, probs, v) else image, boxes[[v]], factors[[v]], chance, 0 * probs)[0]
        for v in range(len(boxes))
    ]


def dark(image: Tensor, boxes: Tensor, factors: Tensor, chance: Tensor, probs: Tensor) -> list[Tensor]:
    """The mistake of solarizing the piece as it was cut, and not the piece with its brightness."""
    plain = multi_crop(image, boxes, torch.ones_like(factors), chance, probs)
    light = multi_crop(image, boxes, factors, chance, probs)
    return [plain[v] if own(chance, probs, v) else light[v] for v in range(len(boxes))]


def unclamped(image: Tensor, boxes: Tensor, factors: Tensor, chance: Tensor, probs: Tensor) -> list[Tensor]:
    """The mistake of letting values become larger than 1."""
    views = []
    for v, (top, left, height, width) in enumerate(boxes.tolist()):
        view = image[:, top : top + height, left : left + width] * factors[v]
        views.append(torch.where(view >= 0.5, 1 - view, view) if own(chance, probs, v) else view)
    return views


MULTI_CROP = Exercise(
    name="multi_crop",
    right=multi_crop,
    cases=all_cases,
    ask=as_views,
    argument_names=("image", "boxes", "factors", "chance", "probs"),
    mistakes=(
        Mistake(
            "Both bugs are still there. What is the second view cut from, and what has happened to that before? And "
            "which views are solarized: those with a probability of 0, or the others?",
            variant("all", inverted),
            untouched=True,
        ),
        Mistake(
            "The right views are solarized now. But each view carries the changes of all views before it: what is it "
            "cut from?",
            variant("all"),
        ),
        Mistake(
            "Every view begins with the picture as it came now. But the wrong views are solarized: how often should "
            "a view with a probability of 0 be?",
            variant("nothing", inverted),
        ),
        Mistake(
            "The right views are solarized, and none hands that on. But a view still gets the brightness of all views "
            "before it.",
            variant("light"),
        ),
        Mistake(
            "No view hands its solarizing on any more. But it does hand on its brightness, and the wrong views are "
            "solarized.",
            variant("light", inverted),
        ),
        Mistake(
            "The local views are cut from the picture with the first view's changes. Every view begins with the "
            "picture as it came.",
            variant("first"),
        ),
        Mistake("A solarized view has lost its brightness factor.", dark),
        Mistake(
            "A view with a chance of 0 and a probability of 0 is solarized. With a probability of 0 it never happens: "
            "its chance has to be below.",
            variant(solarized=lambda chance, probs, v: bool(chance[v] <= probs[v])),
        ),
        Mistake("No view is solarized any more.", variant(solarized=lambda chance, probs, v: False)),
        Mistake(
            "A view is solarized whenever its probability is above 0. Its chance decides, too.",
            variant(solarized=lambda chance, probs, v: bool(probs[v] > 0)),
        ),
        Mistake(
            "The first view's chance decides for all. Each view has its own.",
            variant(solarized=lambda chance, probs, v: bool(chance[0] < probs[v])),
        ),
        Mistake(
            "All views have the first one's brightness. Each has its own factor.",
            lambda x, boxes, f, c, p: multi_crop(x, boxes, f[:1].expand(len(f)), c, p),
        ),
        Mistake(
            "The brightness isn't changed any more.",
            lambda x, boxes, f, c, p: multi_crop(x, boxes, torch.ones_like(f), c, p),
        ),
        Mistake("Some values are above 1. The function that you were given cut them off, rightly.", unclamped),
        Mistake("The view is solarized before its brightness is changed. It was right the other way round.", early),
    ),
    hints=(
        "Call it with two equal boxes, factors of 0.5 and no solarizing. How bright are the two views?",
        "One line writes to a name that the next round of the loop reads. The other bug is in a comparison: how many "
        "of many uniform numbers should pass it, if the probability is 0.2?",
        "Keep the picture: view = (image * factors[v]).clamp(0, 1), and go on with view. A uniform number is *below* "
        "p with probability p.",
    ),
)
