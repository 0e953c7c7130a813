"""Which prototypes the teacher gives to which pictures: a network that tells pictures apart uses many."""

import torch
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
    even, shown = len(won) / out_dim, min(out_dim, len(won))
    counts = ranked(won, out_dim)[:shown]
    rank, top = range(1, shown + 1), float(counts[0])
    ax.fill_between(rank, counts, step="mid", color=PURPLE, alpha=0.3, linewidth=0)
    ax.step(rank, counts, where="mid", color=PURPLE, linewidth=1.6, label="trained")
    if before is not None:
        untrained = ranked(before, out_dim)[:shown]
        ax.step(rank, untrained, where="mid", color=INK, linewidth=1.5, linestyle=DASHES[2], label="before training")
        top = max(top, float(untrained[0]))
    label = f"even use: {even:.3g} pictures each"
    ax.axhline(even, color=INK, linewidth=1, linestyle=DASHES[1], label=label)
    ax.axhline(0, color=RULE, linewidth=1)
    ax.legend(frameon=False, labelcolor=INK, fontsize=8.5, loc="upper right")
    ax.set_yscale("symlog", linthresh=max(2.0, even), base=10)
    ax.set_ylim(0, 1.5 * top)
    ax.set_yticks([tick for tick in (0, 1, 10, 100, 1000, 10000) if tick <= top])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.minorticks_off()
    ax.set_xlim(0.5, shown + 0.5)
    ax.set_xlabel("prototypes by rank")
    return plot


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
