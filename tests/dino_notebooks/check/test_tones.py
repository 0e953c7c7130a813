"""The checks of solarize and contrast: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_tones.py
"""

import numpy as np
import pytest
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check
from dino_notebooks.check.views import solarizing


def shaped(numbers, x):
    """A number a picture, for every pixel of it."""
    return numbers.reshape(*numbers.shape, 1, 1, 1).expand_as(x)


def solarized(turn=lambda x, t: 1 - x, bright=lambda x, t: x >= t, takes_part=lambda a: a > 0.5):
    """A solarize with masks and indexing."""

    def solarize(x, amount, threshold):
        out = x.clone()
        chosen = bright(x, threshold) & takes_part(shaped(amount, x))
        out[chosen] = turn(x, threshold)[chosen]
        return out

    return solarize


def faded(x, amount, threshold):
    """A product with the amount, without the pictures that stay."""
    return solarized(takes_part=lambda a: a == a)(x, amount, threshold) * shaped(amount, x)


def value_by_value(x, amount, threshold):
    """One number after the other."""
    flat, take = x.flatten().tolist(), shaped(amount, x).flatten().tolist()
    out = [1 - v if v >= threshold and take_part else v for v, take_part in zip(flat, take, strict=True)]
    return torch.tensor(out).reshape(x.shape)


def whole_pixels(x, amount, threshold):
    """Decided by how bright the pixel looks."""
    r, g, b = x.unbind(-3)
    bright = (0.2989 * r + 0.587 * g + 0.114 * b) >= threshold
    return solarized(bright=lambda x, t: bright.unsqueeze(-3).expand_as(x))(x, amount, threshold)


WRONG_SOLARIZED: Wrong = {
    "dark": (solarized(bright=lambda x, t: x.lt(t)), "dark values are turned"),
    "all values": (solarized(bright=lambda x, t: x == x), "as in a negative"),
    "not on it": (solarized(bright=lambda x, t: x.gt(t)), "just the threshold"),
    "all pictures": (lambda x, a, t: value_by_value(x, torch.ones_like(a), t), "All pictures are solarized"),
    "wrong pictures": (lambda x, a, t: value_by_value(x, 1 - a, t), "wrong pictures"),
    "others' brightness": (
        lambda x, a, t: torch.where(x >= t, (1 - x) * shaped(a, x), x),
        "Bright values of pictures with amount 0 become 0; they should stay.",
    ),
    "half": (lambda x, a, t: solarized()(x, a, 0.5), "`threshold` is ignored."),
    "black": (faded, "come back black"),
    "cut off": (solarized(turn=lambda x, t: x.clamp(max=t)), "cut off at the threshold"),
    "mirrored": (solarized(turn=lambda x, t: t - (x - t)), "mirrored at the threshold"),
    "zero": (solarized(turn=lambda x, t: 0 * x), "become black"),
    "minus": (solarized(turn=lambda x, t: -x), "minus sign"),
    "bytes": (solarized(turn=lambda x, t: 255 - x), "255 were the largest"),
    "whole pixels": (whole_pixels, "whole pixel"),
    "not shaped": (lambda x, a, t: torch.where((x >= t) & (a == 1), 1 - x, x), "stops with RuntimeError"),
    "mask alone": (lambda x, a, t: x >= t, "The shape is right"),
}


@pytest.mark.parametrize("what", WRONG_SOLARIZED)
def test_solarize_names(what):
    assert_named(check.solarize, *WRONG_SOLARIZED[what])


def in_numpy(x, amount, threshold):
    """With numpy's where."""
    pixels = x.numpy().astype(np.float64)
    take = np.asarray(amount)[..., None, None, None] == 1
    return np.where(take & (pixels >= threshold), 1.0 - pixels, pixels)


@pytest.mark.parametrize(
    "right",
    [
        solarized(),
        value_by_value,
        in_numpy,
        lambda x, a, t: x + (x >= t) * a[..., None, None, None] * (1 - 2 * x),
        lambda x, a, t: value_by_value(x, a, t).bfloat16(),
    ],
)
def test_solarize_takes(right):
    assert_right(check.solarize, right)


def weighed(x, weights=(0.299, 0.587, 0.114)):
    """Grey pixels (..., H, W)."""
    return torch.einsum("...chw,c->...hw", x, torch.tensor(weights, dtype=x.dtype))


