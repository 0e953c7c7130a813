"""The checks of view_pairs and multi_crop: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_multicrop.py
"""

from itertools import combinations, permutations, product

import numpy as np
import pytest
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check

WRONG_PAIRS: Wrong = {
    "itself": (lambda n: list(product([0, 1], range(n + 2))), "compared with itself"),
    "teacher sees all": (lambda n: list(permutations(range(n + 2), 2)), "teacher sees local views, too"),
    "exchanged": (lambda n: [(v, q) for v in range(n + 2) for q in (0, 1) if q != v], "are exchanged"),
    "only locals": (lambda n: list(product((0, 1), range(2, n + 2))), "student sees local views only"),
    "only globals": (lambda n: list(permutations((0, 1))), "student sees global views only"),
    "one direction": (lambda n: [p for p in combinations(range(n + 2), 2) if p[0] < 2], "in one direction only"),
    "V is L": (lambda n: [(q, v) for q in (0, 1) for v in range(n) if q != v], "counts the local views only"),
    "last missing": (lambda n: [(q, v) for q in (0, 1) for v in range(n + 1) if q != v], "last local view is missing"),
    "ends at L": (lambda n: [*permutations((0, 1)), *product((0, 1), range(2, n))], "end too early"),
    "one too many": (lambda n: [(q, v) for q in (0, 1) for v in range(n + 3) if q != v], "a view too many"),
    "from 1": (lambda n: [(q, v) for q in (1, 2) for v in range(1, n + 3) if q != v], "counted from 1"),
    "never the first": (
        lambda n: [(0, v) for v in range(2, n + 2)] + [(1, v) for v in range(n + 2) if v != 1],
        "left out",
    ),
    "twice": (lambda n: 2 * [(q, v) for q in (0, 1) for v in range(n + 2) if q != v], "The shape is (8, 2)"),
    "a count": (lambda n: 2 * (n + 2) - 2, "This is a number. Write the list of the pairs."),
    "a count as a tensor": (lambda n: torch.tensor(2 * n + 2), "This is a number."),
    "one by one": (lambda n: ((q, v) for q in (0, 1) for v in range(n + 2) if q - v), "Make a list of them"),
    "zip": (lambda n: zip((0, 1), (1, 0), strict=True), "Make a list of them"),
    "numbers": (lambda n: list(range(n + 2)), "The shape is (3,), and should be (4, 2)"),
    "names": (lambda n: [("global 1", "global 2")] * (2 * n + 2), "gives back list"),
    "nothing": (lambda n: print(end=""), "gives back None"),
}


@pytest.mark.parametrize("what", WRONG_PAIRS)
def test_view_pairs_names(what):
    assert_named(check.view_pairs, *WRONG_PAIRS[what])


def by_view(n):
    """As a set, by the student's view."""
    return {(q, v) for v in range(n + 2) for q in {0, 1} - {v}}


def from_a_mask(n):
    """As a tensor, from where a mask is true."""
    return (~torch.eye(n + 2, dtype=torch.bool)[:2]).nonzero()


@pytest.mark.parametrize(
    "right",
    [
        by_view,
        from_a_mask,
        lambda n: from_a_mask(n).numpy(),
        lambda n: tuple(reversed(from_a_mask(n).tolist())),
        lambda n: [(q, v) for q in (0, 1) for v in range(n + 2) if q - v],
    ],
)
def test_view_pairs_takes(right):
    assert_right(check.view_pairs, right)


def piece(image, box):
    """What is inside a box."""
    top, left, height, width = (int(x) for x in box)
    return image[:, top : top + height, left : left + width]


def solarized(x):
    return torch.where(x >= 0.5, 1 - x, x)


def as_given(image, boxes, factors, chance, probs):
    """The function that students get, with both bugs."""
    views = []
    for v in range(len(boxes)):
        image = (image * factors[v]).clamp(0, 1)
        if chance[v] > probs[v]:
            image = solarized(image)
        views.append(piece(image, boxes[v]))
    return views


def chance_mended(image, boxes, factors, chance, probs):
    """One bug is left."""
    views = []
    for v in range(len(boxes)):
        image = (image * factors[v]).clamp(0, 1)
        if chance[v] < probs[v]:
            image = solarized(image)
        views.append(piece(image, boxes[v]))
    return views


def picture_mended(image, boxes, factors, chance, probs):
    """The other bug is left."""
    views = []
    for v in range(len(boxes)):
        view = (image * factors[v]).clamp(0, 1)
        if chance[v] > probs[v]:
            view = solarized(view)
        views.append(piece(view, boxes[v]))
    return views


def half_mended(decide):
    """Only the solarized picture has a name of its own."""

    def multi_crop(image, boxes, factors, chance, probs):
        views = []
        for v in range(len(boxes)):
            image = (image * factors[v]).clamp(0, 1)
            view = solarized(image) if decide(chance[v], probs[v]) else image
            views.append(piece(view, boxes[v]))
        return views

    return multi_crop


