"""Pictures in memory: a set of small square pictures, and `load_pictures`, which makes one from a name.

Three loaders sit beside this file: data_emoji.py (no download), data_folder.py (your own pictures) and
data_torchvision.py (the classic data sets).
"""

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dino_lite.resample import resize

BUNDLED = Path(__file__).parent / "pictures"  # built by tools/build_emoji.py; credits in its LICENSES.md
TORCHVISION = ("cifar10", "cifar100", "stl10", "fashion_mnist", "flowers102", "oxford_pets", "imagenette")
NAMES = ("emoji", *TORCHVISION)
SIZES = range(8, 1025)  # px
CHUNK = 16  # pictures resized at once: their float copies stay in the cache, twice as fast as 256 at once


@dataclass(frozen=True, eq=False, repr=False)
class Pictures:
    """N square pictures of S × S px, with all that is known about them; what a set doesn't have is None.

    `images` uint8 (N,C,S,S): C = 3 is RGB, C = 4 adds straight alpha (colour under alpha 0 means nothing).
    `labels` and `sublabels` int64 (N,) number `label_names` and `sublabel_names`: coarse and fine classes, -1
    for none. `masks` bool (N,S,S) is True on the object. DINO never trains on labels or masks.
    """

    images: Tensor
    names: list[str]
    labels: Tensor | None = None
    label_names: list[str] | None = None
    sublabels: Tensor | None = None
    sublabel_names: list[str] | None = None
    masks: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse images of another kind, and columns of another length."""
        if self.images.dtype != torch.uint8 or self.images.dim() != 4 or self.images.shape[1] not in (3, 4):
            got = f"{self.images.dtype} {tuple(self.images.shape)}"
            raise ValueError(f"images must be torch.uint8 (N,3,H,W) or (N,4,H,W), got {got}.")
        for column in ("names", "labels", "sublabels", "masks"):
            value = getattr(self, column)
            if value is not None and len(value) != len(self.images):
                raise ValueError(f"{column} must have {len(self.images)} entries, one a picture, got {len(value)}.")

    def __len__(self) -> int:
        """N, the number of pictures."""
        return len(self.images)

    def __repr__(self) -> str:
        """One line: the shape and what is known."""
        parts = ["×".join(map(str, self.images.shape)), str(self.images.device)]
        parts += [f"{len(self.label_names)} labels"] if self.label_names else []
        parts += [f"{len(self.sublabel_names)} sublabels"] if self.sublabel_names else []
        return f"Pictures({', '.join(parts + (['masks'] if self.masks is not None else []))})"

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> "Pictures":
        """A new set of the chosen pictures: a slice, a list or tensor of positions, or a bool tensor (N,).

        ValueError when it chooses nothing that is there. An int gives a set of one picture, or IndexError.
        """
        chosen = index.cpu().numpy() if isinstance(index, Tensor) else index
        try:
            rows = np.arange(len(self))[list(chosen) if isinstance(chosen, tuple) else chosen]
        except (IndexError, ValueError) as error:
            # a plain int must end in IndexError: that is how `for picture in pictures` stops
            kind = IndexError if isinstance(index, int) else ValueError
            raise kind(f"can't choose {chosen!r} of {len(self)} pictures ({error}).") from None
        if rows.ndim > 1:
            raise ValueError(f"pictures are chosen by positions (k,), got some of shape {rows.shape}.")
        places = torch.from_numpy(np.ascontiguousarray(rows))  # (k,), also for one int
        names = [self.names[place] for place in places.tolist()]
        return self._replace_tensors(lambda column: column[places.to(column.device)], names)

    def to(self, device: torch.device | str) -> "Pictures":
        """The same set with every tensor on `device`."""
        return self._replace_tensors(lambda column: column.to(device), self.names)

    def _replace_tensors(self, change: Callable[[Tensor], Tensor], names: list[str]) -> "Pictures":
        """A copy with other names, and `change` applied to every tensor that is there."""
        columns = {name: getattr(self, name) for name in ("images", "labels", "sublabels", "masks")}
        changed: dict[str, Any] = {name: change(x) for name, x in columns.items() if x is not None}
        return replace(self, names=names, **changed)


def resize_images(images: Tensor, size: int) -> Tensor:
    """uint8 (N,C,H,W) → (N,C,size,size), bicubic, antialiased; colours are weighted by alpha if C = 4."""
    if tuple(images.shape[2:]) == (size, size):
        return images
    return torch.cat([_resize_chunk(chunk, size) for chunk in images.split(CHUNK)])


def _resize_chunk(images: Tensor, size: int) -> Tensor:
    """As `resize_images`, all at once. Unweighted, what hides under alpha 0 would make a dark fringe."""
    has_alpha = images.shape[1] == 4
    pixels = images.float().div_(255)
    if has_alpha:
        pixels[:, :3] *= pixels[:, 3:]
    pixels = resize(pixels, size)
    if has_alpha:
        pixels[:, :3] /= pixels[:, 3:].clamp(min=1e-3)
    return pixels.clamp_(max=1).mul_(255).round_().to(torch.uint8)


def load_cat(size: int = 224) -> Tensor:
    """A photograph of a cat's face (scikit-image's CC0 `chelsea`): uint8 (3,size,size)."""
    _check_size(size)
    with Image.open(BUNDLED / "cat.png") as picture:
        pixels = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)  # (3,224,224)
    return resize_images(pixels[None], size)[0].contiguous()


def load_pictures(name: str | Path, size: int = 64, root: str | Path | None = None, split: str = "train") -> Pictures:
    """Load a set of pictures, size × size px: "emoji", a torchvision set (see `NAMES`) or a path to a folder.

    `root` is where a torchvision set's files are, or are downloaded to (default: the environment variable
    DINO_LITE_DATA, else ~/.cache/dino_lite). `split` is "train" or "test" for these; emoji and folders have
    only "train", which is everything. A Path is always a folder. ValueError, one sentence, when it can't be.
    """
    # The loaders build on Pictures above, so they are imported here; torchvision waits until it is needed.
    from dino_lite.data_emoji import load_emoji
    from dino_lite.data_folder import load_folder
    from dino_lite.data_torchvision import load_torchvision

    _check_size(size)
    if name in TORCHVISION:
        return load_torchvision(name, size, root, split)
    if name != "emoji":
        _check_is_folder(name)
    if split != "train":
        raise ValueError(f"{name} has only one split, 'train' (all of its pictures), got split={split!r}.")
    return load_emoji(size) if name == "emoji" else load_folder(Path(os.path.expanduser(name)), size)


def _check_size(size: int) -> None:
    """ValueError unless `size` is a usable side in px."""
    if not isinstance(size, int) or isinstance(size, bool) or size not in SIZES:
        raise ValueError(f"size must be a whole number of px from {SIZES[0]} to {SIZES[-1]}, got {size!r}.")


def _check_is_folder(name: str | Path) -> None:
    """ValueError, with the known names or what the path is instead, unless `name` is a path to a folder."""
    if not isinstance(name, str | Path) or not str(name).strip():
        raise ValueError(f"pictures have a name ({', '.join(NAMES)}) or a path to a folder, got {name!r}.")
    path = os.path.expanduser(name)
    if os.path.isdir(path):
        return
    if os.path.exists(path):
        raise ValueError(f"{path} is a file: give the path to a folder of pictures.")
    if isinstance(name, Path) or any(mark in name for mark in "/\\~"):
        raise ValueError(f"there is no folder {path}: check the spelling, or give its full path.")
    close = difflib.get_close_matches(name.lower().replace("-", "_"), NAMES, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    known = f"known are {', '.join(NAMES)}, and a path to a folder works too"
    raise ValueError(f"no pictures are called {name!r}{hint}: {known}.")
