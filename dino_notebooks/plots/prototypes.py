"""Which prototypes the teacher gives to which pictures: a network that tells pictures apart uses many."""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from dino_lite import Dino, Pictures
from dino_lite.colors import normalize
from dino_lite.evaluate import image_size, on_background
from dino_lite.resample import resize
from dino_notebooks.plots.style import DASHES, INK, PURPLE, RULE, Plot, new_plot, style_axes


@torch.inference_mode()
def winners(dino: Dino, pictures: Pictures, batch_size: int = 256) -> Tensor:
    """The prototype that the teacher, centred as in training, likes best for each whole picture on white: (N,)."""
    size, training = image_size(dino.teacher.backbone), dino.teacher.training
    center = dino.center if dino.config.target == "center" else torch.zeros_like(dino.center)
    found = []
    dino.teacher.eval()
    for batch in on_background(pictures.images, "white").split(batch_size):
        logits, _ = dino.teacher(normalize(resize(batch.to(dino.device), size))[None])
        found.append((logits[0] - center).argmax(dim=1).cpu())
    dino.teacher.train(training)
    return torch.cat(found)


def plot_prototypes(won: Tensor, out_dim: int, before: Tensor | None = None) -> Plot:
    """How many of N pictures each of K = out_dim prototypes wins, most first. won, before: prototypes (N,).

    See in it: a long flat curve is good, many prototypes each stand for a few pictures. A cliff at the left is
    collapse: a few prototypes for everything. The dashed line is even use, the dotted curve the untrained network.
    """
    if won.ndim != 1 or not len(won) or int(won.min()) < 0 or int(won.max()) >= out_dim:
        raise ValueError(f"won must be a prototype from 0 to {out_dim - 1} for each picture, got {tuple(won.shape)}.")
    plot = new_plot(2.8, finding(won, out_dim, before))
    ax = plot.add_subplot()
    style_axes(ax, "Pictures for which each prototype wins")
    even, shown = max(1.0, len(won) / out_dim), min(out_dim, len(won))
    top = _stairs(ax, ranked(won, out_dim), color=PURPLE, linewidth=1.6, label="trained")
    if before is not None:
        look = {"color": INK, "linewidth": 1.5, "linestyle": DASHES[2], "label": "before training"}
        top = max(top, _stairs(ax, ranked(before, out_dim), **look))
    ax.axhline(even, color=INK, linewidth=1, linestyle=DASHES[1], label=f"even use: {even:.3g} each")
    ax.axhline(0, color=RULE, linewidth=1)
    ax.legend(frameon=False, labelcolor=INK, fontsize=9, loc="upper right")
    ax.set_yscale("symlog", linthresh=max(2.0, even), base=10)
    ax.set_ylim(0, 1.5 * top)
    ax.set_yticks([tick for tick in (0, 1, 10, 100, 1000, 10000) if tick <= top and not (tick == 1 and even > 5)])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.minorticks_off()
    ax.set_xlim(0.5, shown + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.set_xlabel("prototypes by rank")
    return plot


def _stairs(ax: Axes, counts: Tensor, **look: Any) -> float:
    """A step for each prototype that wins at all, filled below when it is a full line; returns the highest."""
    used = int((counts > 0).sum())
    rank, height = [0.5, *range(1, used + 2)], [float(x) for x in (counts[0], *counts[:used], 0)]
    ax.step(rank, height, where="mid", **look)
    if "linestyle" not in look:
        ax.fill_between(rank, height, step="mid", color=look["color"], alpha=0.3, linewidth=0)
    return height[0]


def ranked(won: Tensor, out_dim: int) -> Tensor:
    """How often each prototype wins, most first: (K,)."""
    return torch.bincount(won, minlength=out_dim).sort(descending=True).values


def finding(won: Tensor, out_dim: int, before: Tensor | None) -> str:
    """The prototypes in a sentence."""
    counts = ranked(won, out_dim)
    text = (
        f"{int((counts > 0).sum())} of {out_dim} prototypes win at least one of {len(won)} pictures; the busiest wins "
        f"{int(counts[0]) / len(won):.1%} of them, and even use would be {max(1 / out_dim, 1 / len(won)):.1%}"
    )
    if before is None:
        return text + "."
    untrained = ranked(before, out_dim)
    return text + (
        f". Before training it was {int((untrained > 0).sum())} prototypes, the busiest with "
        f"{int(untrained[0]) / len(before):.1%}."
    )
