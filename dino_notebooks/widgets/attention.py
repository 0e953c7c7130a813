"""Where the [CLS] token looks: any block and head of a ViT, and the mask that holds a share of the attention.

AttentionWidget()                                     the shipped network on some emoji and a cat; upload your own
AttentionWidget("timm:vit_small_patch16_224.dino")    the authors' ViT-S/16, fetched once
AttentionWidget(dino, "photo.jpg")                    your network, your picture
"""

import math
from typing import Any

import ipywidgets as widgets
from PIL import Image
from torch import Tensor

from dino_lite import Pictures, mass_mask
from dino_notebooks.widgets.attention_drawing import Look, draw_look, percent, stills
from dino_notebooks.widgets.attention_network import (
    MOST_PICTURES,
    Model,
    Shown,
    attention_of,
    sight_of,
    sights,
    sizes_of,
    vit_of,
)
from dino_notebooks.widgets.attention_words import caveat, finding, fit_of, line_of
from dino_notebooks.widgets.controls import ChoiceControl, NumberControl
from dino_notebooks.widgets.live_figure import Figure, LiveFigure, row
from dino_notebooks.widgets.ranges import Range
from dino_notebooks.widgets.upload import Upload, UploadControl

MASS = Range("mass", "", "attention in the mask", 0.05, 1.0, "The fewest patches with this share of it.")
STRENGTH = Range("strength", "", "strength of the heat map", 0.0, 1.0, "0: the picture alone.")
MEAN = "mean"
Stills = tuple[Image.Image, bytes, bytes]


class AttentionWidget(LiveFigure):
    """A picture, how much [CLS] looks at each of its patches, and the mask of the patches it looks at most.

    model: a `Dino` (its teacher), a `Network`, a `ViT`, a plain timm ViT or the name of one; None is the shipped one,
    which is also shown, and said, when weights of that name cannot be fetched. pictures: `Pictures`, one uint8 (3 or 4,
    H, W), or a file's path; None is a few emoji and a cat. mass: share of the attention in the mask, as in the paper's
    Fig. 4. `picture_menu`, `size_menu`, `layer_menu` and `head_menu`, `mass` and `strength` are the controls, `upload`
    adds a picture. After more training call `look_again()`. ValueError for anything else.
    """

    def __init__(self, model: Model = None, pictures: Shown = None, mass: float = 0.6) -> None:
        self._model, self._quiet = model, False
        self._rows: dict[tuple[int, int], Tensor] = {}  # of the picture and size that are shown
        self._stills: dict[int, Stills] = {}
        self._sights = sights(pictures)
        self._vit, self._caveat = vit_of(model)
        names = {str(place): name for place, (name, _, _) in enumerate(self._sights)}
        self.picture_menu = ChoiceControl("picture", names, self._left_out(pictures), "0", self._picked)
        words = "Of another size than it was built for, the position embedding is interpolated."
        self._sizes = sizes_of(self._vit)
        grids = [(size, size // self._vit.patch_size) for size in self._sizes]
        inputs = {str(i): f"{size} px, {n} × {n} patches" for i, (size, n) in enumerate(grids)}
        self.size_menu = ChoiceControl("input", inputs, words, "0", self.refresh)
        depth, heads = len(self._vit.blocks), self._vit.heads
        blocks = {str(i): f"block {i + 1} of {depth}" for i in range(depth)}
        words = "The paper looks at the last."
        self.layer_menu = ChoiceControl("layer", blocks, words, str(depth - 1), self.refresh)
        choices = {MEAN: f"mean of {heads} heads"} | {str(i): f"head {i + 1} of {heads}" for i in range(heads)}
        self.head_menu = ChoiceControl("head", choices, "Each has a softmax of its own.", MEAN, self.refresh)
        self.mass = NumberControl(MASS, mass, self.refresh)
        self.strength = NumberControl(STRENGTH, 0.8, self.refresh)
        self.upload = UploadControl(self._uploaded)
        menus = column(self.layer_menu, self.head_menu, self.size_menu)
        controls = row(column(self.picture_menu, self.upload), menus, column(self.mass, self.strength))
        self.warning = widgets.HTML(caveat(self._caveat))
        super().__init__([self.warning, controls])

    def look_again(self) -> None:
        """Ask the network anew, after more training. One that was given by name learns no more."""
        with self._lock:
            if not isinstance(self._model, str):
                self._vit, self._caveat = vit_of(self._model)
            self._rows = {}
            self.warning.value = caveat(self._caveat)
        self.refresh()

    def refresh(self, _: Any = None) -> None:
        """Draw anew, once all that changes together has changed."""
        with self._lock:
            if not self._quiet:
                super().refresh()

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
            numbers |= fit_of(mask, truth, size)
        who = f"Block {layer + 1}, {'mean of the heads' if head == MEAN else f'head {int(head) + 1}'}"
        found = f"{who}, on {name}: {finding(numbers, self.mass.value)}"
        words = (f"{percent(self.mass.value)} of the attention", "" if truth is None else "the picture's own mask")
        look = Look(self._stills[place], (picture.shape[1], picture.shape[2]), attention, mask, truth)
        drawing = draw_look(look, self.strength.value, self._caveat + found, words)
        return Figure(drawing, numbers, line_of(numbers, picture, size))

    def static_html(self) -> str:
        """The drawing and the line as they stand, below what has to be known of the network."""
        return self.warning.value + super().static_html()

    def _picked(self, _: Any) -> None:
        if not self._quiet:
            self.upload.rest()  # what it said was of another picture
        self.refresh()

    def _uploaded(self, upload: Upload) -> None:
        """Show another picture, and keep it in the menu."""
        with self._lock:
            self._sights.append(sight_of(upload))
            self._quiet, menu = True, self.picture_menu.menu
            try:
                with menu.hold_sync():  # its options alone would show their first for a moment
                    menu.options = [(name, str(place)) for place, (name, _, _) in enumerate(self._sights)]
                    menu.value = str(len(self._sights) - 1)
            finally:
                self._quiet = False
        self.refresh()

    def _looked(self, place: int, size: int) -> Tensor:
        """Attention of all blocks and heads; kept until picture or size change, so that a slider moves at once."""
        picture = self._sights[place][1]
        if (place, size) not in self._rows:
            self._rows = {(place, size): attention_of(self._vit, picture, size)}
        if place not in self._stills:
            self._stills = {place: stills(picture)}
        return self._rows[place, size]

    def _left_out(self, pictures: Any) -> str:
        if isinstance(pictures, Pictures) and len(pictures) > MOST_PICTURES:
            return f"The first {MOST_PICTURES} of {len(pictures):,}: choose others with pictures[…]."
        return "On white, as in the evaluation."


def column(*parts: widgets.Widget) -> widgets.VBox:
    """Controls below one another."""
    return widgets.VBox(list(parts), layout={"overflow": "visible"})
