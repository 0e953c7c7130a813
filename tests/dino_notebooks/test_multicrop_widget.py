"""MultiCropWidget: boxes, tiles and pairs in the drawing against crops drawn apart and against the loss itself.

Run: pytest tests/dino_notebooks/test_multicrop_widget.py
"""

import base64
import io
import re
from dataclasses import replace

import drawn
import numpy as np
import pytest
import torch
from PIL import Image

from dino_lite import dino_loss, load_cat, make_views
from dino_lite.views import draw_views
from dino_notebooks.drawing import BLUE, SKY
from dino_notebooks.widgets import MultiCropWidget
from dino_notebooks.widgets.crop_drawing import CELL, SHOWN, TILES, TOP

Box = drawn.Box


@pytest.fixture
def widget() -> MultiCropWidget:
    return MultiCropWidget()


def on_picture(svg: str) -> tuple[list[Box], list[Box]]:
    """The frames on the picture: solid and dashed."""
    solid = [s.box for s in drawn.strokes(svg, BLUE) if not s.dashed and s.width == 2.4]
    dashed = [s.box for s in drawn.strokes(svg, SKY) if s.dashed]
    return [b for b in solid if b[0] < SHOWN], [b for b in dashed if b[0] < SHOWN]


def expected_boxes(widget: MultiCropWidget, hw: tuple[int, int]) -> list[Box]:
    """Left, top, width, height in px of the drawing, from the library and the widget's seed."""
    generator = torch.Generator().manual_seed(widget.seed)
    parts = draw_views(1, hw, replace(widget.config, n_local=8), generator)
    scale = SHOWN / max(hw)
    boxes = torch.cat([part.box[:, 0] for part in parts]).tolist()
    return [(left * scale, TOP + top * scale, w * scale, h * scale) for top, left, h, w in boxes]


def pictures(svg: str) -> list[np.ndarray]:
    """The pictures in a drawing, decoded."""
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def close(boxes: list[Box], others: list[Box]) -> bool:
    """The same boxes in any order, to the tenth of a px that an SVG keeps."""
    return np.allclose(sorted(boxes), sorted(others), atol=0.15)


# --- crops --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_local", "seed"), [(0, 0), (3, 1), (6, 0), (8, 5)])
def test_boxes_lie_where_the_library_cuts(n_local: int, seed: int) -> None:
    widget = MultiCropWidget(n_local=n_local, seed=seed)
    solid, dashed = on_picture(widget.picture.value)
    expected = expected_boxes(widget, (224, 224))
    assert len(solid) == 2
    assert len(dashed) == n_local
    assert close(solid, expected[:2])
    assert not n_local or close(dashed, expected[2 : 2 + n_local])


def test_tiles_are_the_librarys_views(widget: MultiCropWidget) -> None:
    """With eight local views the library draws what the widget draws: its pictures, denormalised by hand."""
    widget.n_local.set(8)
    generator = torch.Generator().manual_seed(0)
    views = make_views(load_cat()[None], widget.config, generator)
    mean, std = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    first, *tiles = pictures(widget.picture.value)
    assert np.array_equal(first, load_cat().permute(1, 2, 0).numpy())
    assert len(tiles) == 10
    for tile, view in zip(tiles, [v[0] for crop in views.crops for v in crop], strict=True):
        assert np.abs(tile / 255 - (view * std + mean).clamp(0, 1).permute(1, 2, 0).numpy()).max() < 0.003


def test_shares(widget: MultiCropWidget) -> None:
    """Of the picture's area, from the boxes of the drawing; within what was asked for (px are whole numbers)."""
    boxes = expected_boxes(widget, (224, 224))[:8]
    shares = [w * h / SHOWN**2 for _, _, w, h in boxes]
    assert [widget.numbers[f"share_{i}"] for i in range(1, 9)] == pytest.approx(shares, rel=1e-5)
    assert all(0.39 < share <= 1 for share in shares[:2])
    assert all(0.045 < share < 0.41 for share in shares[2:])
    assert ", ".join(f"{share:.0%}" for share in shares) in widget.line.value


