"""Pictures, resizing, the emoji and the cat, against slow references in numpy and Pillow.

Run: pytest tests/dino_lite/test_data.py
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dino_lite.data import BUNDLED, NAMES, Pictures, load_cat, load_pictures, resize_images

VENDORS = ("noto", "twemoji", "fluent")


@pytest.fixture(scope="module")
def emoji() -> Pictures:
    """The default pictures, read once for this file."""
    return load_pictures("emoji")


def few(n: int = 5, channels: int = 3) -> Pictures:
    """A set whose every column tells the pictures apart."""
    column = torch.arange(n)
    images = column[:, None, None, None].expand(n, channels, 8, 8).to(torch.uint8).contiguous()
    masks = (column % 2 == 0)[:, None, None].expand(n, 8, 8).contiguous()
    names = [f"picture {i}" for i in range(n)]
    return Pictures(images, names, column, names, column * 10, names, masks)


def composite(images: Tensor, background: float) -> Tensor:
    """Straight RGBA uint8 (N,4,H,W) over a grey background: float (N,3,H,W), 0 to 255."""
    alpha = images[:, 3:].double() / 255
    return images[:, :3].double() * alpha + background * (1 - alpha)


# --- Pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [4, 3, 2, 1, 0]),
        (slice(9, 12), []),
        ([3, 0, 3], [3, 0, 3]),
        ((1, 2), [1, 2]),
        (range(2, 4), [2, 3]),
        ([], []),
        ([-1, -5], [4, 0]),
        (torch.tensor([4, 1]), [4, 1]),
        (torch.tensor([True, False, False, True, False]), [0, 3]),
        (np.array([2, 2]), [2, 2]),
        (3, [3]),
        (-1, [4]),
        (torch.tensor(2), [2]),
    ],
    ids=str,
)
def test_index_chooses_the_same_rows_of_every_column(index: object, expected: list[int]) -> None:
    chosen = few()[index]
    assert chosen.names == [f"picture {i}" for i in expected]
    assert chosen.images[:, 0, 0, 0].tolist() == expected
    assert chosen.labels.tolist() == expected
    assert chosen.sublabels.tolist() == [10 * i for i in expected]
    assert chosen.masks[:, 0, 0].tolist() == [i % 2 == 0 for i in expected]
    assert chosen.label_names == few().label_names  # numbers keep their meaning
    assert len(chosen) == len(expected)


@pytest.mark.parametrize(
    "index", ["0", None, 1.5, [5], [-6], [[0, 1]], [0.5], torch.ones(2), torch.tensor([True, False])], ids=str
)
def test_bad_index(index: object) -> None:
    with pytest.raises(ValueError, match=r"choose|chosen"):
        few()[index]


def test_for_loops_over_pictures_end() -> None:
    assert [picture.names for picture in few(3)] == [["picture 0"], ["picture 1"], ["picture 2"]]
    with pytest.raises(IndexError, match="can't choose 5 of 5 pictures"):
        few()[5]


def test_a_choice_shares_no_memory() -> None:
    pictures = few()
    pictures[:2].images.zero_()
    assert pictures.images[1, 0, 0, 0] == 1


def test_missing_columns_stay_missing() -> None:
    bare = Pictures(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), ["a", "b"])
    for other in (bare[:1], bare.to("cpu")):
        assert other.labels is other.sublabels is other.masks is other.label_names is None


def test_to_moves_every_tensor() -> None:
    moved = few().to("meta")  # a device that every machine has
    assert {t.device.type for t in (moved.images, moved.labels, moved.sublabels, moved.masks)} == {"meta"}
    assert moved.names == few().names


def test_repr_is_one_line() -> None:
    assert repr(few(5, 4)) == "Pictures(5×4×8×8, cpu, 5 labels, 5 sublabels, masks)"
    assert repr(Pictures(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), ["a"])) == "Pictures(1×3×8×8, cpu)"


@pytest.mark.parametrize(
    ("images", "columns", "complaint"),
    [
        (torch.zeros(2, 3, 8, 8), {}, "images must be torch.uint8"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), {}, r"got torch.uint8 \(2, 1, 8, 8\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), {}, "images must be"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), {}, "names must have 1 entries, one a picture, got 2"),
        (
            torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
            {"labels": torch.arange(3)},
            "labels must have 2 entries",
        ),
    ],
)
def test_columns_must_fit(images: Tensor, columns: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Pictures(images, ["a", "b"], **columns)


# --- resize_images ------------------------------------------------------------------------------------------


def resize_slowly(image: np.ndarray, size: int) -> np.ndarray:
    """One straight RGBA picture, uint8 (4,H,W): Pillow resizes colour × alpha, and alpha, as planes of floats."""
    alpha = image[3] / 255.0
    planes = [image[c] / 255.0 * alpha for c in range(3)] + [alpha]
    small = [
        np.asarray(Image.fromarray(p.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)) for p in planes
    ]
    small = np.clip(np.stack(small), 0, 1)
    colours = np.divide(small[:3], small[3], out=np.zeros_like(small[:3]), where=small[3] > 0)
    return np.rint(np.concatenate([np.clip(colours, 0, 1), small[3:]]) * 255)


@pytest.mark.parametrize("size", [16, 24, 32, 100])
def test_resize_with_alpha_agrees_with_pillow(emoji: Pictures, size: int) -> None:
    images = emoji.images[::150]  # 23: more than one chunk
    fast = resize_images(images, size).double().numpy()
    slow = np.stack([resize_slowly(image, size) for image in images.numpy()])
    assert fast.shape == (len(images), 4, size, size)
    assert np.abs(fast[:, 3] - slow[:, 3]).max() <= 1
    seen = np.broadcast_to(slow[:, 3:] >= 32, fast[:, :3].shape)  # where alpha is tiny, colour is noise
    assert np.abs(fast[:, :3] - slow[:, :3])[seen].max() <= 2


@pytest.mark.parametrize("size", [8, 20, 64])
def test_resize_without_alpha_agrees_with_pillow(size: int) -> None:
    cat = load_cat()
    slow = Image.fromarray(cat.permute(1, 2, 0).numpy()).resize((size, size), Image.Resampling.BICUBIC)
    fast = resize_images(cat[None], size)[0].permute(1, 2, 0).numpy()
    assert np.abs(fast.astype(int) - np.asarray(slow, dtype=int)).max() <= 1


def orange_disc(softness: float) -> Tensor:
    """uint8 (1,4,64,64): a disc of radius 20 px whose alpha falls over `softness` px; black hides under 0."""
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    alpha = ((20 - (x**2 + y**2).sqrt()) / softness + 0.5).clamp(0, 1)
    red = (alpha > 0) * 255
    return torch.stack([red, red // 2, red // 4, (alpha * 255).round()]).to(torch.uint8)[None]


@pytest.mark.parametrize("size", [16, 24, 96])
def test_resize_leaves_no_fringe(size: int) -> None:
    small = resize_images(orange_disc(softness=1), size)[0]
    outline = (small[3] > 25) & (small[3] < 230)
    assert outline.any()
    assert (small[0][outline] >= 250).all()  # as orange as within; resized straight it would be dark
    assert (small[1][outline].int() - 127).abs().max() <= 5


@pytest.mark.parametrize("background", [0, 128, 255])
def test_cut_out_and_resized_is_painted_and_resized(background: int) -> None:
    """Both are linear, so they commute. A soft disc: on hard edges bicubic overshoots, and clamping isn't linear."""
    disc = orange_disc(softness=16)
    cut_out = composite(resize_images(disc, 24), background)
    painted = resize_images(composite(disc, background).round().to(torch.uint8), 24)
    assert (cut_out - painted.double()).abs().max() <= 2


