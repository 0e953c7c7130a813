"""The exercise on attention masks: the fewest patches that hold a share of the attention (paper Fig. 4)."""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_lite import attention
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule


def map_cases(generator: Generator) -> list[Arguments]:
    """(maps (..., h, w), mass): maps that sum to less than 1, as the [CLS] token keeps some attention."""
    cases: list[Arguments] = []
    for shape, mass in (((2, 3), 0.6), ((2, 3, 4), 0.75), ((3, 2, 5, 4), 0.6), ((2, 4, 3), 0.35)):
        flat = torch.randn(*shape[:-2], shape[-2] * shape[-1], generator=generator)
        kept = 0.5 + 0.4 * torch.rand(*shape[:-2], 1, generator=generator)
        cases.append(((F.softmax(1.2 * flat, -1) * kept).unflatten(-1, shape[-2:]), mass))
    return cases


def strongest(maps: Tensor, mass: float, total: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Shares from the strongest on (..., h·w), their running sums, and the places that they came from."""
    values, order = maps.flatten(-2).sort(dim=-1, descending=True)
    share = values / (values.sum(-1, keepdim=True) if total is None else total)
    return share, share.cumsum(-1), order


def placed(kept: Tensor, order: Tensor, maps: Tensor) -> Tensor:
    """A choice in sorted order, at its places in the map."""
    return torch.zeros_like(kept).scatter(-1, order, kept).view_as(maps)


def stops_before(maps: Tensor, mass: float) -> Tensor:
    """The mistake of leaving out the patch that reaches the share."""
    _, running, order = strongest(maps, mass)
    return placed(running <= mass, order, maps)


def one_too_many(maps: Tensor, mass: float) -> Tensor:
    """The mistake of one patch more than it takes."""
    share, running, order = strongest(maps, mass)
    kept = running - share < mass
    return placed(torch.cat([torch.ones_like(kept[..., :1]), kept[..., :-1]], -1), order, maps)


def by_count(maps: Tensor, mass: float, whole: Callable[[float], int] = round) -> Tensor:
    """The mistake of a share of the patches."""
    _, running, order = strongest(maps, mass)
    number = torch.arange(running.shape[-1]).expand_as(running)
    return placed(number < whole(mass * running.shape[-1]), order, maps)


def by_quantile(choose: Function) -> Function:
    """The same mistake by a quantile of each map: `choose(map, mass)` says which."""
    return lambda maps, mass: maps > torch.quantile(maps.flatten(-2), choose(mass), dim=-1)[..., None, None]


def by_row(maps: Tensor, mass: float) -> Tensor:
    """The mistake of a share of each row of a map."""
    return attention.mass_mask(maps[..., None, :], mass)[..., 0, :]


def all_together(maps: Tensor, mass: float) -> Tensor:
    """The mistake of one ranking for the patches of all maps."""
    return attention.mass_mask(maps.reshape(1, -1), mass).view_as(maps)


def with_order(choose: Function) -> Function:
    """A mistake at putting the choice back: `choose(kept, order)` from the weakest patch on."""

    def does(maps: Tensor, mass: float) -> Tensor:
        values, order = maps.flatten(-2).sort(dim=-1)
        kept = (values / values.sum(-1, keepdim=True)).cumsum(-1) > 1 - mass
        return choose(kept, order).view_as(maps)

    return does


def not_divided(maps: Tensor, mass: float) -> Tensor:
    """The mistake of taking a map as if it summed to 1, from the strongest patch on."""
    share, running, order = strongest(maps, mass, torch.ones(()))
    return placed(running - share < mass, order, maps)


def not_divided_from_weakest(maps: Tensor, mass: float) -> Tensor:
    """The same mistake from the weakest patch on."""
    values, order = maps.flatten(-2).sort(dim=-1)
    return placed(values.cumsum(-1) > 1 - mass, order, maps)


def gives_numbers(function: Function) -> bool:
    """Whether a mask comes as numbers, which can't be used to choose pixels."""
    mask = function(torch.tensor([[0.1, 0.4], [0.2, 0.1]]), 0.6)
    return getattr(mask, "dtype", None) not in (torch.bool, np.bool_)


MASS_MASK = Exercise(
    name="mass_mask",
    right=attention.mass_mask,
    cases=map_cases,
    argument_names=("maps", "mass"),
    mistakes=(
        Mistake(
            "It keeps a share of the *patches*, not of the sum. Strong patches hold more than their number: how many "
            "of them does it take to hold that share of the *sum*?",
            by_count,
            (
                lambda m, mass: by_count(m, mass, math.ceil),
                lambda m, mass: by_count(m, mass, int),
                by_quantile(lambda mass: 1 - mass),
                by_quantile(lambda mass: mass),
            ),
        ),
        Mistake(
            "It keeps what is above a share of the largest value. One very bright patch would then decide alone; the "
            "share is one of the map's sum.",
            lambda m, mass: m > mass * m.amax((-2, -1), keepdim=True),
        ),
        Mistake(
            "It keeps patches above the mean, whatever the mass.",
            lambda m, mass: m > m.mean((-2, -1), keepdim=True),
        ),
        Mistake(
            "It stops one patch too early: what is kept holds less than the share. The patch that reaches it belongs "
            "to the mask.",
            stops_before,
        ),
        Mistake("It keeps one patch more than it takes to hold the share.", one_too_many),
        Mistake(
            "The mask holds the weak patches, and should hold the strong ones.",
            lambda m, mass: ~attention.mass_mask(m, mass),
        ),
        Mistake(
            "mass and 1 - mass are exchanged. From the weakest on, patches go as long as their sum is within 1 - mass.",
            lambda m, mass: attention.mass_mask(m, 1 - mass),
        ),
        Mistake(
            "The values are not divided by their sum. A map sums to less than 1, since [CLS] looks at itself, too.",
            not_divided,
            (not_divided_from_weakest,),
        ),
        Mistake(
            "The mask is in the order of sorting. Each patch has to go back to its place.", with_order(lambda k, o: k)
        ),
        Mistake(
            "The places are read the wrong way round: order[i] says where the i-th value *came from*, so write the "
            "mask there (scatter) instead of reading it from there (gather).",
            with_order(lambda k, o: k.gather(-1, o)),
        ),
        Mistake("The patches of all maps are ranked together. Each map has a mask with its own share.", all_together),
        Mistake("Each row of patches is taken for itself. Flatten the two last dimensions to one first.", by_row),
        Mistake(
            "It gives the attention that is kept. A mask is True or False at each patch.",
            lambda m, mass: m * attention.mass_mask(m, mass),
        ),
    ),
    rules=(
        Rule(
            "But the mask has numbers 0 and 1. It should be bool: True or False.",
            gives_numbers,
        ),
    ),
    hints=(
        "Go through the patches of one map from the weakest on, and add up. When must you stop throwing away?",
        "Flatten the map, sort it, divide by its sum, and take cumsum. Those whose running sum is above 1 - mass stay. "
        "sort also tells where each value came from.",
        "values, order = maps.flatten(-2).sort(dim=-1); kept = (values / values.sum(-1, keepdim=True)).cumsum(-1) > "
        "1 - mass; then torch.zeros_like(kept).scatter(-1, order, kept), in the shape of the maps.",
    ),
)