def locals_of_the_first(image, boxes, factors, chance, probs):
    """Global views from the picture, local ones from the first of them, before it was cut."""
    wholes = [(image * factors[v]).clamp(0, 1) for v in (0, 1)]
    wholes = [solarized(w) if chance[v] < probs[v] else w for v, w in enumerate(wholes)]
    views = [piece(w, box) for w, box in zip(wholes, boxes[:2], strict=True)]
    for v in range(2, len(boxes)):
        view = piece((wholes[0] * factors[v]).clamp(0, 1), boxes[v])
        views.append(solarized(view) if chance[v] < probs[v] else view)
    return views


def mended(decide=lambda v, chance, probs: chance[v] < probs[v], light=lambda x, f: (x * f).clip(0, 1), order=1):
    """A right one, with parts to be exchanged."""

    def multi_crop(image, boxes, factors, chance, probs):
        views = [piece(image, box) for box in boxes]
        steps = [
            lambda x, v: light(x, factors[v]),
            lambda x, v: solarized(x) if decide(v, chance, probs) else x,
        ]
        for step in steps[::order]:
            views = [step(x, v) for v, x in enumerate(views)]
        return views

    return multi_crop


def one_factor(image, boxes, factors, chance, probs):
    """All views equally bright."""
    return mended()(image * factors[0], boxes, torch.ones(len(boxes)), chance, probs)


def dark_when_solarized(image, boxes, factors, chance, probs):
    """Takes the piece once more from the picture, to solarize it."""
    views = []
    for v, box in enumerate(boxes):
        view = (piece(image, box) * factors[v]).clamp(0, 1)
        if chance[v] < probs[v]:
            view = solarized(piece(image, box))
        views.append(view)
    return views


def in_place(image, boxes, factors, chance, probs):
    """Changes the caller's picture."""
    image *= factors[0]
    return mended()(image, boxes, factors, chance, probs)


WRONG_VIEWS: Wrong = {
    "as given": (as_given, "Both bugs are still there"),
    "chance mended": (chance_mended, "carries the changes of all views before it"),
    "picture mended": (picture_mended, "the wrong views are solarized: how often"),
    "half mended": (half_mended(lambda c, p: c < p), "still gets the brightness"),
    "half mended, inverted": (half_mended(lambda c, p: c > p), "hand on its brightness, and the wrong views"),
    "locals of the first": (locals_of_the_first, "local views are cut from the picture with the first view's"),
    "never": (mended(lambda v, c, p: False), "No view is solarized"),
    "whenever above 0": (mended(lambda v, c, p: p[v].bool()), "Its chance decides, too"),
    "one chance": (mended(lambda v, c, p: p[v] > c[0]), "first view's chance"),
    "one factor": (one_factor, "the first one's brightness"),
    "no brightness": (mended(light=lambda x, f: x), "brightness isn't changed"),
    "above 1": (mended(light=lambda x, f: x * f), "above 1"),
    "at most": (mended(lambda v, c, p: c[v] <= p[v]), "its chance has to be below"),
    "solarized from the picture": (dark_when_solarized, "A solarized view has lost its brightness factor."),
    "order": (mended(order=-1), "before its brightness"),
    "in place": (in_place, "changes its own input"),
    "not a list": (lambda *arguments: mended()(*arguments)[0], "The shape is (1, 2, 3), and should be"),
    "one missing": (lambda *arguments: mended()(*arguments)[:-1], "should be [(1, 2, 3), (1, 2, 3), (1, 2, 3)]"),
}


@pytest.mark.parametrize("what", WRONG_VIEWS)
def test_multi_crop_names(what):
    assert_named(check.multi_crop, *WRONG_VIEWS[what])


def in_numpy(image, boxes, factors, chance, probs):
    """With numpy, one view at a time."""
    views = []
    for (top, left, height, width), f, c, p in zip(boxes.tolist(), factors, chance, probs, strict=True):
        view = np.clip(image.double().numpy()[:, top : top + height, left : left + width] * float(f), 0, 1)
        views.append(np.where(view >= 0.5, 1 - view, view) if c < p else view)
    return tuple(views)


def whole_pictures(image, boxes, factors, chance, probs):
    """Changes whole pictures, all at once, and cuts at the end."""
    wholes = (image[None] * factors[:, None, None, None]).clamp(0, 1)
    chosen = (chance < probs)[:, None, None, None]
    wholes = torch.where(chosen & (wholes >= 0.5), 1 - wholes, wholes)
    return [piece(whole, box) for whole, box in zip(wholes, boxes, strict=True)]


@pytest.mark.parametrize("right", [mended(), in_numpy, whole_pictures])
def test_multi_crop_takes(right):
    assert_right(check.multi_crop, right)
