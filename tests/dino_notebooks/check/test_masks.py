"""The checks of attention masks and of IoU: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_masks.py
"""

import numpy as np
import pytest
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def walk(maps, mass, keep):
    """Patches of each map from the strongest on: `keep(share before it, share with it, number, how many)`."""
    out = (
        torch.zeros_like(maps, dtype=torch.bool).flatten(0, -3) if maps.ndim > 2 else torch.zeros(1, *maps.shape).bool()
    )
    for mask, one in zip(out, maps.reshape(-1, *maps.shape[-2:]), strict=True):
        values = sorted(((float(v), i) for i, v in enumerate(one.flatten())), reverse=True)
        total, before = sum(v for v, _ in values), 0.0
        for number, (value, place) in enumerate(values):
            mask.view(-1)[place] = keep(before, before + value / total, number, len(values))
            before += value / total
    return out.reshape(maps.shape)


def in_loops(maps, mass):
    """The right one, patch by patch."""
    return walk(maps, mass, lambda before, after, n, of: before < mass)


def in_numpy(maps, mass):
    """argsort twice: the rank of each patch, and running sums."""
    flat = maps.numpy().reshape(*maps.shape[:-2], -1).astype(np.float64)
    order = np.argsort(-flat, axis=-1)
    share = np.take_along_axis(flat, order, -1) / flat.sum(-1, keepdims=True)
    kept = np.cumsum(share, -1) - share < mass
    return torch.tensor(np.take_along_axis(kept, np.argsort(order, -1), -1).reshape(maps.shape))


def by_threshold(maps, mass):
    """The value of the weakest patch that stays, as a threshold."""
    p = maps / maps.sum((-2, -1), keepdim=True)
    s = p.flatten(-2).sort(-1, descending=True).values
    needed = (s.cumsum(-1) < mass).sum(-1, keepdim=True)
    return p >= s.gather(-1, needed)[..., None] if maps.ndim > 2 else p >= s[needed]


def sorted_only(maps, mass):
    """Forgets to put the patches back."""
    s = maps.flatten(-2).sort(-1).values
    return (s.cumsum(-1) / s.sum(-1, keepdim=True) > 1 - mass).reshape(maps.shape)


def gathered(maps, mass):
    """Uses sort's places the wrong way round."""
    s, i = maps.flatten(-2).sort(-1)
    return torch.gather(s.cumsum(-1) / s.sum(-1, keepdim=True) > 1 - mass, -1, i).reshape(maps.shape)


def raw(maps, mass):
    """Takes the maps as they are."""
    s, i = maps.flatten(-2).sort(-1, descending=True)
    kept = s.cumsum(-1) - s < mass
    return torch.zeros_like(kept).scatter_(-1, i, kept).reshape(maps.shape)


def raw_from_weakest(maps, mass):
    """The loops of the text, without its division."""
    values, places = maps.flatten(-2).sort(dim=-1)
    keep = values.cumsum(-1) > 1 - mass
    return torch.zeros_like(keep).scatter(-1, places, keep).view_as(maps)


def every_row(maps, mass):
    """Sorts along the width only."""
    s, i = maps.sort(-1, descending=True)
    s = s / s.sum(-1, keepdim=True)
    return torch.zeros_like(maps, dtype=torch.bool).scatter(-1, i, s.cumsum(-1) - s < mass)


def all_at_once(maps, mass):
    """One list of patches for all maps."""
    s, i = maps.flatten().sort(descending=True)
    kept = s.cumsum(0) - s < mass * s.sum()
    return torch.zeros(len(s), dtype=torch.bool).index_put((i,), kept).reshape(maps.shape)


WRONG_MASKS: Wrong = {
    "share of patches": (
        lambda m, mass: walk(m, mass, lambda before, after, n, of: n < round(mass * of)),
        "share of the *patches*",
    ),
    "share of the maximum": (lambda m, mass: m / m.amax((-2, -1), keepdim=True) > mass, "largest value"),
    "above the mean": (lambda m, mass: m * m.shape[-1] * m.shape[-2] > m.sum((-2, -1), keepdim=True), "above the mean"),
    "too early": (lambda m, mass: walk(m, mass, lambda before, after, n, of: after <= mass), "too early"),
    "one more": (
        lambda m, mass: (
            in_loops(m, mass)
            | (torch.where(in_loops(m, mass), -1.0, m)).eq(
                torch.where(in_loops(m, mass), -1.0, m).amax((-2, -1), keepdim=True)
            )
        ),
        "one patch more",
    ),
    "weak ones": (lambda m, mass: torch.logical_not(in_numpy(m, mass)), "weak patches"),
    "exchanged": (lambda m, mass: in_loops(m, 1 - mass), "exchanged"),
    "not divided": (raw, "not divided by their sum"),
    "order of sorting": (sorted_only, "order of sorting"),
    "gather": (gathered, "wrong way round"),
    "all maps": (all_at_once, "ranked together"),
    "each row": (every_row, "Each row of patches"),
    "values": (lambda m, mass: torch.where(in_numpy(m, mass), m, 0), "attention that is kept"),
    "quantile": (
        lambda m, mass: m >= torch.quantile(m.flatten(-2), 1 - mass, dim=-1, keepdim=True)[..., None],
        "not of the sum",
    ),
    "the fewest of a share of the patches": (
        lambda m, mass: walk(m, mass, lambda before, after, n, of: n < mass * of),
        "not of the sum",
    ),
    "not divided, from the weakest": (raw_from_weakest, "not divided by their sum"),
    "numbers": (lambda m, mass: in_numpy(m, mass).float(), "numbers 0 and 1. It should be bool: True or False."),
    "whole numbers": (lambda m, mass: in_loops(m, mass).long(), "It should be bool: True or False."),
    "flat": (lambda m, mass: in_numpy(m, mass).flatten(-2), "The shape is (6,), and should be (2, 3)"),
}