def test_one_more_local_crop_leaves_the_others(widget: MultiCropWidget) -> None:
    """The slider adds and takes away; tiles and boxes of the other crops stay as they are."""
    six = pictures(widget.picture.value)
    widget.n_local.slider.set_state({"value": 7})
    seven = pictures(widget.picture.value)
    assert len(seven) == len(six) + 1
    assert all(np.array_equal(a, b) for a, b in zip(six, seven, strict=False))
    widget.n_local.slider.set_state({"value": 0})
    assert len(pictures(widget.picture.value)) == 3
    assert "local" not in widget.sentence()


def test_numbers_on_boxes_and_tiles(widget: MultiCropWidget) -> None:
    """Each number three times: on the picture, on its tile, and as a column of the pairs."""
    words = drawn.texts(widget.picture.value)
    assert [words.count(str(number)) for number in range(1, 10)] == [3] * 8 + [0]


def test_new_crops(widget: MultiCropWidget) -> None:
    before = on_picture(widget.picture.value)
    widget.new.click()
    assert widget.numbers["seed"] == widget.seed == 1
    assert on_picture(widget.picture.value) != before
    assert widget.picture.value == MultiCropWidget(seed=1).picture.value
    assert "Seed 1." in widget.line.value


def test_scale_sliders(widget: MultiCropWidget) -> None:
    for control in (widget.local_low, widget.local_high):
        control.field.set_state({"value": 0.5})
    assert all(abs(widget.numbers[f"share_{i}"] - 0.5) < 0.02 for i in range(3, 9))
    assert re.search("6 local crops with (49|50)% to (50|51)%", widget.sentence())


def test_jitter_and_blur(widget: MultiCropWidget) -> None:
    """Half as large views need half the blur in px; the strengths multiply the paper's."""
    assert widget.config.blur_sigma == (0.05, 1.0)
    assert widget.config.jitter == (0.4, 0.4, 0.2, 0.1)
    widget.jitter.set(2)
    widget.blur.set(0)
    assert widget.config.jitter == (0.8, 0.8, 0.4, 0.2)
    blurred = pictures(MultiCropWidget().picture.value)[1].astype(int)
    widget.jitter.set(1)
    sharp = pictures(widget.picture.value)[1].astype(int)
    assert np.abs(np.diff(sharp, axis=0)).mean() > 1.1 * np.abs(np.diff(blurred, axis=0)).mean()


# --- pairs --------------------------------------------------------------------------------------------------


def shown_pairs(svg: str, views: int) -> set[tuple[int, int]]:
    """(teacher's view, student's view) of the squares in the table; the crossed-out places must be the others."""
    x0 = 92
    squares = [b for color in (BLUE, SKY) for b in drawn.areas(svg, color) if round(b[2]) == CELL - 14]
    top = min(b[1] for b in squares)
    terms = {(round((y - top) / CELL), round((x - x0 - 7) / CELL)) for x, y, _, _ in squares}
    assert len(terms) == len(squares)
    crosses = [s for s in drawn.strokes(svg, "currentColor") if s.width == 2 and s.box[2] == CELL - 14]
    places = [(round((s.box[1] - top) / CELL), round((s.box[0] - x0 - 7) / CELL)) for s in crosses]
    assert sorted(places) == [(0, 0), (0, 0), (1, 1), (1, 1)]
    assert terms | set(places) == {(q, v) for q in range(2) for v in range(views)}
    return terms


def pairs_of_the_loss(views: int) -> set[tuple[int, int]]:
    """The loss is linear in the teacher's rows: one teacher view at a time, does it feel a student's view?"""
    generator, found = torch.Generator().manual_seed(0), set()
    logits = torch.randn(views, 1, 5, generator=generator)
    for q in range(2):
        target = torch.zeros(2, 1, 5)
        target[q] = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.0])
        for v in range(views):
            other = logits.clone()
            other[v] = torch.randn(1, 5, generator=generator)
            if not torch.isclose(dino_loss(logits, target, 0.1), dino_loss(other, target, 0.1), rtol=1e-4):
                found.add((q, v))
    return found


