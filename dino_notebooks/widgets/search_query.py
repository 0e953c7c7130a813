"""What is looked for, as people say it: a part of a name, or a picture of their own."""

import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from dino_lite.data_folder import fit
from dino_notebooks.widgets.controls import WIDTH, note
from dino_notebooks.widgets.upload import UploadControl

ALL_WORDS = "All of its words must be in the name."


@dataclass(frozen=True)
class OwnPicture:
    """A picture from outside as a query: its name, uint8 (3 or 4, S, S), and whether its sides were cut off."""

    name: str
    image: Tensor
    cut: bool


def own_picture(image: Any, name: str, side: int) -> OwnPicture:
    """A picture uint8 (3 or 4, H, W) as a square of side px; ValueError for anything else.

    As `load_folder` fits pictures, its middle; but all of one that is see-through, with room around it.
    """
    shape, kind = tuple(getattr(image, "shape", ())), getattr(image, "dtype", type(image).__name__)
    if kind != torch.uint8 or len(shape) != 3 or shape[0] not in (3, 4) or min(shape) < 1:
        raise ValueError(f"A query is a picture's name or torch.uint8 (3 or 4, H, W), got {kind} {shape}.")
    picture = Image.fromarray(image.cpu().permute(1, 2, 0).contiguous().numpy())
    if len(image) == 4 and int(image[3].min()) < 255:
        pixels, cut = np.array(ImageOps.pad(picture, (side, side), Image.Resampling.BICUBIC, (0, 0, 0, 0))), False
    else:
        pixels, cut = fit(picture.convert("RGB"), side), shape[1] != shape[2]
    return OwnPicture(name, torch.from_numpy(pixels).permute(2, 0, 1), cut)


def shorten(words: str, length: int) -> str:
    """At most so many characters, the last of them … where some are left out."""
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"


class OneUpload(UploadControl):
    """An upload that is one still picture: of several, or of an animation, nobody knows which is looked for."""

    def _uploaded(self, change: Any) -> None:
        refused = _not_one([(str(file["name"]), bytes(file["content"])) for file in change["new"]])
        if refused:
            self.say(refused, wrong=True)
            self.button.value = ()
        else:
            super()._uploaded(change)


def _not_one(files: list[tuple[str, bytes]]) -> str:
    """Why these files, by name, are not one picture, or nothing; whether it is one at all is seen later."""
    if len(files) > 1:
        return f"These are {len(files)} files: upload one picture at a time."
    for name, data in files:
        # what is no picture, the button says itself
        with warnings.catch_warnings(action="ignore"), suppress(Exception), Image.open(io.BytesIO(data)) as picture:
            # a phone's JPEG may hold several shots (MPO): the first is the photograph
            if getattr(picture, "is_animated", False) and picture.format != "MPO":
                return f"{shorten(name, 40)} is animated: save one of its pictures as a PNG."
    return ""


class FindControl(widgets.VBox):
    """A field for a part of a name. `changed(text)` gives what to say below it, or ValueError."""

    def __init__(self, changed: Callable[[str], str]) -> None:
        self._changed, self._quiet, self.line = changed, False, note("")
        self.field = widgets.Text(description="find", placeholder="part of a name")
        self.field.layout.width, self.field.layout.margin = "auto", "0"
        self.field.style.description_width = "initial"
        self.field.observe(self._typed, "value")
        self.say(ALL_WORDS)
        super().__init__([self.field, self.line], layout={"width": WIDTH, "margin": "0 0 6px 0"})

    def clear(self) -> None:
        """Empty the field."""
        self._quiet = True
        self.field.value = ""
        self._quiet = False
        self.say(ALL_WORDS)

    def say(self, sentence: str, wrong: bool = False) -> None:
        """Say it below the field; screen readers read it out, at once when something is wrong."""
        words = escape(sentence)
        self.line.value = note(
            f'<b role="alert">⚠ {words}</b>' if wrong else f'<span role="status">{words}</span>'
        ).value

    def _typed(self, change: Any) -> None:
        if self._quiet:
            return
        try:
            self.say(self._changed(change["new"].strip()) or ALL_WORDS)
        except ValueError as error:
            self.say(str(error), wrong=True)
