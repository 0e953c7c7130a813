"""What AttentionWidget asks of a network: a ViT from whatever was given, and its attention in every block."""

import textwrap
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dino_lite import Dino, DinoConfig, Pictures, ViT, load_cat, load_pictures, pretrained
from dino_lite.colors import normalize
from dino_lite.evaluate import on_background
from dino_lite.network import build_backbone
from dino_lite.resample import resize
from dino_lite.timm_weights import WeightsNotFetched
from dino_notebooks.widgets.upload import Upload, open_upload

Model = nn.Module | Dino | str | None  # what AttentionWidget takes
Shown = Pictures | Tensor | str | Path | None
Sight = tuple[str, Tensor, Tensor | None]  # name, uint8 (3 or 4, H, W), and bool (H, W) or None
LARGER = (1, 2, 3, 4)  # times the side that the network was built for
MOST_PATCHES = 1024  # of a larger input: a block's attention is a table of their square
MOST_PICTURES = 200  # in the menu
SHOWN_FIRST = ("dog face", "cat face", "owl", "butterfly", "banana", "guitar", "automobile", "key")
UNTRAINED = "The weights are random, nothing has been learnt yet: give a trained network as model. "


def vit_of(model: Model | Any) -> tuple[ViT, str]:
    """The ViT to be looked at, and a sentence where it is not what one expects; ValueError for what is no plain ViT.

    None: the model in the package. A name: that timm ViT, whose weights are fetched where the name has a tag (a dot);
    the model in the package in its place when they cannot be.
    """
    sentence = ""
    if model is None:
        backbone: Any = pretrained()
    elif isinstance(model, str):
        backbone, sentence = _timm(model.removeprefix("timm:"))
    elif isinstance(model, Dino):
        backbone = model.teacher.backbone
    elif isinstance(model, nn.Module):
        backbone = getattr(model, "backbone", model)
    else:  # whatever a cell hands over
        kinds = "a Dino, a Network, a ViT, a timm ViT or the name of one"
        raise ValueError(f"model must be {kinds}, got {type(model).__name__}.")
    if isinstance(model, Dino) and model.step == 0:
        sentence = UNTRAINED
    try:
        return backbone if isinstance(backbone, ViT) else ViT.from_timm(backbone), sentence
    except ValueError as error:
        raise ValueError(_short(error)) from error


def _timm(name: str) -> tuple[Any, str]:
    """A timm ViT at its usual 224 px; weights without a tag are random by seed 0."""
    config = DinoConfig(backbone=f"timm:{name}", n_local=0, drop_path=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            return build_backbone(config), "" if "." in name else UNTRAINED
        except WeightsNotFetched as error:
            return pretrained(), f"{_short(error.what)}: the shipped emoji model is shown instead. "
        except ValueError as error:
            raise ValueError(_short(error)) from error


def _short(error: ValueError | str) -> str:
    """On one line: timm's own words may have several, and torch names every parameter that does not fit."""
    return textwrap.shorten(str(error), 400, placeholder=" …")


def sizes_of(vit: ViT) -> list[int]:
    """Sides in px at which it can look: its own, and multiples for which its position embedding is interpolated."""
    side = vit.img_size // vit.patch_size
    return [vit.img_size * n for n in LARGER if n == 1 or (side * n) ** 2 <= MOST_PATCHES]


def sights(pictures: Shown) -> list[Sight]:
    """Name, picture and mask of everything in the menu; None: some emoji with their masks, and a cat without.

    A picture alone has the mask that its alpha is. ValueError for anything else.
    """
    if pictures is None:
        emoji = load_pictures("emoji", 64)
        emoji = emoji[[emoji.names.index(f"noto/{name}") for name in SHOWN_FIRST]]
        drawn = [(name.partition("/")[2], image, mask) for name, image, mask in sights(emoji)]
        return [*drawn, ("photograph of a cat", load_cat(), None)]
    if isinstance(pictures, Pictures):
        if not len(pictures):
            raise ValueError("pictures is empty: give at least one picture.")
        few = pictures[: min(len(pictures), MOST_PICTURES)].to("cpu")
        masks = [None] * len(few) if few.masks is None else list(few.masks)
        return list(zip(few.names, few.images, masks, strict=True))
    if isinstance(pictures, str | Path):
        return [sight_of(open_upload(pictures))]
    shape, kind = tuple(getattr(pictures, "shape", ())), getattr(pictures, "dtype", type(pictures).__name__)
    if kind != torch.uint8 or len(shape) != 3 or shape[0] not in (3, 4) or min(shape) < 1:
        kinds = "Pictures, a file's path or one picture, torch.uint8 (3 or 4, H, W)"
        raise ValueError(f"pictures must be {kinds}, got {kind} {shape}.")
    return [("your picture", pictures.cpu(), alpha_mask(pictures.cpu()))]


def sight_of(upload: Upload) -> Sight:
    """What the menu needs of an upload."""
    return upload.name, upload.picture, alpha_mask(upload.picture)


def alpha_mask(picture: Tensor) -> Tensor | None:
    """Where a picture (4, H, W) is not see-through, as for emoji; None when that is nowhere or everywhere."""
    mask = picture[3] > 127 if len(picture) == 4 else torch.ones(1, dtype=torch.bool)
    return mask if mask.any() and not mask.all() else None


class _OnlyCls(dict[str, Tensor]):
    """Keeps of every block's attention the row of [CLS], since all rows of a large picture are gigabytes."""

    def __setitem__(self, name: str, value: Tensor) -> None:
        if name.endswith("/attention"):
            super().__setitem__(name, value[0, :, 0].clone())


@torch.inference_mode()
def attention_of(vit: ViT, image: Tensor, size: int) -> Tensor:
    """Of a picture uint8 (3 or 4, H, W) on white, squeezed to size × size px: (blocks, heads, 1 + patches), sums 1.

    What [CLS] gives to itself comes first, then the patches row by row.
    """
    device, training, seen = vit.pos_embed.device, vit.training, _OnlyCls()
    x = normalize(resize(on_background(image[None]), size)).to(device)
    vit.eval().forward_features(x, seen)
    vit.train(training)
    rows = torch.stack([seen[f"block{block}/attention"] for block in range(len(vit.blocks))]).float().cpu()
    if not bool(rows.isfinite().all()):
        raise ValueError("the attention is not finite: was the network trained with a finite loss?")
    return rows