@pytest.mark.parametrize("n_local", [0, 1, 6, 8])
def test_pairs_are_those_of_the_loss(n_local: int) -> None:
    widget, views = MultiCropWidget(n_local=n_local), 2 + n_local
    terms = shown_pairs(widget.picture.value, views)
    assert terms == pairs_of_the_loss(views)
    assert widget.numbers["terms"] == len(terms)
    assert widget.numbers["views"] == views
    assert f"2V − 2 = {len(terms)} terms" in widget.line.value
    assert f"2V − 2 = {len(terms)} terms" in drawn.texts(widget.picture.value)
    assert f"{len(terms)} terms of the loss" in widget.sentence()


def test_eight_views_make_fourteen_terms(widget: MultiCropWidget) -> None:
    assert "V = 8 views; the loss has 2V − 2 = 14 terms" in widget.line.value


# --- what must not go wrong ---------------------------------------------------------------------------------


def test_torchs_generator_is_left_alone(widget: MultiCropWidget) -> None:
    before = torch.random.get_rng_state()
    widget.new.click()
    widget.n_local.set(8)
    MultiCropWidget(seed=9)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("kind", ["global", "local"])
def test_low_above_high_is_mended_and_said(widget: MultiCropWidget, kind: str) -> None:
    low, high = getattr(widget, f"{kind}_low"), getattr(widget, f"{kind}_high")
    high.set(0.6)
    low.field.set_state({"value": 0.8})
    assert (low.value, high.value, high.field.value) == (0.8, 0.8, 0.8)
    assert f"The largest share of {kind} views has moved along" in widget.line.value
    high.slider.set_state({"value": high.range.position_of(0.3)})
    assert low.value == high.value == pytest.approx(0.3, abs=0.01)
    assert f"The least share of {kind} views has moved along" in widget.line.value
    widget.new.click()
    assert "moved along" not in widget.line.value
    assert "Not drawn" not in widget.line.value


def test_impossible_scales_from_code_are_mended() -> None:
    widget = MultiCropWidget(global_scale=(0.9, 0.2), local_scale=(-1.0, 7.0), n_local=99)
    assert (widget.config.global_scale, widget.config.local_scale) == ((0.9, 0.9), (0.01, 1.0))
    assert widget.config.n_local == 8
    assert "The largest share of global views has moved along" in widget.line.value


@pytest.mark.parametrize("hw", [(40, 90), (300, 100), (224, 224)])
@pytest.mark.parametrize("channels", [3, 4])
def test_own_pictures(hw: tuple[int, int], channels: int) -> None:
    """Of any shape, with or without alpha: the longer side fills the place, boxes stay inside."""
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(0, 256, (channels, *hw), dtype=torch.uint8, generator=generator)
    widget = MultiCropWidget(picture)
    solid, dashed = on_picture(widget.picture.value)
    assert close(solid + dashed, expected_boxes(widget, hw)[:8])
    width, height = (side * SHOWN / max(hw) for side in (hw[1], hw[0]))
    assert all(x + w <= width + 0.1 and y + h <= TOP + height + 0.1 for x, y, w, h in solid + dashed)
    assert pictures(widget.picture.value)[0].shape[2] == channels


@pytest.mark.parametrize("picture", [torch.zeros(3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "cat.png"])
def test_other_pictures_are_refused(picture: object) -> None:
    with pytest.raises(ValueError, match=r"picture must be torch\.uint8"):
        MultiCropWidget(picture)  # type: ignore[arg-type]


def test_it_fits_its_place(widget: MultiCropWidget) -> None:
    """Ten crops are the most; the tiles end before the drawing does."""
    widget.n_local.set(8)
    frames = [s.box for color in (BLUE, SKY) for s in drawn.strokes(widget.picture.value, color)]
    assert max(x + w for x, _, w, _ in frames) <= 620
    assert min(x for x, _, _, _ in frames if x >= TILES) == TILES
