"""The script that packs the emoji, on drawings made here: what it selects, how it draws, that it repeats itself.

Run: pytest tests/dino_lite/test_data_build.py (the real thing, with a download: python tools/build_emoji.py --check)
"""

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from dino_lite.data import BUNDLED

SCRIPT = Path(__file__).parents[2] / "tools" / "build_emoji.py"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """tools/build_emoji.py as a module."""
    spec = importlib.util.spec_from_file_location("build_emoji", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entry(unified: str, order: int, **changes: object) -> dict[str, object]:
    """One entry of emoji-data."""
    return {
        "name": f"THING {order}",
        "unified": unified,
        "non_qualified": None,
        "category": "Objects",
        "subcategory": "tool",
        "sort_order": order,
        "has_img_google": True,
        "has_img_twitter": True,
    } | changes


def png(pixels: np.ndarray) -> bytes:
    """An uint8 picture as a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_selection(build: ModuleType) -> None:
    fluent = dict.fromkeys(("assets/1f600.webp", "assets/2764.webp", "assets/2764-fe0f-200d-1f525.webp"), b"")
    kept = [
        entry("2764-FE0F-200D-1F525", 5),
        entry("2764-FE0F", 4, name="HEAVY"),  # Fluent's file has no -fe0f
        entry("1F600", 3),
    ]
    dropped = [
        entry("1F601", 1),  # Fluent has none
        entry("1F600", 2, has_img_google=False),
        entry("1F600", 6, has_img_twitter=False),
        entry("1F600", 7, category="Flags"),
        entry("1F600", 8, category="Symbols"),
        entry("1F600", 9, subcategory="person-role"),
        entry("1F600", 10, subcategory="time"),
    ]
    assert build.select(kept + dropped, fluent) == kept[::-1]  # in Unicode's order
    assert build.fluent_path(kept[1], fluent) == "assets/2764.webp"


def test_drawing_has_no_fringe(build: ModuleType) -> None:
    pixels = np.zeros((256, 256, 4), dtype=np.uint8)  # black hides under alpha 0
    pixels[:, :130] = (240, 120, 60, 255)  # 130 = 32.5 × 4: the edge falls inside a pixel
    drawn = np.asarray(build.draw(png(pixels)))
    assert drawn.shape == (64, 64, 4)
    assert set(np.unique(drawn[:, :, 3])) == {0, 128, 255}
    assert np.abs(drawn[drawn[..., 3] > 0][:, :3].astype(int) - (240, 120, 60)).max() <= 1


def test_drawing_of_64_pixels_is_left_alone(build: ModuleType) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(build.draw(png(pixels))), pixels)


def test_sheet_repeats_itself_and_keeps_alpha(build: ModuleType) -> None:
    alphas = [(number * 37) % 256 for number in range(build.COLUMNS + 3)]
    drawings = [png(np.full((64, 64, 4), (200, 90, 30, alpha), dtype=np.uint8)) for alpha in alphas]
    data = build.sheet(drawings)
    assert data == build.sheet(drawings)
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    assert pixels.shape == (2 * 64, build.COLUMNS * 64, 4)
    for position, alpha in enumerate(alphas):
        row, column = divmod(position, build.COLUMNS)
        cell = pixels[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64]
        assert (cell[..., 3] == alpha).all()


def test_index_is_what_the_package_has(build: ModuleType) -> None:
    """Written again from its own content, emoji.json doesn't change a byte."""
    committed = (BUNDLED / "emoji.json").read_bytes()
    entries = [
        {"name": c["name"].upper(), "unified": c["unicode"], "category": c["group"], "subcategory": c["subgroup"]}
        for c in json.loads(committed)["concepts"]
    ]
    assert build.index(entries) == committed
    assert len(entries) % build.COLUMNS == 0  # no empty cells


@pytest.mark.parametrize("vendor", ["noto", "twemoji", "fluent"])
def test_sheets_have_a_cell_a_concept(build: ModuleType, vendor: str) -> None:
    n = len(json.loads((BUNDLED / "emoji.json").read_text())["concepts"])
    with Image.open(BUNDLED / f"{vendor}.webp") as sheet:
        assert sheet.mode == "RGBA"
        assert sheet.size == (build.COLUMNS * build.CELL, n // build.COLUMNS * build.CELL)
