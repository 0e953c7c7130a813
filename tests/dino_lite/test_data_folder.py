"""A folder of pictures: every format and every kind of broken file, made on the fly.

The geometry (crop, resize, EXIF turns) is compared with plain numpy and whole pictures.
Run: pytest tests/dino_lite/test_data_folder.py
"""

import io
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dino_lite.data import Pictures, load_pictures
from dino_lite.data_folder import decode_all, describe, find_pictures

RED, GREEN, BLUE = (250, 10, 20), (10, 240, 30), (20, 30, 230)


def save(path: Path, colour: object = RED, size: tuple[int, int] = (20, 20), mode: str = "RGB") -> Path:
    """One picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def only_picture(folder: Path, size: int = 16) -> np.ndarray:
    """The one picture in a folder, (size,size,C)."""
    pictures = load_pictures(folder, size=size)
    assert len(pictures) == 1
    return pictures.images[0].permute(1, 2, 0).numpy()


def noise(*shape: int) -> np.ndarray:
    """Random uint8 pixels, the same on every call."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# --- layouts ------------------------------------------------------------------------------------------------


def test_flat_folder(tmp_path: Path) -> None:
    save(tmp_path / "b.png", GREEN)
    save(tmp_path / "a.JPG", RED)
    save(tmp_path / "c.webp", BLUE)
    pictures = load_pictures(str(tmp_path), size=16)
    assert pictures.names == ["a.JPG", "b.png", "c.webp"]
    assert pictures.images.shape == (3, 3, 16, 16)
    assert pictures.labels is pictures.label_names is pictures.masks is None
    colours = pictures.images.float().mean((2, 3))
    assert (colours - torch.tensor([RED, GREEN, BLUE])).abs().max() < 6


def test_one_folder_a_class(tmp_path: Path) -> None:
    for name in ("dog/2.png", "dog/10.png", "cat/deep/down/x.png", "cat/a.png", "Bird/b.png"):
        save(tmp_path / name)
    (tmp_path / "empty").mkdir()
    pictures = load_pictures(tmp_path, size=16)
    assert pictures.names == ["Bird/b.png", "cat/a.png", "cat/deep/down/x.png", "dog/10.png", "dog/2.png"]
    assert pictures.label_names == ["Bird", "cat", "dog"]  # no class without a picture
    assert pictures.labels.tolist() == [0, 1, 1, 2, 2]
    assert pictures.labels.dtype == torch.int64


def test_pictures_beside_class_folders_give_no_labels(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "a.png")
    save(tmp_path / "stray.png")
    with pytest.warns(UserWarning, match="so there are no labels") as caught:
        pictures = load_pictures(tmp_path)
    assert pictures.names == ["cat/a.png", "stray.png"]
    assert pictures.labels is None
    assert caught[0].filename == __file__  # the warning points at the reader's line


def test_a_folder_of_splits_is_named(tmp_path: Path) -> None:
    """Otherwise the test pictures are trained on, and "test" and "train" are the classes."""
    for name in ("train/cat/a.png", "test/cat/b.png"):
        save(tmp_path / name)
    with pytest.warns(UserWarning, match="holds test and train: all were read, as if they were classes") as caught:
        pictures = load_pictures(tmp_path)
    assert len(pictures) == 2
    assert caught[0].filename == __file__
    assert load_pictures(tmp_path / "train").label_names == ["cat"]
    (tmp_path / "test").rename(tmp_path / "bus")
    assert load_pictures(tmp_path).label_names == ["bus", "train"]  # vehicles: no warning


def test_hidden_and_foreign_files_are_ignored(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / ".hidden.png")
    save(tmp_path / ".git" / "b.png")
    (tmp_path / "labels.csv").write_text("a.png,cat")
    (tmp_path / "notes.pdf").write_text("not a picture")
    (tmp_path / "Thumbs.db").write_bytes(b"\0")
    assert load_pictures(tmp_path).names == ["a.png"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "a.png")
    here = tmp_path / "here"
    here.mkdir()
    (here / "cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(here)
    assert load_pictures(here).names == ["cat/a.png"]
    assert len(find_pictures(here)) == 1


def test_home_and_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "photos" / "a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("~/photos", "photos", "./photos/", Path("photos")):
        assert load_pictures(name).names == ["a.png"]


def test_a_name_wins_over_a_folder_and_a_path_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "emoji" / "mine.png")
    monkeypatch.chdir(tmp_path)
    assert len(load_pictures("emoji")) > 3000
    assert load_pictures(Path("emoji")).names == load_pictures("./emoji").names == ["mine.png"]


