"""The classic data sets, read by torchvision's own classes and downloaded when the files aren't there yet.

A folder that already holds the files, as torchvision lays them out, is used as it is, even a read-only one.
"""

import os
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dino_lite.data import Pictures, resize_images
from dino_lite.data_fashion import DEBIAN, find_originals, lay_out
from dino_lite.data_folder import decode_all, fit, stack

TIMEOUT = 30  # seconds that a server may stay silent


@dataclass(frozen=True)
class Source:
    """How torchvision is asked for a set: its class, the sub-folder of the files, its word for each split."""

    cls: str
    folder: str
    splits: dict[str, Any]
    argument: str = "split"  # that picks the split


def same(*splits: str) -> dict[str, str]:
    """Splits that torchvision calls as we do."""
    return {split: split for split in splits}


TRAIN_OR_TEST = {"train": True, "test": False}
SOURCES = {
    "cifar10": Source("CIFAR10", "cifar-10-batches-py", TRAIN_OR_TEST, "train"),
    "cifar100": Source("CIFAR100", "cifar-100-python", TRAIN_OR_TEST, "train"),
    "fashion_mnist": Source("FashionMNIST", "FashionMNIST", TRAIN_OR_TEST, "train"),
    "stl10": Source("STL10", "stl10_binary", same("train", "test", "unlabeled", "train+unlabeled")),
    "flowers102": Source("Flowers102", "flowers-102", same("train", "val", "test")),
    "oxford_pets": Source("OxfordIIITPet", "oxford-iiit-pet", same("trainval", "test") | {"train": "trainval"}),
    "imagenette": Source("Imagenette", "imagenette2", same("train", "val") | {"test": "val"}),
}
# Imagenette comes in three sizes: shorter side in px, torchvision's word, sub-folder
IMAGENETTES = (
    (160, "160px", "imagenette2-160"),
    (320, "320px", "imagenette2-320"),
    (1024, "full", "imagenette2"),
)


def load_torchvision(name: str, size: int, root: str | Path | None, split: str) -> Pictures:
    """One split of a set at size × size px, with masks for oxford_pets. ValueError when it can't be had."""
    source = SOURCES[name]
    if split not in source.splits:
        raise ValueError(f"{name} has the splits {', '.join(source.splits)}, got split={split!r}.")
    home = data_home(root)
    home = home.parent if home.name == source.folder else nearest(home, source.folder)  # it may be given itself
    dataset = open_dataset(name, dataset_maker(name, size, split, home), home, search_debian=root is None)
    with one_sentence(f"the files of {name} in {home} are broken", "delete them and load again"):
        images, labels, masks = (read_arrays if hasattr(dataset, "data") else read_files)(dataset, size)
        label_names = class_names(dataset, labels)
    names = [f"{name}/{split}/{number}" for number in range(len(images))]
    if int(labels.max()) < 0:  # the unlabeled part of STL-10
        return Pictures(images, names)
    return Pictures(images, names, labels, label_names, masks=masks)


def data_home(root: str | Path | None) -> Path:
    """The folder of the torchvision sets: `root`, else $DINO_LITE_DATA, else ~/.cache/dino_lite."""
    return Path(os.path.expanduser(root or os.environ.get("DINO_LITE_DATA") or "~/.cache/dino_lite"))


def nearest(home: Path, folder: str) -> Path:
    """`home`, or the first folder in it that holds the set when `home` does not: its files lie one level deeper."""
    deeper = [] if any(home.glob(f"{folder}*")) else sorted(home.glob(f"*/{folder}*"))
    return deeper[0].parent if deeper else home


def dataset_maker(name: str, size: int, split: str, home: Path) -> Callable[..., Any]:
    """torchvision's class with every argument but `root` and `download`; ValueError if it isn't installed."""
    if name == "flowers102" and find_spec("scipy") is None:  # torchvision notices only after the download
        raise ValueError("flowers102 needs scipy to read its labels: pip install scipy.")
    try:
        from torchvision import datasets  # here, not above: the rest of dino_lite works without it
    except ImportError as error:
        raise ValueError(f"{name} needs torchvision: pip install torchvision ({error}).") from None
    source = SOURCES[name]
    arguments = {source.argument: source.splits[split]}
    if name == "oxford_pets":
        arguments["target_types"] = ["category", "segmentation"]
    if name == "imagenette":  # the smallest that is large enough, but one that's there rather than a download
        fitting = [variant for variant in IMAGENETTES if variant[0] >= size]
        there = [variant for variant in (*fitting, *IMAGENETTES) if (home / variant[2]).is_dir()]
        arguments["size"] = (there or fitting)[0][1]
    return partial(getattr(datasets, source.cls), **arguments)