@pytest.mark.parametrize("what", WRONG_MASKS)
def test_mass_mask_names(what):
    assert_named(check.mass_mask, *WRONG_MASKS[what])


def test_mass_mask_shows_masks_as_they_are():
    shown = dict(check.mass_mask(lambda m, mass: ~in_loops(m, mass)).example)
    assert "True" in shown["expected"]
    assert "False" in shown["yours"]
    assert "." not in shown["expected"] + shown["yours"]


@pytest.mark.parametrize("right", [in_loops, in_numpy, by_threshold, lambda m, mass: in_numpy(m, mass).numpy()])
def test_mass_mask_takes(right):
    assert_right(check.mass_mask, right)


def counts(masks, truth):
    """Pixels in both, only in the first, only in the second, as numbers of each pair."""
    m, t = torch.broadcast_tensors(masks.float(), truth.float())
    return (m * t).sum((-1, -2)), (m * (1 - t)).sum((-1, -2)), ((1 - m) * t).sum((-1, -2))


def iou(masks, truth):
    """From three counts."""
    hit, more, missed = counts(masks, truth)
    return hit / torch.clamp(hit + more + missed, min=1)


def pixel_by_pixel(masks, truth):
    """Four loops."""
    m, t = (x.numpy() for x in torch.broadcast_tensors(masks, truth))
    out = np.zeros(m.shape[:-2])
    for place in np.ndindex(*out.shape):
        inside = union = 0
        for a, b in zip(m[place].flat, t[place].flat, strict=True):
            inside += a and b
            union += a or b
        out[place] = inside / union if union else 0
    return out if out.ndim else float(out)


WRONG_IOUS: Wrong = {
    "accuracy": (lambda m, t: 1 - (m ^ t).float().mean((-1, -2)), "both masks agree"),
    "dice": (lambda m, t: 2 * counts(m, t)[0] / (m.sum((-1, -2)) + t.sum((-1, -2))).clamp(min=1), "Dice"),
    "twice in the union": (
        lambda m, t: counts(m, t)[0] / (m.sum((-1, -2)) + t.sum((-1, -2))).clamp(min=1),
        "count twice",
    ),
    "precision": (lambda m, t: counts(m, t)[0] / m.sum((-1, -2)).clamp(min=1), "precision"),
    "recall": (lambda m, t: counts(m, t)[0] / t.sum((-1, -2)).clamp(min=1), "recall"),
    "of the picture": (lambda m, t: (m * t).float().mean((-1, -2)), "size of the picture"),
    "upside down": (lambda m, t: (m + t).sum((-1, -2)) / (m * t).sum((-1, -2)).clamp(min=1), "upside down"),
    "differences": (
        lambda m, t: (counts(m, t)[1] + counts(m, t)[2]) / sum(counts(m, t)).clamp(min=1),
        "pixels on which the masks differ",
    ),
    "NaN": (lambda m, t: counts(m, t)[0] / sum(counts(m, t)), "0/0"),
    "1 for nothing": (
        lambda m, t: torch.nan_to_num(counts(m, t)[0] / sum(counts(m, t)), nan=1.0),
        "Where both are empty it gives 1",
    ),
    "one mean": (lambda m, t: iou(m, t).mean(), "one mean for all"),
    "all pixels": (lambda m, t: (m & t).sum() / (m | t).sum(), "counted together"),
    "width": (lambda m, t: (m * t).sum(-1) / (m + t).sum(-1).clamp(min=1), "along the width"),
    "counts": (lambda m, t: counts(m, t)[0], "counts of pixels"),
    "percent": (lambda m, t: 100 * iou(m, t), "100 times"),
    "minus": (
        lambda m, t: (m & t).sum((-2, -1)) / (m - t).sum((-2, -1)),
        "stops with NotImplementedError: Subtraction",
    ),
}


@pytest.mark.parametrize("what", WRONG_IOUS)
def test_mask_iou_names(what):
    assert_named(check.mask_iou, *WRONG_IOUS[what])


@pytest.mark.parametrize("right", [iou, pixel_by_pixel, lambda m, t: iou(m.double(), t.double())])
def test_mask_iou_takes(right):
    assert_right(check.mask_iou, right)