# --- many files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 17, 1000])
def test_every_item_once_and_in_order(count: int) -> None:
    assert decode_all(lambda number: number**2, range(count), "squares") == [number**2 for number in range(count)]


def test_an_interrupt_does_not_wait_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while 50,000 files are read: it ends after the few that are under way."""
    seen = []

    def interrupted_bar(results: Iterator[None], *_: object, **__: object) -> None:
        next(results)
        raise KeyboardInterrupt

    def decode(number: int) -> None:
        seen.append(number)
        time.sleep(0.001)

    monkeypatch.setattr("dino_lite.data_folder.tqdm", interrupted_bar)
    with pytest.raises(KeyboardInterrupt):
        decode_all(decode, range(20_000), "numbers")
    assert len(seen) < 10_000


# --- geometry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(20, 40), (40, 20), (20, 20), (9, 27), (210, 10)])
@pytest.mark.parametrize("size", [8, 20, 24])
def test_shorter_side_is_resized_and_the_centre_kept(tmp_path: Path, height: int, width: int, size: int) -> None:
    pixels = Image.fromarray(90 + noise(height, width, 3) // 4)  # far from 0 and 255: nothing overshoots
    pixels.save(tmp_path / "a.png")
    side = min(height, width)
    whole = np.asarray(pixels.resize((width * size // side, height * size // side), Image.Resampling.BICUBIC))
    top, left = (whole.shape[0] - size) // 2, (whole.shape[1] - size) // 2
    expected = whole[top : top + size, left : left + size].astype(int)
    assert np.abs(only_picture(tmp_path, size) - expected).max() <= 1


def test_an_odd_margin_is_split_evenly(tmp_path: Path) -> None:
    """35 px to 20: a crop from 7.5 px, so a picture that is its own mirror image stays one."""
    half = noise(20, 18, 3)
    Image.fromarray(np.concatenate([half, half[:, -2::-1]], axis=1)).save(tmp_path / "a.png")
    pixels = only_picture(tmp_path, 16).astype(int)
    assert np.abs(pixels - pixels[:, ::-1]).max() <= 1


TO_STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),  # the camera stood on its right side
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", TO_STORED)
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_exif_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.zeros((16, 16, 3), dtype=np.uint8)
    upright[:8, :8], upright[:8, 8:], upright[8:, :8] = RED, GREEN, BLUE
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(TO_STORED[orientation](upright)))
    options = {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {}
    stored.save(tmp_path / f"a{suffix}", exif=exif, **options)
    assert np.abs(only_picture(tmp_path).astype(int) - upright).max() < 12


def test_unreadable_exif_is_no_reason_to_skip(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), RED).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    assert np.abs(only_picture(tmp_path).astype(int) - RED).max() < 6


def test_a_large_jpeg_is_decoded_small_without_harm(tmp_path: Path) -> None:
    """The JPEG decoder may shrink by 8; what is left must look like the whole picture, resized."""
    waves = np.sin(np.linspace(0, 9, 640))[None, :, None] * np.cos(np.linspace(0, 7, 480))[:, None, None]
    pixels = (127 + 120 * waves * np.array([1, -1, 0.5])).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    square = Image.fromarray(pixels[:, 80:560]).resize((16, 16), Image.Resampling.BICUBIC)
    assert np.abs(only_picture(tmp_path).astype(int) - np.asarray(square, dtype=int)).max() <= 4


# --- kinds of pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mode", "colour", "expected"),
    [
        ("grey.png", "L", 77, (77, 77, 77)),
        ("one_bit.png", "1", 1, (255, 255, 255)),
        ("grey_alpha.png", "LA", (77, 255), (77, 77, 77)),
        ("opaque.png", "RGBA", (*RED, 255), RED),
        ("cmyk.tif", "CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("cmyk.jpg", "CMYK", (0, 255, 255, 0), (254, 0, 0)),
        ("luma.jpg", "YCbCr", (76, 85, 255), (254, 0, 0)),
        ("white.png", "I;16", 65535, (255, 255, 255)),
        ("half.png", "I;16", 32896, (128, 128, 128)),
        ("dark.png", "I;16", 257, (1, 1, 1)),
        ("half.tif", "I;16", 32896, (128, 128, 128)),
        ("big_endian.tif", "I;16B", 32896, (128, 128, 128)),
        ("integers_16.tif", "I", 32896, (128, 128, 128)),
        ("integers_8.tif", "I", 77, (77, 77, 77)),
        ("negative.tif", "I", -5, (0, 0, 0)),
        ("share.tif", "F", 0.5, (128, 128, 128)),
        ("floats_8.tif", "F", 77.0, (77, 77, 77)),
        ("brightest.tif", "F", 1e9, (255, 255, 255)),
        ("nothing.tif", "F", float("nan"), (0, 0, 0)),
    ],
)
def test_mode(tmp_path: Path, name: str, mode: str, colour: object, expected: tuple[int, int, int]) -> None:
    if mode == "I;16B":  # Pillow writes it, but has no way to fill it
        Image.frombytes(mode, (20, 20), int(colour).to_bytes(2, "big") * 400).save(tmp_path / name)
    else:
        save(tmp_path / name, colour, mode=mode)
    pixels = only_picture(tmp_path)
    assert pixels.shape == (16, 16, 3)
    assert np.abs(pixels.astype(int) - expected).max() <= 3


def test_sixteen_bits_keep_their_shades(tmp_path: Path) -> None:
    """Pillow's own conversion would cut everything above 255 of 65535 to white."""
    ramp = np.linspace(0, 65535, 16).astype(np.uint16)
    Image.fromarray(np.tile(ramp, (16, 1))).save(tmp_path / "ramp.png")
    shades = only_picture(tmp_path)[0, :, 0]
    np.testing.assert_allclose(shades, ramp / 257, atol=0.51)


