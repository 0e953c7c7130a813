"""Where the [CLS] token looks: any block and head of a ViT, and the mask that holds a share of the attention."""

import math
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from dino_lite import Pictures, enlarge, mask_iou, mass_mask
from dino_lite.resample import resize
from dino_notebooks.widgets.attention_drawing import Look, draw_look, percent, stills
from dino_notebooks.widgets.attention_network import MOST_PICTURES, Model, attention_of, sights, sizes_of, vit_of
from dino_notebooks.widgets.controls import ChoiceControl, NumberControl, note
from dino_notebooks.widgets.live_figure import Figure, LiveFigure, number, row
from dino_notebooks.widgets.ranges import Range

MASS = Range("mass", "", "attention in the mask", 0.05, 1.0, "The fewest patches with this share of it.")
STRENGTH = Range("strength", "", "strength of the heat map", 0.0, 1.0, "0: the picture alone.")
MEAN = "mean"
Stills = tuple[Image.Image, bytes, bytes]


class AttentionWidget(LiveFigure):
    """A picture, how much [CLS] looks at each of its patches, and the mask of the patches it looks at most.

    model: a `Dino` (its teacher), a `Network`, a `ViT`, a plain timm ViT or the name of one; None is the lab's network
    with random weights. pictures: `Pictures`, or one uint8 (3 or 4, H, W); None is a few emoji and a cat. mass: share
    of the attention in the mask, as in the paper's Fig. 4. `picture_menu`, `size_menu`, `layer_menu` and `head_menu`,
    `mass` and `strength` are the controls. After more training call `look_again()`. ValueError for anything else.
    """

    def __init__(self, model: Model = None, pictures: Pictures | Tensor | None = None, mass: float = 0.6) -> None:
        self._model = model
        self._rows: dict[tuple[int, int], Tensor] = {}  # of the picture and size that are shown
        self._stills: dict[int, Stills] = {}
        self._vit, self._untrained = vit_of(model)
        self._sights = sights(pictures)
        self.picture_menu = self._menu("picture", [name for name, _, _ in self._sights], self._left_out(pictures))
        words = "Of another size than it was built for, the position embedding is interpolated."
        self._sizes = sizes_of(self._vit)
        grids = [(size, size // self._vit.patch_size) for size in self._sizes]
        self.size_menu = self._menu("input", [f"{size} px, {n} × {n} patches" for size, n in grids], words)
        depth, heads = len(self._vit.blocks), self._vit.heads
        blocks = {str(i): f"block {i + 1} of {depth}" for i in range(depth)}
        words = "The paper looks at the last."
        self.layer_menu = ChoiceControl("layer", blocks, words, str(depth - 1), self.refresh)
        choices = {MEAN: f"mean of {heads} heads"} | {str(i): f"head {i + 1} of {heads}" for i in range(heads)}
        self.head_menu = ChoiceControl("head", choices, "Each has a softmax of its own.", MEAN, self.refresh)
        self.mass = NumberControl(MASS, mass, self.refresh)
        self.strength = NumberControl(STRENGTH, 0.8, self.refresh)
        rows = [row(self.picture_menu, self.size_menu, self.layer_menu, self.head_menu, self.mass, self.strength)]
        self.warning = note(self._untrained)
        self.warning.layout.margin = "0 0 6px 0"
        super().__init__([self.warning, *rows] if self._untrained else rows)

    def look_again(self) -> None:
        """Ask the network anew, after more training."""
        with self._lock:
            self._vit, self._untrained = vit_of(self._model)
            self._rows = {}
            self.warning.value = note(self._untrained).value
        self.refresh()

    def figure(self) -> Figure:
        """Attention, mask and fit as the controls are set, through the library's own functions."""
        place = int(self.picture_menu.menu.value)
        name, picture, truth = self._sights[place]
        size = self._sizes[int(self.size_menu.menu.value)]
        head, layer = self.head_menu.menu.value, int(self.layer_menu.menu.value)
        rows = self._looked(place, size)[layer]
        flat = rows.mean(0) if head == MEAN else rows[int(head)]
        side = size // self._vit.patch_size
        attention = flat[1:].unflatten(0, (side, side))
        mask = mass_mask(attention, self.mass.value)
        numbers = {
            "patches": float(mask.sum()),
            "all_patches": float(mask.numel()),
            "even_patches": float(math.ceil(self.mass.value * mask.numel() - 1e-9)),
            "held": float(attention[mask].sum() / attention.sum()),
            "to_itself": float(flat[0]),
            "largest": float(attention.max()),
        }
        if truth is not None:
            numbers |= _fit(mask, truth, size)
        who = f"Block {layer + 1}, {'mean of the heads' if head == MEAN else f'head {int(head) + 1}'}"
        found = f"{who}, on {name}: {_finding(numbers, self.mass.value)}"
        words = (f"{percent(self.mass.value)} of the attention", "" if truth is None else "the picture's own mask")
        look = Look(self._stills[place], (picture.shape[1], picture.shape[2]), attention, mask, truth)
        drawing = draw_look(look, self.strength.value, self._untrained + found, words)
        return Figure(drawing, numbers, self._line(numbers, picture, size))

    def _looked(self, place: int, size: int) -> Tensor:
        """Attention of all blocks and heads; kept until picture or size change, so that a slider moves at once."""
        picture = self._sights[place][1]
        if (place, size) not in self._rows:
            self._rows = {(place, size): attention_of(self._vit, picture, size)}
        if place not in self._stills:
            self._stills = {place: stills(picture)}
        return self._rows[place, size]

    def _line(self, n: dict[str, float], picture: Tensor, size: int) -> str:
        fit = "The picture has no mask of its own to compare with. "
        if "iou" in n:
            fit = f"IoU with the picture's own mask: {number(n['iou'])} (all patches: {number(n['iou_of_all'])}). "
        squeezed = (
            "" if picture.shape[1] == picture.shape[2] else f" The network sees it squeezed to {size} × {size} px."
        )
        return (
            f"{fit}The mask has {n['patches']:.0f} of {n['all_patches']:.0f} patches and {percent(n['held'])} of the "
            f"attention on patches; even attention would need {n['even_patches']:.0f}. [CLS] keeps "
            f"{percent(n['to_itself'])} for itself, the brightest patch gets {percent(n['largest'])}.{squeezed}"
        )

    def _menu(self, words: str, shown: list[str], sentence: str) -> ChoiceControl:
        return ChoiceControl(words, {str(i): name for i, name in enumerate(shown)}, sentence, "0", self.refresh)

    def _left_out(self, pictures: Any) -> str:
        if isinstance(pictures, Pictures) and len(pictures) > MOST_PICTURES:
            return f"The first {MOST_PICTURES} of {len(pictures):,}: choose others with pictures[…]."
        return "On white, as in the evaluation."


def _fit(mask: Tensor, truth: Tensor, size: int) -> dict[str, float]:
    """IoU of the mask, and of one with all patches, with the true mask at the network's size."""
    true = resize(truth[None, None].float(), size)[0, 0] > 0.5
    return {
        "iou": float(mask_iou(enlarge(mask, size), true)),
        "iou_of_all": float(mask_iou(torch.ones_like(true), true)),
    }


def _finding(n: dict[str, float], mass: float) -> str:
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
