"""What the colours of the frames can mean: group, vendor, cluster, or nothing."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dino_lite import Pictures
from dino_lite.scorecard import vendor_rows
from dino_notebooks.plots.style import PALETTE

MOST = 2 * len(PALETTE)  # groups that can be told apart: each colour as full dots, then as rings
GREY = "#8a8a8a"


def coloring(groups: Tensor, names: list[str]) -> dict[str, Any]:
    """What the page is told of a coloring: `names`, `colors`, `sizes` of its entries, and `values` (N,), -1 for none.

    groups: int64 (N,) numbers `names`. Beyond the number that can be told apart, the smallest become "others".
    """
    sizes = torch.bincount(groups[groups >= 0], minlength=len(names))
    order = [i for i in range(len(names)) if sizes[i]]
    rest: list[int] = []
    if len(order) > MOST:
        by_size = sorted(order, key=lambda i: -int(sizes[i]))
        order, rest = sorted(by_size[: MOST - 1]), by_size[MOST - 1 :]
    table = torch.full((len(names) + 1,), -1)  # its last entry is for -1
    table[order] = torch.arange(len(order))
    table[rest] = len(order)
    entries = [names[i] for i in order] + ([f"{len(rest)} others"] if rest else [])
    colors = [PALETTE[i % len(PALETTE)] for i in range(len(order))] + ([GREY] if rest else [])
    values = table[groups]
    counts = torch.bincount(values[values >= 0], minlength=len(entries))
    return {"names": entries, "colors": colors, "sizes": counts.tolist(), "values": values.tolist()}


def groups_of(pictures: Pictures) -> tuple[Tensor, list[str]] | None:
    """The classes of the pictures, if they have any: numbers (N,) and names."""
    if pictures.labels is None or not pictures.label_names:
        return None
    return pictures.labels.cpu(), pictures.label_names


def notes(pictures: Pictures) -> list[str]:
    """The class of each picture in words; empty for none."""
    known = groups_of(pictures)
    if known is None:
        return [""] * len(pictures)
    return [known[1][number] if number >= 0 else "" for number in known[0].tolist()]


def vendors_of(pictures: Pictures) -> tuple[Tensor, list[str]] | None:
    """Who drew each picture, where the same things were drawn by several."""
    rows = vendor_rows(pictures)
    if not rows:
        return None
    vendor = torch.empty(len(pictures), dtype=torch.int64)
    for number, part in enumerate(rows):
        vendor[part] = number
    return vendor, [pictures.names[int(part[0])].partition("/")[0] for part in rows]


def colorings(pictures: Pictures, cluster: Callable[[], Tensor]) -> dict[str, Callable[[], dict[str, Any]]]:
    """The colorings that there are, by name, the most telling first; `cluster` gives the clusters' numbers (N,)."""
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    for name, known in (("group", groups_of(pictures)), ("vendor", vendors_of(pictures))):
        if known is not None and bool((known[0] >= 0).any()):
            found[name] = partial(coloring, *known)
    found["cluster"] = lambda: _by_cluster(cluster())
    found["nothing"] = lambda: {"names": [], "colors": [], "sizes": [], "values": [-1] * len(pictures)}
    return found


def _by_cluster(numbers: Tensor) -> dict[str, Any]:
    return coloring(numbers, [f"cluster {i + 1}" for i in range(int(numbers.max()) + 1)])
