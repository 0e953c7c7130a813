"""What AttentionWidget says: how well a mask fits, and the sentences about it."""

from html import escape

import torch
from torch import Tensor

from dino_lite import enlarge, mask_iou
from dino_lite.resample import resize
from dino_notebooks.widgets.attention_drawing import percent
from dino_notebooks.widgets.live_figure import number

Numbers = dict[str, float]


def caveat(sentence: str) -> str:
    """What has to be known of the network before it is looked at, as HTML; nothing for nothing."""
    style = "line-height: 1.4; margin: 0 0 8px; white-space: normal"
    return f'<div role="status" style="{style}">⚠ {escape(sentence)}</div>' if sentence else ""


def fit_of(mask: Tensor, truth: Tensor, size: int) -> Numbers:
    """IoU of the mask, and of one with all patches, with the true mask at the network's size."""
    true = resize(truth[None, None].float(), size)[0, 0] > 0.5
    return {
        "iou": float(mask_iou(enlarge(mask, size), true)),
        "iou_of_all": float(mask_iou(torch.ones_like(true), true)),
    }


def finding(n: Numbers, mass: float) -> str:
    """What there is to see, in a sentence or two."""
    less = n["patches"] / n["even_patches"]
    spread = "nearly even" if less > 0.85 else "uneven" if less > 0.5 else "drawn to few places"
    text = (
        f"{percent(mass)} of the attention lies on {n['patches']:.0f} of {n['all_patches']:.0f} patches, {spread} "
        f"(even: {n['even_patches']:.0f})."
    )
    if "iou" not in n:
        return text
    better = "better" if n["iou"] > n["iou_of_all"] else "no better"
    return (
        f"{text} The mask fits the picture's own with an IoU of {number(n['iou'])}, {better} than all patches together "
        f"({number(n['iou_of_all'])})."
    )


def line_of(n: Numbers, picture: Tensor, size: int) -> str:
    """The numbers in the sentences below the drawing; picture (C, H, W) goes into the network at size px."""
    fit = "The picture has no mask of its own to compare with. "
    if "iou" in n:
        fit = f"IoU with the picture's own mask: {number(n['iou'])} (all patches: {number(n['iou_of_all'])}). "
    squeezed = "" if picture.shape[1] == picture.shape[2] else f" The network sees it squeezed to {size} × {size} px."
    return (
        f"{fit}The mask has {n['patches']:.0f} of {n['all_patches']:.0f} patches and {percent(n['held'])} of the "
        f"attention on patches; even attention would need {n['even_patches']:.0f}. [CLS] keeps "
        f"{percent(n['to_itself'])} for itself, the brightest patch gets {percent(n['largest'])}.{squeezed}"
    )
