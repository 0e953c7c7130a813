"""The checks of crop and box_overlap: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_crops.py
"""

import numpy as np
import pytest
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def by_index(rows, columns, mirrored=lambda piece, flip: piece[:, :, ::-1] if flip else piece):
    """A crop in numpy: rows(top, left, height, width) and columns(...) are ranges of indices."""

    def crop(image, top, left, height, width, flip):
        box = (top, left, height, width)
        piece = image.numpy()[:, list(rows(*box))][:, :, list(columns(*box))]
        return np.ascontiguousarray(mirrored(piece, flip))

    return crop


def rows(top, left, height, width):
    return range(top, top + height)


def columns(top, left, height, width):
    return range(left, left + width)


def flipped_first(image, top, left, height, width, flip):
    """Mirrors the picture, then cuts."""
    if flip:
        image = torch.flip(image, [2])
    return image.narrow(1, top, height).narrow(2, left, width)


def channels_cut(image, top, left, height, width, flip):
    """Two slices too few."""
    piece = image[top : top + height, left : left + width]
    return torch.flip(piece, dims=[-1]) if flip else piece


def end_for_length(image, top, left, height, width, flip):
    """image[top:height, left:width]."""
    piece = image[:, top:height, left:width]
    return torch.flip(piece, dims=[2]) if flip else piece


def narrowed(image, flip, of_rows, of_columns):
    """A crop of (start, end - start) in each direction, cut off at the edge, as slices are."""
    (top, height), (left, width) = of_rows, of_columns
    piece = image[:, top : top + height, left : left + width]
    return torch.flip(piece, [2]) if flip else piece


WRONG_CROPS: Wrong = {
    "rows for columns": (
        by_index(lambda t, le, h, w: range(le, min(le + w, 99)), lambda t, le, h, w: range(t, t + h)),
        "stops with IndexError",
    ),
    "slices exchanged": (
        lambda i, t, le, h, w, f: narrowed(i, f, (le, w), (t, h)),
        "Rows and columns are exchanged",
    ),
    "left for top": (
        lambda i, t, le, h, w, f: narrowed(i, f, (le, h), (t, w)),
        "Top and left are exchanged",
    ),
    "width for height": (
        lambda i, t, le, h, w, f: narrowed(i, f, (t, w), (le, h)),
        "Height and width are exchanged",
    ),
    "end for length": (end_for_length, "places where the box ends"),
    "one too many": (
        by_index(lambda t, le, h, w: range(t, t + h + 1), lambda t, le, h, w: range(le, le + w + 1)),
        "a row and a column too many",
    ),
    "corner": (
        by_index(lambda t, le, h, w: range(h), lambda t, le, h, w: range(w)),
        "begins in the corner",
    ),
    "channels": (channels_cut, "cut channels and rows"),
    "flipped first": (flipped_first, "mirrored before the crop"),
    "upside down": (by_index(rows, columns, lambda p, f: p[:, ::-1] if f else p), "upside down"),
    "half a turn": (by_index(rows, columns, lambda p, f: p[:, ::-1, ::-1] if f else p), "half a turn"),
    "red for blue": (by_index(rows, columns, lambda p, f: p[::-1, :, ::-1] if f else p), "red becomes blue"),
    "never": (by_index(rows, columns, lambda p, f: p), "never mirrors"),
    "always": (by_index(rows, columns, lambda p, f: p[:, :, ::-1]), "every crop"),
    "turned round": (by_index(rows, columns, lambda p, f: p if f else p[:, :, ::-1]), "turned round"),
    "a list": (
        lambda i, t, le, h, w, f: i[:, t : t + h, le : le + w].flip(-1) if f else None,
        "gives back None",
    ),
    "extra dimension": (
        lambda i, t, le, h, w, f: i[None, :, t : t + h, le : le + w],
        "The shape is (1, 1, 2, 3), and should be (1, 2, 3)",
    ),
}


@pytest.mark.parametrize("what", WRONG_CROPS)
def test_crop_names(what):
    assert_named(check.crop, *WRONG_CROPS[what])


def pixel_by_pixel(image, top, left, height, width, flip):
    """Three loops."""
    out = torch.zeros(len(image), height, width, dtype=torch.float64)
    for c in range(len(image)):
        for y in range(height):
            for x in range(width):
                out[c, y, x] = image[c, top + y, left + (width - 1 - x if flip else x)]
    return out


def through_the_mirror(image, top, left, height, width, flip):
    """Mirrors first, and the box with it."""
    if flip:
        image, left = image.flip(2), image.shape[2] - left - width
    return image[..., top : top + height, left : left + width]


@pytest.mark.parametrize("right", [by_index(rows, columns), pixel_by_pixel, through_the_mirror])
def test_crop_takes(right):
    assert_right(check.crop, right)


def box_by_box(of_lines, of_areas):
    """An overlap in plain Python: of_lines(start, length, start, length), of_areas(common, a, b)."""

    def box_overlap(a, b):
        out = []
        for (ta, la, ha, wa), (tb, lb, hb, wb) in zip(a.tolist(), b.tolist(), strict=True):
            common = of_lines(ta, ha, tb, hb) * of_lines(la, wa, lb, wb)
            out.append(of_areas(common, ha * wa, hb * wb))
        return out

    return box_overlap


