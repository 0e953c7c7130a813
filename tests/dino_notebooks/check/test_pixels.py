"""The checks of normalize and composite: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_pixels.py
"""

import numpy as np
import pytest
import torch
from torch.nn.functional import instance_norm
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def by_channel(rule, mean=MEAN, std=STD):
    """A normalize that goes through the channels: rule(values, mean, std)."""

    def normalize(x):
        return torch.stack([rule(part, m, s) for part, m, s in zip(x.unbind(-3), mean, std, strict=True)], -3)

    return normalize


def standardised(x):
    """Each picture by its own numbers, per channel."""
    return torch.stack([(c - c.mean((-2, -1), keepdim=True)) / c.std((-2, -1), keepdim=True) for c in x.unbind(-3)], -3)


def in_numpy(x):
    """The same with numpy, in double precision, channels last and back."""
    last = np.moveaxis(x.numpy().astype(np.float64), -3, -1)
    return np.moveaxis((last - np.array(MEAN)) / np.array(STD), -1, -3)


def overwritten(x):
    """Works in the caller's tensor."""
    for i in range(3):
        x[..., i, :, :].sub_(MEAN[i]).div_(STD[i])
    return x


WRONG_NORMALIZED: Wrong = {
    "along the width": (lambda x: x.sub(torch.tensor(MEAN)).div(torch.tensor(STD)), "along the width"),
    "no mean": (by_channel(lambda c, m, s: c / s), "mean is missing"),
    "no deviation": (by_channel(lambda c, m, s: c - m), "standard deviation is missing"),
    "mean added": (by_channel(lambda c, m, s: c / s + m / s), "mean is added"),
    "times": (by_channel(lambda c, m, s: s * c - s * m), "multiplied by the standard deviation"),
    "order": (by_channel(lambda c, m, s: c / s - m), "after the division"),
    "exchanged": (by_channel(lambda c, m, s: (c - m) / s, STD, MEAN), "are exchanged"),
    "variance": (by_channel(lambda c, m, s: (c - m) / s / s), "variance"),
    "blue first": (by_channel(lambda c, m, s: (c - m) / s, MEAN[::-1], STD[::-1]), "blue, green, red"),
    "own numbers": (standardised, "its own mean"),
    "halves": (lambda x: 2 * x - 1, "One half is used for every channel"),
    "bytes": (by_channel(lambda c, m, s: (c * 255 - m) / s), "multiplied by 255"),
    "in place": (overwritten, "changes its own input"),
    "only batches": (
        lambda x: (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1),
        "The shape is (1, 3, 4, 2), and should be (3, 4, 2)",
    ),
    "instance norm": (
        lambda x: instance_norm(x.flatten(0, -4) if x.ndim > 4 else x).reshape(x.shape),
        "The shape is right",
    ),
}


@pytest.mark.parametrize("what", WRONG_NORMALIZED)
def test_normalize_names(what):
    assert_named(check.normalize, *WRONG_NORMALIZED[what])


@pytest.mark.parametrize(
    "right",
    [
        by_channel(lambda c, m, s: (c - m) / s),
        in_numpy,
        lambda x: (x.movedim(-3, -1) - torch.tensor(MEAN)).div(torch.tensor(STD)).movedim(-1, -3),
        lambda x: (
            torch.einsum("...chw,c->...chw", x.double(), 1 / torch.tensor(STD).double())
            - (torch.tensor(MEAN) / torch.tensor(STD)).view(3, 1, 1)
        ),
    ],
)
def test_normalize_takes(right):
    assert_right(check.normalize, right)


def mixed(weight=lambda a: a, other=lambda a: 1 - a, scale=255.0):
    """A composite with a weight for the picture and one for the ground, written with torch.cat and a loop."""

    def composite(images, colors):
        made = []
        for image, color in zip(images.double() / scale, colors, strict=True):
            if len(image) == 3:
                made.append(image)
                continue
            r, g, b, a = image
            made.append(torch.stack([weight(a) * c + other(a) * k for c, k in zip((r, g, b), color, strict=True)]))
        return torch.stack(made)

    return composite


def with_numpy(images, colors):
    """Channels last, as PIL has them."""
    x = np.moveaxis(images.numpy(), 1, 3) / 255.0
    if x.shape[-1] == 4:
        a = x[..., 3:]
        x = a * x[..., :3] + (1 - a) * colors.numpy()[:, None, None, :]
    return np.moveaxis(x, 3, 1)


