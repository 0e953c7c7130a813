"""Where the [CLS] token looks, head by head, and how well a mask made of it fits the thing in the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib import colormaps
from torch import Tensor, nn

from dino_lite import Pictures, attention_maps, enlarge, mask_iou, mass_mask
from dino_lite.colors import normalize
from dino_lite.evaluate import image_size, on_background
from dino_lite.resample import resize
from dino_notebooks.plots.neighbours import checked_queries
from dino_notebooks.plots.style import GREEN, SIDE, Plot, frame, new_sheet, pixels, put, write

HEADS = 6  # at most so many columns of heads


@dataclass(frozen=True)
class Looks:
    """Attention on some pictures: maps (P, H, h, w); masks and truth bool (P, H or 1, S, S); IoU (P, H), (P,)."""

    maps: Tensor
    mean_mask: Tensor
    truth: Tensor | None
    iou: Tensor | None
    mean_iou: Tensor | None


def look_at(model: nn.Module, pictures: Pictures, indices: Sequence[int], mass: float = 0.6) -> Looks:
    """Attention maps of pictures on white, the mask that the heads' mean gives, and how both fit the true masks."""
    chosen = pictures[checked_queries(indices, len(pictures))]
    size, device = image_size(getattr(model, "backbone", model)), next(model.parameters()).device
    x = normalize(resize(on_background(chosen.images.cpu(), "white"), size)).to(device)
    maps = attention_maps(model, x).float().cpu()
    masks, mean_mask = enlarge(mass_mask(maps, mass), size), enlarge(mass_mask(maps.mean(1), mass), size)
    if chosen.masks is None:
        return Looks(maps, mean_mask, None, None, None)
    truth = resize(chosen.masks[:, None].cpu().float(), size)[:, 0] > 0.5
    return Looks(maps, mean_mask, truth, mask_iou(masks, truth[:, None]), mask_iou(mean_mask, truth))


def plot_attention(model: nn.Module, pictures: Pictures, indices: Sequence[int], mass: float = 0.6) -> Plot:
    """Pictures, where each head of the last block looks, the mask with `mass` of the attention, and the true mask.

    See in it: bright patches are looked at most. Where the true mask is known, IoU is the part of both masks' union
    that they have in common, 1 a perfect fit. The best head of each picture (green frame) flatters, the mean does not.
    """
    looks = look_at(model, pictures, indices, mass)
    heads = min(HEADS, looks.maps.shape[1])
    titles = ["picture", *(f"head {i + 1}" for i in range(heads)), f"{mass:.0%} of the mean"]
    titles += ["true mask"] if looks.truth is not None else []
    plot, ax = new_sheet(len(looks.maps), titles, finding(looks, mass), caption=0.18)
    for row, place in enumerate(indices):
        y = row * 1.18
        put(ax, pixels(pictures.images[place : place + 1])[0], 0, y, smooth=True)
        for head in range(heads):
            put(ax, heat(looks.maps[row, head]), head + 1, y)
            if looks.iou is not None:
                best = int(looks.iou[row].argmax()) == head
                text = f"IoU {looks.iou[row, head]:.2f}" + (" best" if best else "")
                write(ax, head + 1 + SIDE / 2, y + SIDE + 0.04, text, ha="center", va="top", fontsize=8)
                if best:
                    frame(ax, head + 1, y, GREEN)
        put(ax, silhouette(looks.mean_mask[row]), heads + 1, y)
        if looks.truth is not None and looks.mean_iou is not None:
            text = f"IoU {looks.mean_iou[row]:.2f}"
            write(ax, heads + 1 + SIDE / 2, y + SIDE + 0.04, text, ha="center", va="top", fontsize=8)
            put(ax, silhouette(looks.truth[row]), heads + 2, y)
    return plot


def finding(looks: Looks, mass: float) -> str:
    """The attention maps in a sentence."""
    count, heads = looks.maps.shape[:2]
    text = f"Attention of {heads} heads on {count} pictures"
    if looks.iou is None or looks.mean_iou is None:
        return f"{text}, and masks that hold {mass:.0%} of it."
    best, mean = looks.iou.amax(1).mean(), looks.mean_iou.mean()
    fit = f"an IoU of {best:.2f} (best head), {mean:.2f} (mean)"
    return f"{text}: masks that hold {mass:.0%} of it fit the true ones with {fit}."


def heat(values: Tensor) -> np.ndarray:
    """A map (h, w) in the colours of viridis, its largest value bright: uint8 (h, w, 3)."""
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low).clamp_min(1e-12)
    return (colormaps["viridis"](scaled.numpy())[..., :3] * 255).round().astype(np.uint8)


def silhouette(mask: Tensor) -> np.ndarray:
    """A mask (S, S) as light on dark, uint8 (S, S, 3)."""
    dark, light = torch.tensor([68, 1, 84]), torch.tensor([253, 231, 37])  # the ends of viridis
    return torch.where(mask[..., None], light, dark).to(torch.uint8).numpy()
