"""What DINO is trained on: the crops of a picture, and where in the picture they come from."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from dino_lite import DinoConfig, Pictures
from dino_lite.colors import IMAGENET_MEAN, IMAGENET_STD
from dino_lite.evaluate import images_of
from dino_lite.views import apply_views, draw_views
from dino_notebooks.plots.style import BLUE, DASHES, GREEN, ORANGE, SIDE, Plot, frame, new_sheet, pixels, put

LOOKS = ((BLUE, DASHES[0]), (ORANGE, DASHES[1]), (GREEN, DASHES[2]))  # global 1, global 2, all local views


def plot_views(images: Pictures | Tensor, config: DinoConfig, seed: int = 0, count: int = 4) -> Plot:
    """The first `count` pictures, uint8 (N, 3 or 4, H, W), each with its two global and its local views.

    See in it: the boxes on a picture are where its views were cut. Student and teacher never see the same crop, so
    what they can agree on is the thing itself, not its place, size, colour or background.
    """
    images = images_of(images)
    if count < 1:
        raise ValueError(f"count must be at least 1 picture, got {count}.")
    chosen = images[:count].cpu()
    generator = torch.Generator().manual_seed(seed)
    params = draw_views(len(chosen), (chosen.shape[-2], chosen.shape[-1]), config, generator)
    views = [view for crop in apply_views(chosen, config, *params).crops for view in denormalized(crop)]
    heads = ["picture", "global 1", "global 2", *(f"local {i + 1}" for i in range(config.n_local))]
    shares = [share for scale in (config.global_scale, config.local_scale) for share in scale]
    finding = (
        f"{len(chosen)} picture{'s' * (len(chosen) > 1)}, each with 2 global views that hold "
        f"{shares[0]:.0%} to {shares[1]:.0%} of it"
        + (
            f" and {config.n_local} local views that hold {shares[2]:.0%} to {shares[3]:.0%}."
            if config.n_local
            else "."
        )
    )
    plot, ax = new_sheet(len(chosen), heads, finding)
    boxes = torch.cat([part.box for part in params]).numpy()  # (V, B, 4)
    for row, picture in enumerate(pixels(chosen)):
        put(ax, picture, 0, row, smooth=True)
        _boxes(ax, row, boxes[: len(views), row], len(picture), picture.shape[1])
        for column, view in enumerate(views, start=1):
            put(ax, view[row], column, row)
            frame(ax, column, row, _look(column - 1)[0], 2, _look(column - 1)[1])
    return plot


def denormalized(views: Tensor) -> np.ndarray:
    """Normalised views (..., 3, S, S) as colours again: uint8 (..., S, S, 3)."""
    mean, std = views.new_tensor(IMAGENET_MEAN), views.new_tensor(IMAGENET_STD)
    colors = views * std[:, None, None] + mean[:, None, None]
    return colors.clamp(0, 1).mul(255).round().to(torch.uint8).movedim(-3, -1).cpu().numpy()


def _look(view: int) -> tuple[str, object]:
    return LOOKS[min(view, 2)]


def _boxes(ax: Axes, row: int, boxes: np.ndarray, height: int, width: int) -> None:
    """The crops' boxes (V, 4), top, left, height, width in px, on the picture at the start of a row."""
    scale = np.array([SIDE / height, SIDE / width, SIDE / height, SIDE / width])
    for view, (top, left, h, w) in enumerate(boxes * scale):
        color, dash = _look(view)
        ax.add_patch(Rectangle((left, row + top), w, h, fill=False, edgecolor=color, linestyle=dash, linewidth=1.8))