def test_palette(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), RED).quantize(4).save(tmp_path / "a.png")
    np.testing.assert_array_equal(only_picture(tmp_path), np.broadcast_to(RED, (16, 16, 3)))


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_animation_gives_its_first_frame(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, GREEN, BLUE)]
    options = {"lossless": True} if name == "a.webp" else {}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=100, **options)
    with Image.open(tmp_path / name) as picture:
        assert picture.n_frames == 3
    assert np.abs(only_picture(tmp_path).astype(int) - RED).max() <= 3


# --- transparency -------------------------------------------------------------------------------------------


def half_transparent(colour: tuple[int, int, int]) -> Image.Image:
    """40 × 40: left opaque in one colour, right fully transparent black."""
    pixels = np.zeros((40, 40, 4), dtype=np.uint8)
    pixels[:, :20] = (*colour, 255)
    return Image.fromarray(pixels)


def test_one_transparent_picture_makes_the_set_rgba(tmp_path: Path) -> None:
    save(tmp_path / "a.png", RED)
    save(tmp_path / "b.png", (*GREEN, 255), mode="RGBA")
    half_transparent(BLUE).save(tmp_path / "c.png")
    images = load_pictures(tmp_path, size=16).images
    assert images.shape == (3, 4, 16, 16)
    assert (images[:2, 3] == 255).all()
    assert images[0, :3, 0, 0].tolist() == list(RED)
    assert images[2, 3, :, :6].min() == 255
    assert images[2, 3, :, 10:].max() == 0
    assert load_pictures(tmp_path, size=16).masks is None  # alpha of unknown origin is no ground truth


def test_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (*GREEN, 255), mode="RGBA")
    save(tmp_path / "b.png", RED)
    assert load_pictures(tmp_path, size=16).images.shape == (2, 3, 16, 16)


def test_transparent_pictures_get_no_dark_fringe(tmp_path: Path) -> None:
    half_transparent((255, 255, 255)).save(tmp_path / "a.png")
    pixels = only_picture(tmp_path, size=15)  # 40 / 15 px: the edge falls inside a pixel
    edge = (pixels[..., 3] > 8) & (pixels[..., 3] < 247)
    assert edge.any()
    assert pixels[edge][:, :3].min() >= 250


@pytest.mark.parametrize("kind", ["palette", "gif", "grey", "colour key"])
def test_every_way_to_write_transparency(tmp_path: Path, kind: str) -> None:
    half = half_transparent(RED)
    match kind:
        case "palette":
            half.quantize(8).save(tmp_path / "a.png")
        case "gif":
            half.save(tmp_path / "a.gif")
        case "grey":
            half.convert("LA").save(tmp_path / "a.png")
        case "colour key":
            half.convert("RGB").save(tmp_path / "a.png", transparency=(0, 0, 0))
    pixels = only_picture(tmp_path)
    assert pixels.shape == (16, 16, 4)
    assert (pixels[:, :6, 3] == 255).all()
    assert (pixels[:, 10:, 3] == 0).all()


# --- files that can't be used -------------------------------------------------------------------------------


