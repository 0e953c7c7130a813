"""Multi-crop against torchvision, operation by operation and then as a whole.

- each augmentation against torchvision.transforms.functional with the same parameters, on float pictures;
- all views: the numbers that `draw_views` draws go through a slow loop over torchvision, picture by picture;
- crop boxes against torchvision's own draws, by their distributions; how often each augmentation strikes against
  the paper's probabilities, within four standard deviations;
- alpha against the compositing formula; seeds, shapes and refusals.

Run: pytest tests/dino_lite/test_views.py
"""

import dataclasses
import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dino_lite import colors
from dino_lite.config import DinoConfig
from dino_lite.resample import blur_matrix, resize, resize_matrix
from dino_lite.views import ViewParams, Views, apply_views, draw_views, make_views, random_boxes

CONFIG = DinoConfig(picture_size=48, global_size=32, local_size=16, patch_size=8, n_local=3)
CLOSE = dict(rtol=0, atol=1e-5)
THRESHOLD = 128 / 255


def seeded(seed: int) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def float_pictures(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers from 0 to 1, some of them exactly 0 or 1."""
    return (1.2 * torch.rand(shape, generator=seeded(seed)) - 0.1).clamp(0, 1)


def byte_pictures(channels: int, height: int, width: int, count: int = 3, seed: int = 0) -> Tensor:
    """uint8 pictures (B, C, H, W) with flat areas, gradients and noise; alpha has holes, edges and soft parts."""
    x = torch.rand(count, channels, height, width, generator=seeded(seed))
    x += torch.linspace(-0.6, 0.6, width)
    x[..., : height // 3, :] = x[..., :1, :1]
    x = (255 * x).clamp(0, 255)
    if channels == 4:
        x[:, 3, :, : width // 4] = 0
        x[:, 3, : height // 2] = 255
    return x.round().to(torch.uint8)


# --- one operation at a time: cropping and resizing ---------------------------------------------------------

BOXES = [
    (0, 0, 40, 56),
    (3, 5, 20, 30),
    (10, 0, 8, 56),
    (0, 50, 40, 6),
    (39, 55, 1, 1),
    (7, 9, 2, 33),
    (4, 6, 16, 16),
]


@pytest.mark.parametrize("box", BOXES, ids=str)
@pytest.mark.parametrize("size", [5, 16, 32, 97])
def test_crop_and_resize_as_resized_crop(box: tuple[int, int, int, int], size: int) -> None:
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as tv

    x = float_pictures(2, 3, 40, 56)
    expected = tv.resized_crop(x, *box, [size, size], InterpolationMode.BICUBIC, antialias=True)
    top, left, h, w = torch.tensor(box, dtype=torch.float32)
    rows, columns = resize_matrix(top, h, 40, size), resize_matrix(left, w, 56, size)
    torch.testing.assert_close(rows @ x @ columns.T, expected, **CLOSE)
    torch.testing.assert_close(rows.sum(-1), torch.ones(size))
    outside = torch.ones(40, dtype=torch.bool)
    outside[box[0] : box[0] + box[2]] = False
    assert rows[:, outside].eq(0).all()  # a crop does not see beyond its edge


def test_resize_matrix_of_a_batch_is_each_ones_own() -> None:
    start, length = torch.tensor([[0.0, 3.0], [7.0, 1.0]]), torch.tensor([[20.0, 5.0], [13.0, 19.0]])
    together = resize_matrix(start, length, 20, 8)
    assert together.shape == (2, 2, 8, 20)
    for i, j in product(range(2), range(2)):
        assert together[i, j].equal(resize_matrix(start[i, j], length[i, j], 20, 8))


@pytest.mark.parametrize(
    ("height", "width", "size"), [(40, 56, 32), (17, 9, 32), (64, 64, 8), (32, 32, 32), (16, 32, 32)]
)
def test_resize_as_torchvision(height: int, width: int, size: int) -> None:
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as tv

    x = float_pictures(2, 3, height, width).round()  # black and white: the cubic overshoots at every edge
    expected = tv.resize(x, [size, size], InterpolationMode.BICUBIC, antialias=True)
    assert expected.min() < -0.01 or size <= min(height, width)
    torch.testing.assert_close(resize(x, size), expected.clamp(0, 1), **CLOSE)


# --- one operation at a time: colours -----------------------------------------------------------------------


def all_corners() -> Tensor:
    """(3, 8, 8): the 64 colours of {0, 1/4, 1/2, 1}: black, white, greys, saturated ones, and ties of every kind."""
    levels = (0.0, 0.25, 0.5, 1.0)
    return torch.tensor(list(product(levels, levels, levels))).T.reshape(3, 8, 8)


def color_pictures() -> Tensor:
    """(5, 3, 8, 8): the corners, a grey, a dark, a bright and a random picture."""
    noise = float_pictures(3, 8, 8)
    return torch.stack([all_corners(), noise[:1].expand(3, 8, 8), noise / 5, 1 - noise / 5, noise])


def check_color(ours: Callable[[Tensor, Tensor], Tensor], theirs: Callable[..., Tensor], factors: list[float]) -> None:
    """Every picture with every factor in one batch, against torchvision one by one."""
    pictures = color_pictures()
    batch = pictures.expand(len(factors), *pictures.shape).clone()
    before = batch.clone()
    found = ours(batch, torch.tensor(factors)[:, None].expand(len(factors), len(pictures)))
    assert batch.equal(before), "the pictures given were changed"
    for i, factor in enumerate(factors):
        for j, picture in enumerate(pictures):
            torch.testing.assert_close(found[i, j], theirs(picture, factor), **CLOSE)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_brightness_contrast_saturation_as_torchvision(name: str) -> None:
    from torchvision.transforms import functional as tv

    check_color(getattr(colors, name), getattr(tv, f"adjust_{name}"), [0.0, 0.3, 0.6, 0.95, 1.0, 1.4, 2.5])


def test_hue_as_torchvision() -> None:
    from torchvision.transforms import functional as tv

    check_color(colors.hue, tv.adjust_hue, [-0.5, -1 / 3, -0.1, -0.01, 0.0, 0.05, 1 / 6, 0.1, 0.37, 0.5])


def test_grey_as_torchvision() -> None:
    from torchvision.transforms import functional as tv

    x = color_pictures()
    torch.testing.assert_close(colors.grey(x), tv.rgb_to_grayscale(x, 1), **CLOSE)
    expected = tv.rgb_to_grayscale(x, 3)
    torch.testing.assert_close(colors.saturation(x, torch.zeros(len(x))), expected, **CLOSE)


def test_solarize_as_torchvision() -> None:
    """On every value of a byte: 127 stays, 128 turns."""
    from torchvision.transforms import functional as tv

    values = torch.arange(256, dtype=torch.uint8).expand(2, 3, 256).reshape(2, 3, 16, 16)
    expected = tv.solarize(values, 128).float() / 255
    x = values.float() / 255
    torch.testing.assert_close(colors.solarize(x, torch.tensor([1.0, 1.0])), expected, **CLOSE)
    half = colors.solarize(x, torch.tensor([0.0, 1.0]))
    assert half[0].equal(x[0])
    torch.testing.assert_close(half[1], expected[1], **CLOSE)


def test_normalize_as_torchvision() -> None:
    from torchvision.transforms import functional as tv

    x = color_pictures()
    expected = tv.normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(colors.normalize(x), expected, **CLOSE)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]])
def test_jitter_follows_its_order(order: list[int]) -> None:
    from torchvision.transforms import functional as tv

    x = color_pictures()
    factors = torch.tensor([1.0, 1.0, 1.0, 0.0]) + 0.3 * float_pictures(len(x), 4)
    found = colors.jitter(x, factors, order)
    operations = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    for picture, row, result in zip(x, factors.tolist(), found, strict=True):
        expected = picture
        for i in order:
            expected = operations[i](expected, row[i])
        torch.testing.assert_close(result, expected, **CLOSE)


# --- one operation at a time: blur --------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.7, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("size", [7, 8, 16, 33])
def test_blur_as_torchvision(sigma: float, size: int) -> None:
    from torchvision.transforms import functional as tv

    x = float_pictures(2, 3, size, size)
    blur = blur_matrix(torch.tensor(sigma), size)
    torch.testing.assert_close(blur @ x @ blur.T, tv.gaussian_blur(x, [13, 13], [sigma, sigma]), **CLOSE)


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_blur_of_a_line_shorter_than_its_reach(sigma: float, size: int) -> None:
    """Local views of 4 px are allowed. numpy mirrors as often as it takes, where torchvision gives up."""
    line = np.random.default_rng(size).random(size)
    taps = np.exp(-0.5 * (np.arange(-6, 7) / sigma) ** 2)
    expected = np.convolve(np.pad(line, 6, mode="reflect"), taps / taps.sum(), mode="valid")
    blur = blur_matrix(torch.tensor(sigma), size)
    torch.testing.assert_close(blur.sum(-1), torch.ones(size))
    np.testing.assert_allclose(blur.numpy() @ line, expected, atol=1e-5)


def test_no_blur_is_exactly_nothing() -> None:
    blur = blur_matrix(torch.tensor([0.0, 1.0]), 16)
    assert blur[0].equal(torch.eye(16))
    assert not blur[1].allclose(torch.eye(16), atol=0.1)


# --- everything together ------------------------------------------------------------------------------------


def slow_view(picture: Tensor, p: ViewParams, v: int, b: int, size: int) -> tuple[Tensor, Tensor]:
    """View v of picture b (C, H, W), 0 to 1, through torchvision; also where rounding may decide on solarizing."""
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as tv

    if len(picture) == 4:
        picture = torch.cat([picture[:3] * picture[3:], picture[3:]])
    box = [int(side) for side in p.box[v, b]]
    x = tv.resized_crop(picture, *box, [size, size], InterpolationMode.BICUBIC, antialias=True)
    if len(x) == 4:
        x = x[:3] + (1 - x[3:]) * p.background[v, b][:, None, None]
    x = x.clamp(0, 1)
    if p.flip[v, b]:
        x = tv.hflip(x)
    operations = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    for i in p.order:
        x = operations[i](x, float(p.factors[v, b, i]))
    if p.color[v, b] == 0:
        x = tv.rgb_to_grayscale(x, 3)
    if p.sigma[v, b] > 0:
        x = tv.gaussian_blur(x, [13, 13], [float(p.sigma[v, b])] * 2)
    unsure = (x - THRESHOLD).abs() < 1e-4
    if p.solarize[v, b]:
        x = tv.solarize(x, THRESHOLD)
    return tv.normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), unsure


def assert_views_equal_slow_ones(images: Tensor, params: ViewParams, views: Tensor, size: int) -> None:
    """Every view of every picture, to 1e-4."""
    assert views.shape == (*params.flip.shape, 3, size, size)
    for v, b in product(range(views.shape[0]), range(views.shape[1])):
        expected, unsure = slow_view(images[b].float() / 255, params, v, b, size)
        assert unsure.float().mean() < 0.02
        torch.testing.assert_close(views[v, b][~unsure], expected[~unsure], rtol=0, atol=1e-4)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("height", "width"), [(48, 48), (40, 56), (24, 90), (20, 12)])
@pytest.mark.parametrize("seed", range(4))
def test_make_views_equals_a_slow_loop_over_torchvision(channels: int, height: int, width: int, seed: int) -> None:
    images = byte_pictures(channels, height, width, count=4, seed=seed)
    config = dataclasses.replace(CONFIG, jitter=(0.6, 0.6, 0.6, 0.3), solarize_prob=0.5)
    before = images.clone()
    views = make_views(images, config, seeded(seed))
    assert images.equal(before)
    assert views.local_views is not None
    globals_, locals_ = draw_views(4, (height, width), config, seeded(seed))
    assert_views_equal_slow_ones(images, globals_, views.global_views, 32)
    assert_views_equal_slow_ones(images, locals_, views.local_views, 16)


def test_any_rows_of_a_batch_give_the_same_views() -> None:
    """Two processes, or two parts of an accumulated batch, see what one would see."""
    images = byte_pictures(4, 48, 48, count=6)
    drawn = draw_views(6, (48, 48), CONFIG, seeded(0))
    whole = apply_views(images, CONFIG, *drawn)
    for rows in (slice(0, 3), slice(3, 6)):
        part = apply_views(images[rows], CONFIG, *(params.rows(rows) for params in drawn))
        for a, b in zip(part.crops, whole.crops, strict=True):
            torch.testing.assert_close(a, b[:, rows], **CLOSE)


# --- pictures with alpha ------------------------------------------------------------------------------------


def neutral(views: int, batch: int, height: int, width: int, **changes: Any) -> ViewParams:
    """Parameters that change nothing: the whole picture, no flip, no colour, no blur."""
    shape = (views, batch)
    values = dict(
        box=torch.tensor([0.0, 0.0, height, width]).expand(*shape, 4),
        flip=torch.zeros(shape, dtype=torch.bool),
        factors=torch.tensor([1.0, 1.0, 1.0, 0.0]).expand(*shape, 4),
        color=torch.ones(shape),
        sigma=torch.zeros(shape),
        solarize=torch.zeros(shape),
        background=torch.zeros(*shape, 3),
        order=[0, 1, 2, 3],
    )
    return ViewParams(**values | changes)


GLOBALS_ONLY = dataclasses.replace(CONFIG, n_local=0)


def global_views(images: Tensor, **changes: Any) -> Tensor:
    """The two global views (2, B, 3, 32, 32) under these parameters, back on the scale from 0 to 1."""
    batch, _, height, width = images.shape
    params = neutral(2, batch, height, width, **changes)
    x = apply_views(images, GLOBALS_ONLY, params, neutral(0, batch, height, width)).global_views
    mean, std = torch.tensor(colors.IMAGENET_MEAN), torch.tensor(colors.IMAGENET_STD)
    return x * std[:, None, None] + mean[:, None, None]


def test_neutral_parameters_change_nothing() -> None:
    images = byte_pictures(3, 32, 32)
    torch.testing.assert_close(global_views(images), (images / 255).expand(2, -1, -1, -1, -1), **CLOSE)
    flipped = global_views(images, flip=torch.tensor([[True] * 3, [False, True, False]]))
    torch.testing.assert_close(flipped[0], images.flip(-1) / 255, **CLOSE)
    torch.testing.assert_close(flipped[1, 0], images[0] / 255, **CLOSE)


def test_alpha_is_composited_pixel_by_pixel() -> None:
    images = byte_pictures(4, 32, 32)
    background = torch.rand(2, 3, 3, generator=seeded(1))
    found = global_views(images, background=background)
    for v, b, y, x in product(range(2), range(3), range(0, 32, 3), range(0, 32, 3)):
        *color, alpha = (images[b, :, y, x].double() / 255).tolist()
        expected = [alpha * c + (1 - alpha) * g for c, g in zip(color, background[v, b].tolist(), strict=True)]
        assert found[v, b, :, y, x].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("box", [(0, 0, 48, 48), (5, 9, 30, 20), (2, 2, 9, 9)], ids=str)
def test_a_background_behind_alpha_or_in_the_picture_is_the_same(box: tuple[int, ...]) -> None:
    """Cutout pictures pasted on a colour first, then cropped as opaque ones."""
    images = byte_pictures(4, 48, 48)
    images[:, 3] = torch.where(images[:, 3] > 127, 255, 0)
    color = torch.tensor([200, 30, 90], dtype=torch.uint8)
    pasted = torch.where(images[:, 3:] == 255, images[:, :3], color[:, None, None])
    boxes = torch.tensor(box).float().expand(2, 3, 4)
    found = global_views(images, box=boxes, background=(color / 255).expand(2, 3, 3))
    torch.testing.assert_close(found, global_views(pasted, box=boxes), **CLOSE)


def test_opaque_pictures_do_not_depend_on_the_background() -> None:
    images = byte_pictures(4, 48, 48)
    images[:, 3] = 255
    boxes = torch.tensor([3.0, 4.0, 20.0, 30.0]).expand(2, 3, 4)
    plain = global_views(images[:, :3], box=boxes)
    for seed in range(2):
        background = torch.rand(2, 3, 3, generator=seeded(seed))
        torch.testing.assert_close(global_views(images, box=boxes, background=background), plain, **CLOSE)


def test_colors_under_full_transparency_never_show() -> None:
    """Without premultiplying, the resampling would mix them into the edges."""
    images = byte_pictures(4, 48, 48)
    images[:, 3] = torch.where(images[:, 3] > 127, 255, 0)
    other = torch.where(images[:, 3:] == 0, 255 - images, images)
    other[:, 3] = images[:, 3]
    assert not other.equal(images)
    boxes = torch.tensor([3.0, 4.0, 40.0, 30.0]).expand(2, 3, 4)
    assert global_views(other, box=boxes).equal(global_views(images, box=boxes))


def test_every_view_of_every_picture_has_its_own_background() -> None:
    globals_, locals_ = draw_views(50, (32, 32), CONFIG, seeded(0))
    backgrounds = torch.cat([globals_.background, locals_.background]).flatten(0, 1)
    assert len(backgrounds.unique(dim=0)) == 5 * 50
    empty = torch.zeros(50, 4, 32, 32, dtype=torch.uint8)
    config = dataclasses.replace(CONFIG, jitter_prob=0.0, grey_prob=0.0, solarize_prob=0.0)
    seen = make_views(empty, config, seeded(0))
    expected = colors.normalize(globals_.background[..., None, None])
    torch.testing.assert_close(seen.global_views, expected.expand_as(seen.global_views), **CLOSE)


# --- crop boxes ---------------------------------------------------------------------------------------------

SCALES = [CONFIG.global_scale, CONFIG.local_scale]


def their_boxes(hw: tuple[int, int], scale: tuple[float, float], count: int, seed: int = 0) -> Tensor:
    """Boxes (N, 4) drawn by torchvision, from torch's global generator, which is put back."""
    from torchvision.transforms import RandomResizedCrop

    picture = torch.zeros(3, *hw)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = [RandomResizedCrop.get_params(picture, list(scale), [3 / 4, 4 / 3]) for _ in range(count)]
    return torch.tensor(drawn, dtype=torch.float32)


def our_boxes(hw: tuple[int, int], scale: tuple[float, float], count: int, seed: int = 0) -> Tensor:
    """As many of ours."""
    return random_boxes(torch.rand(count, 10, 4, generator=seeded(seed)), hw, scale)


def gap(a: Tensor, b: Tensor) -> float:
    """Kolmogorov-Smirnov: the largest distance between two empirical distribution functions."""
    places = torch.cat([a, b]).sort().values
    below = [torch.searchsorted(x.sort().values, places, right=True) / len(x) for x in (a, b)]
    return float((below[0] - below[1]).abs().max())


def box_properties(box: Tensor, hw: tuple[int, int]) -> dict[str, Tensor]:
    """What the distributions of boxes are compared by."""
    top, left, h, w = box.unbind(-1)
    return {
        "area": h * w / (hw[0] * hw[1]),
        "log ratio": torch.log(w / h),
        "height": h,
        "width": w,
        "centre row": (top + h / 2) / hw[0],
        "centre column": (left + w / 2) / hw[1],
        "top": top,
        "left": left,
    }


@pytest.mark.parametrize("hw", [(64, 64), (48, 80), (256, 100)], ids=str)
@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_boxes_are_distributed_as_torchvisions(hw: tuple[int, int], scale: tuple[float, float]) -> None:
    count = 3000
    ours, theirs = our_boxes(hw, scale, count), their_boxes(hw, scale, count)
    limit = 1.63 * math.sqrt(2 / count)  # a chance of 1% for each, if both are the same; the seeds are fixed
    for name, value in box_properties(ours, hw).items():
        expected = box_properties(theirs, hw)[name]
        assert gap(value, expected) < limit, name
        noise = 4 * expected.std() * math.sqrt(2 / count)
        assert (value.mean() - expected.mean()).abs() <= noise, name


def test_the_distance_between_distributions_sees_a_wrong_one() -> None:
    """The same test must reject an area drawn from another scale, and a uniform instead of a log-uniform ratio."""
    limit = 1.63 * math.sqrt(2 / 3000)
    right, wrong = (our_boxes((64, 64), scale, 3000) for scale in ((0.4, 1.0), (0.35, 1.0)))
    assert gap(right[:, 2] * right[:, 3], wrong[:, 2] * wrong[:, 3]) > limit
    chance = torch.rand(3000, 10, 4, generator=seeded(1))
    chance[..., 1] = torch.log(3 / 4 + (4 / 3 - 3 / 4) * chance[..., 1]) / math.log(4 / 3) / 2 + 0.5
    wrong = random_boxes(chance, (64, 64), (0.05, 0.4))
    right = our_boxes((64, 64), (0.05, 0.4), 3000)
    assert gap(torch.log(right[:, 3] / right[:, 2]), torch.log(wrong[:, 3] / wrong[:, 2])) > limit


@pytest.mark.parametrize("hw", [(64, 64), (48, 80), (9, 7), (3, 3)], ids=str)
@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_boxes_are_whole_pixels_inside_the_picture(hw: tuple[int, int], scale: tuple[float, float]) -> None:
    box = our_boxes(hw, scale, 2000)
    assert box.equal(box.round())
    top, left, h, w = box.unbind(-1)
    assert min(float(x) for x in (top.min(), left.min())) >= 0
    assert min(float(x) for x in (h.min(), w.min())) >= 1
    assert (top + h).max() <= hw[0]
    assert (left + w).max() <= hw[1]


def test_boxes_at_the_ends_of_the_unit_interval() -> None:
    """Random numbers of 0 and just below 1, in every combination, stay inside and reach the edges."""
    ends = torch.tensor(list(product([0.0, 1 - 2**-24], repeat=4)))
    box = random_boxes(ends[:, None].expand(-1, 10, -1), (64, 48), (0.05, 0.4))
    assert box[:, :2].min() == 0
    assert ((box[:, 0] + box[:, 2]).max(), (box[:, 1] + box[:, 3]).max()) == (64, 48)


@pytest.mark.parametrize("hw", [(8, 200), (200, 8), (10, 100), (7, 90), (100, 7), (2, 50)], ids=str)
def test_pictures_in_which_no_try_fits_give_torchvisions_box(hw: tuple[int, int]) -> None:
    expected = their_boxes(hw, (0.4, 1.0), 5)
    assert len(expected.unique(dim=0)) == 1  # torchvision, too, found no try that fits
    assert our_boxes(hw, (0.4, 1.0), 5).equal(expected)


@pytest.mark.parametrize("hw", [(30, 40), (40, 30), (30, 30)], ids=str)
def test_the_whole_picture_when_its_ratio_is_allowed_but_no_try_fits(hw: tuple[int, int]) -> None:
    wide = torch.tensor([1.0, 0.0 if hw[0] < hw[1] else 1.0, 0.5, 0.5]).expand(4, 10, 4)
    assert random_boxes(wide, hw, (0.9, 1.0)).equal(torch.tensor([0.0, 0.0, *hw]).expand(4, 4))


@pytest.mark.parametrize("first", [0, 3, 9])
def test_the_first_try_that_fits_is_taken(first: int) -> None:
    tries = torch.rand(10, 4, generator=seeded(0))
    tries[:, 0] = 0.3  # 37% of the area: fits
    tries[:first, 0], tries[:first, 1] = 1.0, 1.0  # all of the area at 4:3 does not fit into a square
    expected = random_boxes(tries[first].expand(10, 4), (64, 64), (0.1, 1.0))
    assert random_boxes(tries, (64, 64), (0.1, 1.0)).equal(expected)


# --- how often, and how strong ------------------------------------------------------------------------------

MANY = 4000


@pytest.fixture(scope="module")
def drawn() -> tuple[ViewParams, ViewParams]:
    """The parameters of 4,000 pictures with the paper's probabilities; V = 2 and V = 3."""
    return draw_views(MANY, (48, 48), CONFIG, seeded(7))


def assert_share(hits: Tensor, expected: float) -> None:
    """A share of yes in (MANY,) yes or no, within four standard deviations; exact for 0 and 1."""
    noise = 4 * math.sqrt(expected * (1 - expected) / len(hits))
    assert float(hits.float().mean()) == pytest.approx(expected, abs=noise + 1e-9)


def assert_uniform(values: Tensor, low: float, high: float) -> None:
    """Within its range, and no further from a uniform distribution than chance brings it."""
    assert values.min() >= low - 1e-6
    assert values.max() <= high + 1e-6
    even = (torch.arange(20_000) + 0.5) / 20_000
    assert gap((values - low) / (high - low), even) < 1.95 / math.sqrt(len(values))


@pytest.mark.parametrize("view", range(5))
def test_probabilities_of_each_view(drawn: tuple[ViewParams, ViewParams], view: int) -> None:
    blur, solarize = [1.0, 0.1, 0.5, 0.5, 0.5][view], [0.0, 0.2, 0.0, 0.0, 0.0][view]
    params, v = (drawn[0], view) if view < 2 else (drawn[1], view - 2)
    jittered = (params.factors[v] != torch.tensor([1.0, 1.0, 1.0, 0.0])).any(-1)
    assert_share(params.flip[v], 0.5)
    assert_share(jittered, 0.8)
    assert_share(params.color[v] == 0, 0.2)
    assert_share(params.sigma[v] > 0, blur)
    assert_share(params.solarize[v] == 1, solarize)
    assert_share(jittered & (params.color[v] == 0), 0.16)  # one does not depend on the other
    assert_share(params.flip[v] & (params.sigma[v] > 0), 0.5 * blur)
    assert ((params.color[v] == 0) | (params.color[v] == 1)).all()
    assert ((params.solarize[v] == 0) | (params.solarize[v] == 1)).all()


def test_views_are_drawn_apart(drawn: tuple[ViewParams, ViewParams]) -> None:
    globals_, locals_ = drawn
    for a, b in [(globals_.flip[0], globals_.flip[1]), (globals_.flip[0], locals_.flip[0])]:
        assert_share(a == b, 0.5)
    assert_share(globals_.color[0] == globals_.color[1], 0.2**2 + 0.8**2)
    assert (globals_.box[0] == globals_.box[1]).all(-1).float().mean() < 0.01


def test_strengths(drawn: tuple[ViewParams, ViewParams]) -> None:
    for params in drawn:
        assert_uniform(params.sigma[params.sigma > 0], 0.1, 2.0)
        jittered = params.factors[(params.factors != torch.tensor([1.0, 1.0, 1.0, 0.0])).any(-1)]
        for i, (middle, spread) in enumerate([(1, 0.4), (1, 0.4), (1, 0.2), (0, 0.1)]):
            assert_uniform(jittered[:, i], middle - spread, middle + spread)
        correlation = torch.corrcoef(jittered.T) - torch.eye(4)
        assert correlation.abs().max() < 4 / math.sqrt(len(jittered))
        assert_uniform(params.background.flatten(), 0.0, 1.0)


def test_order_of_the_color_operations_is_any() -> None:
    generator = seeded(0)
    orders = [tuple(params.order) for _ in range(100) for params in draw_views(1, (8, 8), CONFIG, generator)]
    assert {tuple(sorted(order)) for order in orders} == {(0, 1, 2, 3)}
    assert len(set(orders)) == 24  # 200 draws miss one of 24 with a chance of 0.5%; the seed is fixed


@pytest.mark.parametrize("prob", [0.0, 1.0])
def test_probabilities_of_none_and_all(prob: float) -> None:
    config = dataclasses.replace(
        CONFIG, jitter_prob=prob, grey_prob=prob, solarize_prob=prob, blur_probs=(prob, prob, prob)
    )
    for params in draw_views(50, (48, 48), config, seeded(0)):
        assert (params.color == 1 - prob).all()
        assert ((params.sigma > 0) == bool(prob)).all()
        assert ((params.factors[..., 0] != 1) == bool(prob)).all()
    solarize = draw_views(50, (48, 48), config, seeded(0))[0].solarize
    assert (solarize[0] == 0).all()
    assert (solarize[1] == prob).all()


# --- seeds, shapes, refusals --------------------------------------------------------------------------------


def all_crops(views: Views) -> Tensor:
    """Every number of every view in one row."""
    return torch.cat([crop.flatten() for crop in views.crops])


@pytest.mark.parametrize("channels", [3, 4])
def test_the_same_seed_gives_the_same_bits(channels: int) -> None:
    images, state = byte_pictures(channels, 48, 48), torch.get_rng_state()
    generator = seeded(5)
    first, second = (all_crops(make_views(images, CONFIG, generator)) for _ in range(2))
    assert not first.equal(second)  # the generator moves on
    assert all_crops(make_views(images, CONFIG, seeded(5))).equal(first)
    assert not all_crops(make_views(images, CONFIG, seeded(6))).equal(first)
    assert torch.get_rng_state().equal(state), "torch's global generator is somebody else's"


@pytest.mark.parametrize("n_local", [0, 1, 6])
@pytest.mark.parametrize("batch", [1, 3])
def test_shapes(n_local: int, batch: int) -> None:
    config = dataclasses.replace(CONFIG, n_local=n_local)
    views = make_views(byte_pictures(3, 40, 56, batch), config, seeded(0))
    assert views.global_views.shape == (2, batch, 3, 32, 32)
    assert views.global_views.dtype == torch.float32
    if n_local == 0:
        assert views.local_views is None
        assert len(views.crops) == 1
    else:
        assert views.local_views is not None
        assert views.local_views.shape == (n_local, batch, 3, 16, 16)
        assert len(views.crops) == 2


def test_two_views_of_a_picture_differ() -> None:
    views = make_views(byte_pictures(3, 48, 48), CONFIG, seeded(0))
    assert (views.global_views[0] - views.global_views[1]).abs().flatten(1).mean(1).min() > 0.1


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 3, 48, 48),
        torch.zeros(2, 1, 48, 48, dtype=torch.uint8),
        torch.zeros(2, 48, 48, 3, dtype=torch.uint8),
        torch.zeros(3, 48, 48, dtype=torch.uint8),
        torch.zeros(2, 3, 48, 48, dtype=torch.int64),
    ],
    ids=lambda images: f"{images.dtype} {tuple(images.shape)}",
)
def test_what_is_no_batch_of_pictures(images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"^Views are made of uint8 pictures \(B, 3 or 4, H, W\), got .*\.$"):
        make_views(images, CONFIG, seeded(0))