def test_resize_to_the_same_size_changes_nothing(emoji: Pictures) -> None:
    assert torch.equal(resize_images(emoji.images, 64), emoji.images)


# --- emoji --------------------------------------------------------------------------------------------------


def test_emoji_shapes_and_order(emoji: Pictures) -> None:
    n = len(emoji) // 3
    assert 1100 <= n <= 1130
    assert emoji.images.shape == (3 * n, 4, 64, 64)
    assert emoji.images.dtype == torch.uint8
    assert emoji.labels.shape == emoji.sublabels.shape == (3 * n,)
    assert emoji.labels.dtype == emoji.sublabels.dtype == torch.int64
    concepts = [name.removeprefix("noto/") for name in emoji.names[:n]]
    assert emoji.names == [f"{vendor}/{concept}" for vendor in VENDORS for concept in concepts]
    assert len(set(concepts)) == n
    assert {"dog face", "pear", "umbrella", "rescue worker's helmet"} <= set(concepts)
    for labels in (emoji.labels, emoji.sublabels):
        assert torch.equal(labels[:n], labels[n : 2 * n])
        assert torch.equal(labels[:n], labels[2 * n :])


def test_emoji_names_are_plain() -> None:
    for concept in json.loads((BUNDLED / "emoji.json").read_text())["concepts"]:
        assert re.fullmatch(r"[a-z][a-z' :-]*", concept["name"]), concept


