"""Pictures from outside: every kind of file that holds one, upright and whole; everything else gets one sentence.

Run: pytest tests/dino_notebooks/test_upload.py
"""

import datetime
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dino_notebooks.widgets.upload import LARGEST, MOST_MEGAPIXELS, Upload, UploadControl, decode_picture, open_upload

HALVES = np.zeros((20, 40, 3), np.uint8)  # left red, right blue
HALVES[:, :20, 0], HALVES[:, 20:, 2] = 255, 255


def file(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture's file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def halves() -> Image.Image:
    return Image.fromarray(HALVES)


def header_of(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((13, head), (0, b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", size) + chunk + struct.pack(">I", zlib.crc32(chunk)) for size, chunk in chunks
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "PPM"])
def test_kinds_of_files(kind: str) -> None:
    found = decode_picture(file(halves(), kind))
    assert (found.dtype, tuple(found.shape)) == (torch.uint8, (3, 20, 40))
    assert found.is_contiguous()
    assert found[:, 10, 5].tolist() == pytest.approx([255, 0, 0], abs=10)
    assert found[:, 10, 35].tolist() == pytest.approx([0, 0, 255], abs=10)


@pytest.mark.parametrize(
    ("mode", "channels", "expected"),
    [
        ("L", 3, [76, 76, 76]),
        ("1", 3, None),
        ("P", 3, [255, 0, 0]),
        ("CMYK", 3, [255, 0, 0]),
        ("YCbCr", 3, [254, 0, 0]),
        ("RGBA", 4, [255, 0, 0, 255]),
        ("LA", 4, [76, 76, 76, 255]),
        ("I;16", 3, [76, 76, 76]),
        ("F", 3, [76, 76, 76]),
    ],
)
def test_modes(mode: str, channels: int, expected: list[int] | None) -> None:
    """Grey, palette, inks, alpha, 16 and 32 bit."""
    if mode == "I;16":
        grey = np.array(halves().convert("L")).astype(np.uint16) * 257
        picture = Image.fromarray(grey)
        assert picture.mode == mode
    else:
        picture = halves().convert(mode)
    found = decode_picture(file(picture, "TIFF" if mode in ("CMYK", "YCbCr", "F") else "PNG"))
    assert found.shape == (channels, 20, 40)
    if expected:
        assert found[:, 10, 5].tolist() == pytest.approx(expected, abs=2)


def test_alpha_stays() -> None:
    picture = halves().convert("RGBA")
    picture.putalpha(Image.fromarray(np.arange(800, dtype=np.uint8).reshape(20, 40)))
    assert torch.equal(decode_picture(file(picture)), torch.from_numpy(np.array(picture)).permute(2, 0, 1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_as_the_camera_says(orientation: int) -> None:
    """From 5 on the sides change places; where red and blue lie is Pillow's own table the other way round."""
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90"}
    undo |= {7: "TRANSVERSE", 8: "ROTATE_270"}
    stored = halves().transpose(Image.Transpose[undo[orientation]]) if orientation in undo else halves()
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode_picture(file(stored, "JPEG", quality=100, subsampling=0, exif=exif))
    assert found.shape == (3, 20, 40)
    assert np.abs(found.permute(1, 2, 0).numpy().astype(int) - HALVES).max() < 12


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame(kind: str) -> None:
    options: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", (40, 20), "lime")]}
    found = decode_picture(file(halves(), kind, **options))
    assert found[:3, 10, 5].tolist() == pytest.approx([255, 0, 0], abs=10)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_one_is_made_smaller_and_this_is_said(kind: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(file(halves().resize((4000, 2000), Image.Resampling.NEAREST), kind))
    found = open_upload(tmp_path / "large")
    assert found.picture.shape == (3, LARGEST // 2, LARGEST)
    assert found.sentence == f"large: {LARGEST} × {LARGEST // 2} px, made smaller from 4000 × 2000."
    assert found.picture[:, 100, 100].tolist() == pytest.approx([255, 0, 0], abs=4)
    assert found.picture[:, 100, LARGEST - 100].tolist() == pytest.approx([0, 0, 255], abs=4)


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        ((40, 20), "a.jpg: 20 × 40 px."),
        ((20, 20), "a.jpg: 20 × 20 px."),
        ((4000, 2000), f"a.jpg: {LARGEST // 2} × {LARGEST} px, made smaller from 2000 × 4000."),
    ],
)
def test_the_size_of_one_that_lay_on_its_side(tmp_path: Path, size: tuple[int, int], sentence: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(file(halves().resize(size), "JPEG", exif=exif))
    assert open_upload(str(tmp_path / "a.jpg")).sentence == sentence


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty: choose a file that holds a picture."),
        (b"once upon a time", "The file is not a picture that Pillow can read: save it as PNG, JPEG or WebP."),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "The file is not a picture that Pillow can read"),
        (file(halves())[:60], "The file is broken ("),
        (file(halves().resize((400, 400)), "JPEG")[:900], "The file is broken ("),
        (header_of(40, 20), "The file is broken ("),
        (
            header_of(10_000, 9_000),
            f"The file is 10000 × 9000 px: make it smaller, at most {MOST_MEGAPIXELS} megapixels.",
        ),
        (header_of(60_000, 60_000), "The file has too many pixels: make it smaller"),
        (file(halves().resize((40, 7))), "The file is 40 × 7 px: use a picture of at least 8 px a side."),
    ],
    ids=["nothing", "text", "SVG", "cut PNG", "cut JPEG", "header", "large", "bomb", "thin"],
)
def test_what_is_no_picture_gets_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match="The file") as caught:
        decode_picture(data)
    assert str(caught.value).startswith(sentence)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["none.png", "."])
def test_paths_that_are_no_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read \(.+\): give the path to a picture"):
        open_upload(tmp_path / name)


def test_a_long_name_is_shortened() -> None:
    with pytest.raises(ValueError, match=r"^x{26}…x{9}\.png is empty"):
        decode_picture(b"", "x" * 60 + ".png")


# --- the control ----------------------------------------------------------------------------------------------


def choose(control: UploadControl, data: bytes, name: str = "<a>.png") -> None:
    """What JupyterLab sends when a file was chosen."""
    facts = {"name": name, "type": "image/png", "size": len(data), "last_modified": datetime.datetime.now(datetime.UTC)}
    control.button.value = (facts | {"content": memoryview(data)},)


def test_a_picture_is_handed_on() -> None:
    got: list[Upload] = []
    control = UploadControl(got.append)
    for times in (1, 2):  # the same file again
        choose(control, file(halves()))
        assert len(got) == times
        assert control.button.value == ()  # no bytes are kept
    assert (got[0].name, tuple(got[0].picture.shape)) == ("<a>.png", (3, 20, 40))
    assert "&lt;a&gt;.png: 40 × 20 px." in control.line.value
    assert "alert" not in control.line.value


def test_what_is_none_is_said_and_not_handed_on() -> None:
    got: list[Upload] = []
    control = UploadControl(got.append)
    choose(control, b"once upon a time")
    assert got == []
    assert 'role="alert"' in control.line.value
    assert "&lt;a&gt;.png is not a picture" in control.line.value
    assert control.button.value == ()
    choose(control, file(halves()))
    assert "alert" not in control.line.value


def test_what_its_owner_does_not_take_is_said() -> None:
    def refuse(_: Upload) -> None:
        raise ValueError("not today")

    control = UploadControl(refuse)
    choose(control, file(halves()))
    assert "⚠ not today" in control.line.value