def truncated(path: Path) -> None:
    """The first half of a JPEG."""
    file = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(file, "JPEG")
    path.write_bytes(file.getvalue()[: len(file.getvalue()) // 2])


def damaged(path: Path) -> None:
    """A PNG with a wrong byte in its pixels."""
    file = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[500] ^= 0xFF
    path.write_bytes(data)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "half.jpg": (truncated, "truncated"),
    "damaged.png": (damaged, "broken: "),
    "empty.png": (lambda path: path.write_bytes(b""), "not a picture that Pillow can read"),
    "text.jpg": (lambda path: path.write_text("<html>404</html>"), "not a picture that Pillow can read"),
    "phone.heic": (
        lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(99)),
        "not a picture that Pillow",
    ),
    "gone.png": (lambda path: path.symlink_to("nowhere.png"), "No such file"),
    "thin.png": (lambda path: save(path, size=(7, 300)), "7 × 300 px is too small"),
    "pixel.gif": (lambda path: save(path, size=(1, 1)), "1 × 1 px is too small"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_unusable_file_is_named_and_skipped(tmp_path: Path, name: str) -> None:
    make, reason = BROKEN[name]
    save(tmp_path / "cats" / "good.png")
    make(tmp_path / "cats" / name)
    with pytest.warns(UserWarning, match=rf"skipped 1 of 2 pictures in .*: cats/{name} \(.*{reason}") as caught:
        pictures = load_pictures(tmp_path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert pictures.names == ["cats/good.png"]
    assert pictures.label_names == ["cats"]


def test_labels_survive_a_skipped_class(tmp_path: Path) -> None:
    truncated(save(tmp_path / "a" / "broken.jpg"))
    save(tmp_path / "b" / "good.png")
    with pytest.warns(UserWarning, match="a/broken.jpg"):
        pictures = load_pictures(tmp_path)
    assert pictures.label_names == ["b"]
    assert pictures.labels.tolist() == [0]


def test_a_warning_names_five_files_and_counts_the_rest(tmp_path: Path) -> None:
    save(tmp_path / "good.png")
    for number in range(8):
        (tmp_path / f"bad{number}.png").write_text("no")
    with pytest.warns(UserWarning, match="skipped 8 of 9 .* and 3 more") as caught:
        load_pictures(tmp_path)
    text = str(caught[0].message)
    assert [f"bad{number}.png" in text for number in range(8)] == [True] * 5 + [False] * 3
    assert describe([("a", "b")]) == "a (b)"


@pytest.mark.parametrize("side", [40, 100])  # Pillow warns above its limit, and refuses above twice its limit
def test_decompression_bomb_is_skipped(tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "good.png")
    save(tmp_path / "bomb.png", size=(side, side))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.warns(UserWarning, match=r"bomb.png \(too many pixels, a decompression bomb\)") as caught:
        assert load_pictures(tmp_path).names == ["good.png"]
    assert len(caught) == 1  # Pillow's own warning doesn't come as well


def test_eight_pixels_are_enough(tmp_path: Path) -> None:
    save(tmp_path / "a.png", size=(8, 8))
    assert load_pictures(tmp_path).images.shape == (1, 3, 64, 64)


def test_filters_for_warnings_are_put_back(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    before = list(warnings.filters)
    load_pictures(tmp_path)
    assert warnings.filters == before


# --- folders that can't be used -----------------------------------------------------------------------------


def load_broken_only(folder: Path) -> Pictures:
    """A folder with two files, none of use."""
    (folder / "a.png").write_text("no")
    truncated(folder / "b.jpg")
    return load_pictures(folder)


@pytest.mark.parametrize(
    ("load", "complaint"),
    [
        (load_pictures, "holds no pictures: put .jpg or .png files there"),
        (lambda folder: load_pictures(folder / "missing"), "there is no folder .*missing"),
        (lambda folder: load_pictures(save(folder / "a.png")), "is a file: give the path to a folder"),
        (lambda folder: load_pictures(save(folder / "a.png").parent, split="test"), "has only one split"),
        (load_broken_only, r"no picture in .* can be used: a.png \(not a picture .*\), b.jpg \(broken: "),
    ],
    ids=["empty", "missing", "file", "split", "all broken"],
)
def test_one_sentence_says_what_is_wrong(tmp_path: Path, load: Callable[[Path], Pictures], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


# --- progress -----------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A standard error that claims to be a terminal, or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_bar_only_on_a_terminal(tmp_path: Path, is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.png")
    stderr = Terminal(is_terminal)
    monkeypatch.setattr(sys, "stderr", stderr)
    load_pictures(tmp_path)
    assert ("1/1" in stderr.getvalue()) == is_terminal
    assert (f"reading {tmp_path.name}" in stderr.getvalue()) == is_terminal


def test_many_pictures_stay_in_order(tmp_path: Path) -> None:
    for number in range(60):
        save(tmp_path / f"{number:02}.png", (number * 4, 0, 0), size=(200 if number % 7 == 0 else 10, 10))
    images = load_pictures(tmp_path, size=8).images
    assert images[:, 0, 4, 4].tolist() == [number * 4 for number in range(60)]