def line(s, n, t, m):
    """How much two lines share."""
    return max(0.0, min(s + n, t + m) - max(s, t))


def iou(common, a, b):
    return common / (a + b - common)


def ends(s, n, t, m):
    """Lengths taken for ends."""
    return max(0, min(n, m) - max(s, t))


def with_corners(a, b):
    """Reads top, left, bottom, right everywhere."""

    def area(x):
        return (x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1])

    common = torch.cat([torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])], 1)
    sides = (common[:, 2:] - common[:, :2]).clamp(min=0)
    inside = sides[:, 0] * sides[:, 1]
    return inside / (area(a) + area(b) - inside)


def cut_at_the_area(a, b):
    """Cuts off a negative area instead of negative sides."""
    height = torch.minimum(a[:, 0] + a[:, 2], b[:, 0] + b[:, 2]) - torch.maximum(a[:, 0], b[:, 0])
    width = torch.minimum(a[:, 1] + a[:, 3], b[:, 1] + b[:, 3]) - torch.maximum(a[:, 1], b[:, 1])
    inside = (height * width).relu()
    return inside / (a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - inside)


def cut_off_once(rows, columns):
    """Only rows or only columns are cut off at 0."""

    def box_overlap(a, b):
        begin, end = torch.max(a[:, :2], b[:, :2]), torch.min(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
        height, width = (end - begin).T
        common = (height.relu() if rows else height) * (width.relu() if columns else width)
        return common / (a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - common)

    return box_overlap


def around(a, b):
    """Divides by the box around both."""
    top, left = torch.minimum(a[:, 0], b[:, 0]), torch.minimum(a[:, 1], b[:, 1])
    bottom = torch.maximum(a[:, 0] + a[:, 2], b[:, 0] + b[:, 2])
    right = torch.maximum(a[:, 1] + a[:, 3], b[:, 1] + b[:, 3])
    areas = torch.tensor(box_by_box(line, lambda common, x, y: common)(a, b))
    return areas / ((bottom - top) * (right - left))


def begins_early_ends_late(a, b):
    """Maximum for minimum."""
    sides = torch.max(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - torch.min(a[:, :2], b[:, :2])
    area = sides[:, 0] * sides[:, 1]
    return area / (a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - area)


def all_pairs(a, b):
    """Every box with every other (N, N)."""
    return torch.stack([torch.tensor(box_by_box(line, iou)(a, x.expand_as(a))) for x in b], 1)


WRONG_OVERLAPS: Wrong = {
    "not cut off": (box_by_box(lambda s, n, t, m: min(s + n, t + m) - max(s, t), iou), "a share other than 0"),
    "area cut off": (cut_at_the_area, "cut off the sides, not the area"),
    "area": (box_by_box(line, lambda common, a, b: common), "in square pixels"),
    "sum": (box_by_box(line, lambda common, a, b: common / (a + b)), "counts the common piece twice"),
    "first": (box_by_box(line, lambda common, a, b: common / a), "area of the first box"),
    "second": (box_by_box(line, lambda common, a, b: common / b), "area of the second box"),
    "smaller": (box_by_box(line, lambda common, a, b: common / min(a, b)), "area of the smaller box"),
    "Dice": (box_by_box(line, lambda common, a, b: common / ((a + b) / 2)), "Dice"),
    "around": (around, "smallest box around both"),
    "corners": (with_corners, "read as top, left, bottom, right"),
    "exchanged": (begins_early_ends_late, "Maximum and minimum"),
    "one pixel": (
        box_by_box(lambda s, n, t, m: max(0, min(s + n, t + m) - max(s, t) + 1), iou),
        "One pixel is added",
    ),
    "mean": (lambda a, b: np.mean(box_by_box(line, iou)(a, b)), "one number for all pairs"),
    "all pairs": (all_pairs, "The shape is (2, 2), and should be (2,)"),
    "ends": (box_by_box(ends, iou), "A box ends at top + height"),
    "rows cut off": (cut_off_once(True, False), "lie beside each other get a share below 0"),
    "columns cut off": (cut_off_once(False, True), "one below the other get a share below 0"),
    "mixture": (box_by_box(line, lambda common, a, b: common / max(a, b)), "The shape is right"),
}


@pytest.mark.parametrize("what", WRONG_OVERLAPS)
def test_box_overlap_names(what):
    assert_named(check.box_overlap, *WRONG_OVERLAPS[what])


def with_masks(a, b):
    """Counts the points of a fine grid, in thirds of a pixel."""
    out = []
    for one, other in zip(a, b, strict=True):
        masks = torch.zeros(2, 150, 150, dtype=torch.bool)
        for mask, box in zip(masks, (one, other), strict=True):
            top, left, height, width = (3 * box).round().int().tolist()
            mask[top : top + height, left : left + width] = True
        out.append((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
    return torch.stack(out)


def in_tensors(a, b):
    """All boxes at once, in double precision."""
    (start, size), (other, length) = a.double().split(2, 1), b.double().split(2, 1)
    sides = torch.relu(torch.min(start + size, other + length) - torch.max(start, other))
    common = sides[:, 0] * sides[:, 1]
    return common / (size.prod(1) + length.prod(1) - common)


@pytest.mark.parametrize("right", [box_by_box(line, iou), with_masks, in_tensors])
def test_box_overlap_takes(right):
    assert_right(check.box_overlap, right)