def pixel_by_pixel(images, colors):
    """Four loops."""
    n, channels, height, width = images.shape
    out = torch.zeros(n, 3, height, width)
    for i in range(n):
        for y in range(height):
            for x in range(width):
                a = 1.0 if channels == 3 else int(images[i, 3, y, x]) / 255
                for c in range(3):
                    out[i, c, y, x] = a * int(images[i, c, y, x]) / 255 + (1 - a) * float(colors[i, c])
    return out


def byte_range(images, colors):
    """Everything from 0 to 255."""
    x = images.float()
    if x.shape[1] == 3:
        return x
    a = x[:, 3:] / 255
    return torch.lerp(255 * colors[:, :, None, None], x[:, :3], a)


def alpha_in_bytes(images, colors):
    """Only the colours are divided."""
    x, a = images[:, :3] / 255, images[:, 3:].float()
    return x if images.shape[1] == 3 else x * a + (1 - a) * colors[:, :, None, None]


def byte_arithmetic(images, colors):
    """uint8 times uint8."""
    if images.shape[1] == 3:
        return images.float() / 255
    front = (images[:, :3] * images[:, 3:]).float() / (255 * 255)
    return front + (255 - images[:, 3:]).float() / 255 * colors[:, :, None, None]


def first_color(images, colors):
    """One ground for the whole batch."""
    return mixed()(images, colors[0].expand(len(images), 3))


WRONG_COMPOSITES: Wrong = {
    "no alpha": (lambda images, colors: images[:, :3] / 255, "alpha is left out"),
    "exchanged": (mixed(lambda a: 1 - a, lambda a: a), "weights are exchanged"),
    "picture whole": (mixed(weight=lambda a: 1), "picture is added whole"),
    "ground whole": (mixed(other=lambda a: 1), "behind is added whole"),
    "black": (lambda images, colors: mixed()(images, torch.zeros_like(colors)), "black behind"),
    "bytes": (byte_range, "up to 255"),
    "alpha in bytes": (alpha_in_bytes, "Alpha is used from 0 to 255"),
    "256": (mixed(scale=256.0), "divided by 256"),
    "hard edge": (mixed(lambda a: (a > 0.5).double(), lambda a: (a <= 0.5).double()), "either the picture or"),
    "any alpha": (mixed(lambda a: a.ceil(), lambda a: 1 - a.ceil()), "least alpha"),
    "first colour": (first_color, "first one's colour"),
    "overflow": (byte_arithmetic, "starts again at 0"),
    "rest of a byte": (
        lambda images, colors: (
            torch.addcmul((1 - images[:, -1:]) * colors.view(-1, 3, 1, 1), images[:, :3] / 255, images[:, -1:] / 255)
            if images.shape[1] == 4
            else images / 255
        ),
        "reckoned in bytes",
    ),
    "all in bytes": (
        lambda images, colors: (
            (images[:, :3] * images[:, 3:] + (255 - images[:, 3:]) * colors[:, :, None, None]) / 255
            if images.shape[1] == 4
            else images / 255
        ),
        "Make them floats first",
    ),
    "picture in bytes": (
        lambda images, colors: (
            torch.lerp(colors[:, :, None, None], images[:, :3].float(), images[:, 3:] / 255)
            if images.shape[1] == 4
            else images.float()
        ),
        "picture's values are still from 0 to 255",
    ),
    "RGB as it is": (
        lambda images, colors: mixed()(images, colors) if images.shape[1] == 4 else images,
        "Pictures without alpha come back from 0 to 255",
    ),
    "alpha kept": (lambda images, colors: images / 255, "The shape is (1, 4, 3, 2), and should be (1, 3, 3, 2)"),
    "needs alpha": (
        lambda images, colors: torch.lerp(colors[..., None, None], images[:, :3] / 255, images[:, 3, None] / 255),
        "stops with IndexError",
    ),
    "colours not shaped": (
        lambda images, colors: torch.lerp(colors, images[:, :3] / 255, images[:, 3:] / 255),
        "stops with RuntimeError",
    ),
}


@pytest.mark.parametrize("what", WRONG_COMPOSITES)
def test_composite_names(what):
    assert_named(check.composite, *WRONG_COMPOSITES[what])


@pytest.mark.parametrize(
    "right",
    [
        mixed(),
        with_numpy,
        pixel_by_pixel,
        lambda images, colors: byte_range(images, colors) / 255,
        lambda images, colors: mixed()(images, colors).half(),
    ],
)
def test_composite_takes(right):
    assert_right(check.composite, right)
