"""Which pictures the features find alike: neighbours and clusters by cosine, in the embedding and not on the map."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

CLUSTERS = 8
CHUNK = 1024  # rows compared with all others at once
ROUNDS = 30  # of k-means, at most


def neighbours(rows: Tensor, query: int, k: int) -> list[tuple[int, float]]:
    """The k other rows of (N, D) with the largest cosine to row `query`: (row, cosine), nearest first."""
    unit = F.normalize(rows, dim=1)
    similarity = unit @ unit[query]
    similarity[query] = -torch.inf
    found = similarity.topk(min(k, len(rows) - 1))
    return [(int(row), float(value)) for value, row in zip(found.values, found.indices, strict=True)]


def clusters(rows: Tensor, k: int = CLUSTERS, seed: int = 0) -> Tensor:
    """k-means on unit rows (N, D), that is by cosine: a number for each row, the largest cluster 0; int64 (N,)."""
    unit = F.normalize(rows, dim=1)
    centers = _far_apart(unit, min(k, len(rows)), torch.Generator().manual_seed(seed))
    owner = torch.full((len(rows),), -1)
    for _ in range(ROUNDS):
        closest = (unit @ centers.T).argmax(1)
        if bool((closest == owner).all()):
            break
        owner = closest
        sums = torch.zeros_like(centers).index_add_(0, owner, unit)
        filled = torch.bincount(owner, minlength=len(centers)) > 0
        centers[filled] = F.normalize(sums[filled], dim=1)
    sizes = torch.bincount(owner, minlength=len(centers))
    place = torch.empty_like(sizes)
    place[sizes.argsort(descending=True, stable=True)] = torch.arange(len(sizes))
    return place[owner]


def _far_apart(unit: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """k of the rows to begin with, each drawn with a chance that grows with its distance (k-means++)."""
    chosen = [int(torch.randint(len(unit), (1,), generator=generator))]
    away = 1 - unit @ unit[chosen[0]]
    while len(chosen) < k:
        weight = away.clamp_min(0).square() + 1e-12
        chosen.append(int(torch.multinomial(weight, 1, generator=generator)))
        away = torch.minimum(away, 1 - unit @ unit[chosen[-1]])
    return unit[chosen].clone()


@dataclass(frozen=True)
class Agreement:
    """How often the nearest other picture is of the same group, and how often a random one would be; 0 to 1."""

    share: float
    chance: float


def agreement(rows: Tensor, groups: Tensor) -> Agreement | None:
    """Agreement of features (N, D) with groups int64 (N,), -1 for none; None when fewer than two have one."""
    known = groups >= 0
    rows, groups = F.normalize(rows[known], dim=1), groups[known]
    if len(groups) < 2:
        return None
    same = 0
    for start in range(0, len(rows), CHUNK):
        similarity = rows[start : start + CHUNK] @ rows.T
        own = torch.arange(len(similarity))
        similarity[own, own + start] = -torch.inf
        same += int((groups[similarity.argmax(1)] == groups[start : start + CHUNK]).sum())
    sizes = torch.bincount(groups).double()
    chance = float((sizes * (sizes - 1)).sum() / (len(groups) * (len(groups) - 1)))
    return Agreement(same / len(groups), chance)