def test_emoji_labels(emoji: Pictures) -> None:
    dog = emoji.names.index("twemoji/dog face")
    assert emoji.label_names[emoji.labels[dog]] == "Animals & Nature"
    assert emoji.sublabel_names[emoji.sublabels[dog]] == "animal-mammal"
    assert set(emoji.labels.tolist()) == set(range(len(emoji.label_names)))
    assert set(emoji.sublabels.tolist()) == set(range(len(emoji.sublabel_names)))
    assert not {"Flags", "Symbols", "Component"} & set(emoji.label_names)
    assert not {"family", "time", "person-role", "person-sport"} & set(emoji.sublabel_names)
    for sub in range(len(emoji.sublabel_names)):  # the two levels nest
        assert len(emoji.labels[emoji.sublabels == sub].unique()) == 1


def test_emoji_masks_are_alpha(emoji: Pictures) -> None:
    assert torch.equal(emoji.masks, emoji.images[:, 3].float() / 255 > 0.5)
    share = emoji.masks.float().mean((1, 2))
    assert share.min() > 0.05  # every picture shows something
    for vendor in share.view(3, -1).mean(1):
        assert 0.4 < vendor < 0.65
    assert (share < 0.95).float().mean() > 0.95  # and almost none fills the square


def test_emoji_of_one_concept_look_alike_across_vendors(emoji: Pictures) -> None:
    """A slip in the order of one sheet would take the nearest neighbour from 0.2 right down to chance, 0.001."""
    n = len(emoji) // 3
    pixels = composite(resize_images(emoji.images, 16), 255).flatten(1)
    pixels = pixels - pixels.mean(0)
    for query, gallery in ((0, 1), (0, 2), (1, 2)):
        x, y = pixels[query * n : (query + 1) * n], pixels[gallery * n : (gallery + 1) * n]
        nearest = torch.cdist(x, y).argmin(1)
        assert (nearest == torch.arange(n)).double().mean() > 0.15


def test_emoji_resized_as_they_load(emoji: Pictures) -> None:
    small = load_pictures("emoji", size=32)
    assert small.images.shape == (len(emoji), 4, 32, 32)
    assert torch.equal(small.images, resize_images(emoji.images, 32))
    assert torch.equal(small.masks, small.images[:, 3] > 127)
    assert small.names == emoji.names


def test_emoji_do_not_share_memory() -> None:
    load_pictures("emoji").images.zero_()
    assert load_pictures("emoji").images.any()


def test_bundled_files_are_small_and_credited() -> None:
    files = {path.name for path in BUNDLED.iterdir()}
    licences = (BUNDLED / "LICENSES.md").read_text(encoding="utf-8")
    assert {"noto.webp", "twemoji.webp", "fluent.webp", "emoji.json", "cat.png", "LICENSES.md"} <= files
    assert all(f"`{name}`" in licences for name in files - {"LICENSES.md"})
    assert sum((BUNDLED / name).stat().st_size for name in files) < 4.5e6
    for words in (
        "Apache License",
        "CC BY 4.0",
        "creativecommons.org/licenses/by/4.0",
        "Copyright (c) Microsoft Corporation",
        "Permission is hereby granted, free of charge",
        "UNICODE LICENSE V3",
        "CC0",
    ):
        assert words in licences


# --- the cat ------------------------------------------------------------------------------------------------


def test_cat() -> None:
    cat = load_cat()
    assert cat.shape == (3, 224, 224)
    assert cat.dtype == torch.uint8
    assert cat.is_contiguous()
    red, _green, blue = cat.float().mean((1, 2))
    assert red > blue + 20  # fur, not channels in the wrong order
    assert cat.float().std() > 30
    assert torch.equal(load_cat(64), resize_images(cat[None], 64)[0])


# --- what load_pictures refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7, 1025, 0, -3, 32.0, "64", True, None])
def test_bad_size(size: object) -> None:
    for load in (lambda: load_pictures("emoji", size=size), lambda: load_cat(size)):
        with pytest.raises(ValueError, match="size must be a whole number of px from 8 to 1024"):
            load()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("emojis", r"'emojis' \(did you mean 'emoji'\?\)"),
        ("CIFAR-10", "did you mean 'cifar10'"),
        ("fashion-mnist", "did you mean 'fashion_mnist'"),
        ("qqq", "no pictures are called 'qqq': known are emoji, "),
        ("no/such/folder", "there is no folder no/such/folder"),
        ("~/no such folder", "there is no folder /"),
        (Path("emoji"), "there is no folder emoji"),
        (Path(__file__), r"test_data.py is a file: give the path to a folder"),
        ("", "got ''"),
        ("a" * 5000, "no pictures are called"),
        (None, "got None"),
        (3, "got 3"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_name(name: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        load_pictures(name)
    assert "\n" not in str(caught.value)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="and a path to a folder works too") as caught:
        load_pictures("nothing like it")
    assert all(name in str(caught.value) for name in NAMES)


def test_emoji_have_one_split() -> None:
    with pytest.raises(ValueError, match="emoji has only one split, 'train'"):
        load_pictures("emoji", split="test")