def towards(aim, cut=True):
    """Contrast towards aim(picture), one picture (3, H, W) at a time."""

    def contrast(x, factor):
        pictures, factors = x.reshape(-1, *x.shape[-3:]), factor.reshape(-1)
        out = torch.stack([aim(p) + (p - aim(p)) * f for p, f in zip(pictures, factors, strict=True)]).reshape(x.shape)
        return out.clip(0, 1) if cut else out

    return contrast


right_way = towards(lambda p: weighed(p).mean())


def clipped(change):
    """change(pixels, mean grey, factor) for every picture, cut off."""

    def contrast(x, factor):
        return change(x, shaped(weighed(x).mean((-2, -1)), x), shaped(factor, x)).clip(0, 1)

    return contrast


def colourless(x, factor):
    """The grey picture takes the picture's place."""
    return right_way(weighed(x).unsqueeze(-3).repeat_interleave(3, -3), factor)


WRONG_CONTRASTS: Wrong = {
    "channels": (towards(lambda p: p.flatten(1).mean(1)[:, None, None]), "its own mean, so a picture keeps its tint"),
    "plain mean": (towards(lambda p: p.mean()), "count the same in the mean"),
    "batch": (clipped(lambda x, m, f: m.mean() + f * (x - m.mean())), "over all pictures"),
    "half": (towards(lambda p: 0.5), "The values go to 0.5"),
    "brightness": (lambda x, f: (x * shaped(f, x)).clip(0, 1), "that is brightness"),
    "saturation": (towards(weighed), "that is saturation"),
    "turned round": (clipped(torch.lerp), "turned round"),
    "not cut": (towards(lambda p: weighed(p).mean(), cut=False), "below 0 or above 1"),
    "only from above": (
        lambda x, f: towards(lambda p: weighed(p).mean(), cut=False)(x, f).clamp(max=1),
        "Values below 0 are left.",
    ),
    "only from below": (
        lambda x, f: towards(lambda p: weighed(p).mean(), cut=False)(x, f).clamp(min=0),
        "Values above 1 are left.",
    ),
    "a third": (
        towards(lambda p: (p * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).mean()),
        "a third of what it should be",
    ),
    "added whole": (clipped(lambda x, m, f: m + x * f), "added whole"),
    "not given back": (clipped(lambda x, m, f: f * x - f * m), "not given back"),
    "colourless": (colourless, "no colours"),
    "blue first": (towards(lambda p: weighed(p, (0.114, 0.587, 0.299)).mean()), "blue, green, red"),
    "one factor": (lambda x, f: right_way(x, torch.full_like(f, f.reshape(-1)[0])), "factor of the first"),
    "not shaped": (
        lambda x, f: torch.lerp(weighed(x).mean((-2, -1))[..., None, None, None], x, f).clamp(0, 1),
        "stops with RuntimeError",
    ),
    "grey shape": (
        lambda x, f: weighed(right_way(x, f)),
        "The shape is (1, 2, 4), and should be (1, 3, 2, 4)",
    ),
}


@pytest.mark.parametrize("what", WRONG_CONTRASTS)
def test_contrast_names(what):
    assert_named(check.contrast, *WRONG_CONTRASTS[what])


def contrast_in_numpy(x, factor):
    """With numpy, in double precision."""
    pixels = x.numpy().astype(np.float64)
    grey = np.tensordot(np.moveaxis(pixels, -3, -1), [0.2989, 0.587, 0.114], 1)
    mean = grey.mean((-2, -1))[..., None, None, None]
    return np.clip(mean + factor.numpy()[..., None, None, None] * (pixels - mean), 0, 1)


@pytest.mark.parametrize(
    "right",
    [
        right_way,
        contrast_in_numpy,
        clipped(lambda x, m, f: x * f + (1 - f) * m),
        lambda x, f: right_way(x.double(), f.double()),
    ],
)
def test_contrast_takes(right):
    assert_right(check.contrast, right)


def test_cases_of_solarize_hold_the_threshold():
    for x, amount, threshold in solarizing.solarize_cases(torch.Generator().manual_seed(0)):
        assert (x == threshold).any()
        assert amount.shape == x.shape[:-3]
