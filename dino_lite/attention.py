"""Where the [CLS] token looks: attention maps of the last block, masks from them, and how well they fit (Fig. 1, 4)."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from dino_lite.vit import ViT


@torch.inference_mode()
def attention_maps(model: nn.Module, images: Tensor) -> Tensor:
    """Attention of [CLS] on each patch in the last block: normalised pictures (B, 3, S, S) → (B, H, h, w).

    model: a `ViT`, a plain timm ViT or a network with `.backbone`. A map sums to the mass on patches: 1 minus what
    [CLS] gives to itself. S may be any multiple of the patch size.
    """
    backbone: Any = getattr(model, "backbone", model)
    vit = backbone if isinstance(backbone, ViT) else ViT.from_timm(backbone)
    was_training = vit.training
    seen: dict[str, Tensor] = {}
    vit.eval().forward_features(images, seen)
    vit.train(was_training)
    rows = seen[f"block{len(vit.blocks) - 1}/attention"][:, :, 0, 1:]
    return rows.unflatten(-1, (images.shape[-2] // vit.patch_size, images.shape[-1] // vit.patch_size))


def mass_mask(maps: Tensor, mass: float = 0.6) -> Tensor:
    """The fewest patches that hold a share `mass` of each map: (..., h, w) → bool (..., h, w).

    As in the authors' `visualize_attention.py`: from the weakest on, patches go while their sum stays within
    1 - mass. The paper shows 0.6 (Fig. 4).
    """
    if not 0 < mass <= 1:
        raise ValueError(f"mass must be in (0, 1], got {mass}.")
    flat = maps.flatten(-2)
    values, order = flat.sort(dim=-1)
    kept = (values / values.sum(-1, keepdim=True)).cumsum(-1) > 1 - mass
    return torch.zeros_like(kept).scatter(-1, order, kept).view_as(maps)


def enlarge(maps: Tensor, size: int) -> Tensor:
    """Maps or masks (..., h, w) as pictures (..., size, size): every patch becomes a square."""
    h, w = maps.shape[-2:]
    if size % h or size % w:
        raise ValueError(f"{size} px is not a multiple of the map's {h} × {w} patches.")
    return maps.repeat_interleave(size // h, -2).repeat_interleave(size // w, -1)


def mask_iou(masks: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union (Jaccard) of bool masks (..., H, W) with true ones: (...), 0 to 1."""
    both, either = (masks & truth).sum((-2, -1)), (masks | truth).sum((-2, -1))
    return both / either.clamp_min(1)


def attention_iou(
    model: nn.Module,
    images: Tensor,
    truth: Tensor,
    mass: float = 0.6,
    head: Literal["best", "mean"] = "best",
) -> float:
    """Mean IoU of attention masks with true masks: normalised (B, 3, S, S), bool (B, S, S) → 0 to 1.

    head: "best" takes each picture's best head, as the paper does (Fig. 4) and which flatters; "mean" averages the
    heads' maps first and looks at no truth.
    """
    maps = attention_maps(model, images)
    maps = maps.mean(1, keepdim=True) if head == "mean" else maps
    iou = mask_iou(enlarge(mass_mask(maps, mass), images.shape[-1]), truth[:, None].to(maps.device))
    return float(iou.amax(1).mean())