def open_dataset(name: str, make: Callable[..., Any], home: Path, search_debian: bool) -> Any:
    """The data set from the files in `home`, or after a download to it."""
    with one_sentence(f"the files of {name} in {home} are broken", "delete them and load again"):
        if (dataset := make_if_there(make, home)) is not None:
            return dataset
        files = find_originals(home) if name == "fashion_mnist" else []
        if name == "fashion_mnist" and search_debian:
            files = files or find_originals(DEBIAN)
        if files:
            with tempfile.TemporaryDirectory() as folder:
                lay_out(files, Path(folder))
                return make(folder)  # read into memory: the folder may go
    remedy = f"put the folder {SOURCES[name].folder} there, or pass root= (--root) the folder that holds it"
    with one_sentence(f"{name} could not be downloaded to {home}", remedy):
        return make_with_download(make, home)


@contextmanager
def one_sentence(what: str, remedy: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into a ValueError "what (why): remedy." and hush library warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's on old pickles, tarfile's on filters: not the reader's
            yield
    # torchvision lets everything through: URLError, EOFError, zlib.error, TarError, AssertionError
    except Exception as error:
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection open
        why = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ValueError(f"{what} ({why.rstrip('.')}): {remedy}.") from None


def make_if_there(make: Callable[..., Any], home: Path) -> Any | None:
    """The data set when `home` holds its files, else None."""
    try:
        return make(home)
    except RuntimeError as error:
        if "not found" in str(error):  # torchvision's only way to say so
            return None
        raise


def make_with_download(make: Callable[..., Any], home: Path) -> Any:
    """The data set after a download with torchvision's progress bar; a dead network can't hang it."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        return make(home, download=True)
    finally:
        socket.setdefaulttimeout(before)


def class_names(dataset: Any, labels: Tensor) -> list[str]:
    """A name a class: the first of several, or the number (STL-10 without its class_names.txt)."""
    classes = getattr(dataset, "classes", range(int(labels.max()) + 1))
    return [label[0] if isinstance(label, tuple) else str(label) for label in classes]


def read_arrays(dataset: Any, size: int) -> tuple[Tensor, Tensor, None]:
    """Of a set in memory: images uint8 (N,3,size,size), labels int64 (N,), no masks."""
    pixels = torch.from_numpy(np.asarray(dataset.data))
    if pixels.dim() == 3:
        pixels = pixels[:, None]  # grey: (N,28,28) → (N,1,28,28)
    elif pixels.shape[-1] == 3:
        pixels = pixels.permute(0, 3, 1, 2)  # CIFAR has (N,32,32,3), STL-10 (N,3,96,96)
    labels = np.asarray(dataset.targets if hasattr(dataset, "targets") else dataset.labels)
    images = resize_images(pixels, size).expand(-1, 3, -1, -1).contiguous()
    return images, torch.from_numpy(labels).long(), None


def read_files(dataset: Any, size: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Of a set of files: images uint8 (N,3,size,size), labels int64 (N,), masks (N,size,size) or None."""
    items = decode_all(partial(read_file, dataset, size), range(len(dataset)), type(dataset).__name__)
    pixels, labels, masks = zip(*items, strict=True)
    return (
        stack(list(pixels)),
        torch.tensor(labels),
        None if masks[0] is None else torch.from_numpy(np.stack(masks)),
    )


def read_file(dataset: Any, size: int, number: int) -> tuple[np.ndarray, int, np.ndarray | None]:
    """One picture uint8 (size,size,3), its label, and its mask bool (size,size) when the set has trimaps."""
    picture, target = dataset[number]
    label, trimap = target if isinstance(target, tuple) else (target, None)
    if trimap is None:
        return fit(picture, size), label, None
    with trimap:  # torchvision leaves the file open
        pet = np.asarray(trimap) != 2  # 1 pet, 2 background, 3 outline: mostly fur, so pet
    return fit(picture, size), label, fit(Image.fromarray(pet.astype(np.uint8) * 255), size)[..., 0] > 127
