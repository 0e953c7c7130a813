"""A picture of one's own in a widget: a button to choose a file, and what its bytes show.

Unlike in a folder of pictures, nothing is cropped: the picture keeps its proportions, and what it cannot be is said.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from dino_lite.checkpoint import first_line
from dino_lite.data_folder import SMALLEST, eight_bit, upright
from dino_notebooks.widgets.controls import WIDTH, note

LARGEST = 1024  # px, the longer side of what is kept: no widget shows or looks at more
MOST_BYTES = 10_000_000  # JupyterLab drops the connection to the kernel for a message of more than 10 MiB
MOST_MEGAPIXELS = 80


@dataclass(frozen=True)
class Upload:
    """A picture from outside: its name, uint8 (3 or 4, H, W), and a sentence on its size."""

    name: str
    picture: Tensor
    sentence: str


def decode_picture(data: bytes, name: str = "The file") -> Tensor:
    """The picture in a file's bytes: uint8 (3, H, W), or (4, H, W) with alpha, its longer side at most LARGEST px.

    Turned as its EXIF tag says; of an animation the first frame. ValueError, one sentence that begins with `name`, when
    there is no picture in it, or one of more than MOST_MEGAPIXELS.
    """
    return read_upload(data, name).picture


def read_upload(data: bytes, name: str) -> Upload:
    """As `decode_picture`, with what is to be said about it."""
    short = name if len(name) <= 40 else f"{name[:26]}…{name[-13:]}"  # the end tells its kind
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF tags, and on many pixels, which are counted here
        found = _read(data, short)
    if isinstance(found, str):
        raise ValueError(f"{short} {found}.")
    return found


def open_upload(path: str | Path) -> Upload:
    """A picture from the disk, as if it had been uploaded; ValueError, one sentence, when that cannot be."""
    path = Path(path).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): give the path to a picture.") from None
    return read_upload(data, path.name)


def _read(data: bytes, name: str) -> Upload | str:
    """The upload, or why there is none, as what is said after its name."""
    if not data:
        return "is empty: choose a file that holds a picture"
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if min(width, height) < SMALLEST:
                return f"is {width} × {height} px: use a picture of at least {SMALLEST} px a side"
            if width * height > 1e6 * MOST_MEGAPIXELS:
                return f"is {width} × {height} px: make it smaller, at most {MOST_MEGAPIXELS} megapixels"
            picture.draft(None, (LARGEST, LARGEST))  # a JPEG may decode at 1/2, 1/4, 1/8, but not below this
            pixels = _pixels(upright(picture))
    except Image.DecompressionBombError:
        return f"has too many pixels: make it smaller, at most {MOST_MEGAPIXELS} megapixels"
    except UnidentifiedImageError:
        return "is not a picture that Pillow can read: save it as PNG, JPEG or WebP"
    except Exception as error:  # on broken files decoders raise whatever they stumble on
        return f"is broken ({first_line(error)}): use another copy of it"
    h, w = pixels.shape[1:]
    if (w > h) != (width > height):  # it lay on its side
        width, height = height, width
    smaller = "" if (w, h) == (width, height) else f", made smaller from {width} × {height}"
    return Upload(name, pixels, f"{name}: {w} × {h} px{smaller}.")


def _pixels(picture: Image.Image) -> Tensor:
    """A decoded picture of any mode as uint8 (3 or 4, H, W), not larger than LARGEST."""
    if picture.mode.startswith(("I", "F")):
        picture = eight_bit(picture)
    picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BICUBIC)  # weights colours by alpha
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


class UploadControl(widgets.VBox):
    """A button to choose a picture; `chosen(upload)` gets it, and what cannot be used is said below instead.

    `chosen` may raise ValueError: its sentence is said too.
    """

    def __init__(self, chosen: Callable[[Upload], None], words: str = "upload a picture") -> None:
        self._chosen = chosen
        self.button = widgets.FileUpload(accept="image/*", description=words, layout={"width": "auto", "margin": "0"})
        self.button.tooltip = f"{words}: a file of at most {MOST_BYTES / 1e6:.0f} MB"
        self.button.observe(self._uploaded, "value")
        self.line = note("")
        self.rest()
        super().__init__([self.button, self.line], layout={"width": WIDTH, "margin": "0 0 6px 0"})

    def rest(self) -> None:
        """Say what it says as long as nothing was chosen."""
        self.say(f"Up to {MOST_BYTES / 1e6:.0f} MB; it stays in this kernel.")

    def say(self, sentence: str, wrong: bool = False) -> None:
        """Say it below the button; screen readers read it out, at once when something is wrong."""
        words = escape(sentence)
        html = f'<b role="alert">⚠ {words}</b>' if wrong else f'<span role="status">{words}</span>'
        self.line.value = note(html).value

    def _uploaded(self, change: Any) -> None:
        if not change["new"]:
            return
        file = change["new"][0]
        try:
            upload = read_upload(bytes(file["content"]), str(file["name"]))
            self._chosen(upload)
            self.say(upload.sentence)
        except ValueError as error:
            self.say(str(error), wrong=True)
        finally:
            self.button.value = ()  # the bytes are not kept, and the same file can be chosen again
