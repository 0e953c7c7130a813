"""The checks of the schedules: every off-by-one is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_ramps.py
"""

import math

import numpy as np
import pytest
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def half(x):
    """From 1 to 0 as x goes from 0 to 1, and at 0 from there on."""
    return math.cos(math.pi / 2 * min(max(x, 0), 1)) ** 2


WRONG_COSINES: Wrong = {
    "one step early": (lambda i, n, a, b: b + (a - b) * half(i / (n - 1)), "one step too early"),
    "one step ahead": (lambda i, n, a, b: b + (a - b) * half((i + 1) / n), "one step ahead"),
    "end to start": (lambda i, n, a, b: a + (b - a) * half(i / n), "from the end to the start"),
    "comes back": (lambda i, n, a, b: (a + b) / 2 + (a - b) / 2 * math.cos(i * math.pi / n), "turns round"),
    "whole cosine": (
        lambda i, n, a, b: (a + b) / 2 + (a - b) / 2 * math.cos(2 * math.pi * min(1, i / n)),
        "whole cosine",
    ),
    "quarter": (lambda i, n, a, b: b + (a - b) * math.sin(math.pi / 2 * (1 - min(i, n) / n)), "quarter"),
    "line": (lambda i, n, a, b: float(np.interp(i, [0, n], [a, b])), "straight line"),
    "twice": (lambda i, n, a, b: b + 2 * (a - b) * half(i / n), "twice as long"),
    "both sides": (lambda i, n, a, b: b + (a - b) * (2 * half(i / n) - 1), "other side of the end"),
    "to 0": (lambda i, n, a, b: a * half(i / n), "end is left out"),
    "end whole": (lambda i, n, a, b: a * half(i / n) + b, "difference"),
    "degrees": (lambda i, n, a, b: b + 0.5 * (a - b) * (1 + math.cos(min(i / n, 1) * 180)), "degrees"),
    "end to start, and back": (
        lambda i, n, a, b: a + (b - a) * (1 + math.cos(math.pi * i / n)) / 2,
        "*still to go*, so it belongs to start − end",
    ),
    "end forgotten": (lambda i, n, a, b: half(i / n) * a - half(i / n) * b, "at the last step it gives 0"),
    "end forgotten, and back": (
        lambda i, n, a, b: (a - b) * (1 + math.cos(math.pi * i / n)) / 2,
        "at the last step it gives 0",
    ),
    "abs": (lambda i, n, a, b: b + abs(b - a) * half(i / n), "It always falls"),
    "one step late": (lambda i, n, a, b: b + (a - b) * half(i / (n + 1)), "one step too late"),
    "nothing": (lambda i, n, a, b: None, "gives back None"),
    "whole numbers": (lambda i, n, a, b: b + (a - b) * half(i // n), "Compare the first one that differs"),
}


@pytest.mark.parametrize("what", WRONG_COSINES)
def test_cosine_names(what):
    assert_named(check.cosine, *WRONG_COSINES[what])


@pytest.mark.parametrize(
    "right",
    [
        lambda i, n, a, b: b + (a - b) * half(i / n),
        lambda i, n, a, b: b if i >= n else torch.lerp(torch.tensor(a), torch.tensor(b), 1 - half(i / n)),
        lambda i, n, a, b: a + (b - a) * (1 - np.cos(np.pi * np.clip(i / n, 0, 1))) / 2,
    ],
)
def test_cosine_takes(right):
    assert_right(check.cosine, right)


def stretches(count, i, a, b):
    """A line over so many stretches."""
    return float(np.interp(i, [0, count], [a, b])) if count > 0 else b


def climbs_on(i, w, a, b):
    """No end to it."""
    return b if w <= 1 else a + i * (b - a) / (w - 1)


WRONG_WARMUPS: Wrong = {
    "one step late": (lambda i, w, a, b: b if w <= 1 else stretches(w, i, a, b), "first of which is step 0"),
    "one step late, and w = 1": (lambda i, w, a, b: stretches(w, i, a, b), "which number has the last one"),
    "one step late, in two lines": (
        lambda i, w, a, b: b if i >= w else a + (b - a) * i / w,
        "which number has the last one",
    ),
    "a parabola": (lambda i, w, a, b: b if i >= w - 1 else a + (b - a) * (i / (w - 1)) ** 2, "first one that differs"),
    "one step ahead": (lambda i, w, a, b: stretches(w, i + 1, a, b), "one step ahead"),
    "climbs on": (climbs_on, "goes on rising"),
    "end to start": (lambda i, w, a, b: stretches(w - 1, i, b, a), "from the end to the start"),
    "from 0": (lambda i, w, a, b: stretches(w - 1, i, 0, b), "start is left out"),
    "start whole": (lambda i, w, a, b: a + stretches(w - 1, i, 0, b), "difference"),
    "jumps": (lambda i, w, a, b: b if i + 1 >= w else a, "jumps"),
    "never none": (lambda i, w, a, b: stretches(max(1, w - 1), i, a, b), "at the end from step 0"),
    "divides by 0": (lambda i, w, a, b: min(b, a + (b - a) * i / (w - 1)), "ZeroDivisionError"),
}


@pytest.mark.parametrize("what", WRONG_WARMUPS)
def test_linear_warmup_names(what):
    assert_named(check.linear_warmup, *WRONG_WARMUPS[what])


def by_linspace(i, w, a, b):
    """The authors' way: a list of values, then the end."""
    return [*np.linspace(a, b, w), *[b] * (i + 1)][i] if w > 1 else b


@pytest.mark.parametrize(
    "right",
    [
        by_linspace,
        lambda i, w, a, b: stretches(w - 1, i, a, b),
        lambda i, w, a, b: torch.tensor(b if i + 1 >= w else ((w - 1 - i) * a + i * b) / (w - 1)),
    ],
)
def test_linear_warmup_takes(right):
    assert_right(check.linear_warmup, right)


def rate(i, n, w, a, b, line=None, fall=None):
    """The right rate, of which line or fall may be something else."""
    up = stretches(w - 1, i, 0, a) if line is None else line
    down = b + (a - b) * half((i - w) / (n - w)) if fall is None else fall
    return up if i < w else down


def from_step_0(i, n, w, a, b):
    """The cosine's clock starts with the run."""
    return rate(i, n, w, a, b, fall=b + (a - b) * half(i / n))


def stops_short(i, n, w, a, b):
    """Divides by all steps, and holds what it has at the last one."""
    return rate(i, n, w, a, b, fall=b + (a - b) * half((min(i, n) - w) / n))


def turns_round(i, n, w, a, b):
    """No end to the cosine."""
    return rate(i, n, w, a, b, fall=(a + b) / 2 + (a - b) / 2 * math.cos(math.pi * (i - w) / (n - w)))


def times_warmup(i, n, w, a, b):
    """Both at once."""
    return min(1, i / (w - 1)) * (b + (a - b) * half(i / n))


WRONG_RATES: Wrong = {
    "from step 0": (from_step_0, "drops at once"),
    "stops short": (stops_short, "does not arrive"),
    "over all steps": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, fall=b + (a - b) * half((i - w) / n)),
        "arrives at the end too late",
    ),
    "one step early": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, fall=b + (a - b) * half((i - w) / (n - w - 1))),
        "end is reached one step too early",
    ),
    "cosine begins early": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, fall=b + (a - b) * half((i - w + 1) / (n - w + 1))),
        "below the peak already",
    ),
    "peak late": (lambda i, n, w, a, b: rate(i, n, w, a, b, line=i / w * a), "peak one step too late"),
    "warm-up ahead": (lambda i, n, w, a, b: rate(i, n, w, a, b, line=a / w * (i + 1)), "begins at 0"),
    "no warm-up": (lambda i, n, w, a, b: b + (a - b) * half(i / n), "no warm-up"),
    "times": (times_warmup, "multiplied by the warm-up"),
    "from the end": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, line=float(np.interp(i, [0, w - 1], [b, a]))),
        "begins at the end's value",
    ),
    "to 0": (lambda i, n, w, a, b: rate(i, n, w, a, b, fall=a * half((i - w) / (n - w))), "end is left out"),
    "holds": (lambda i, n, w, a, b: rate(i, n, w, a, b, fall=a), "stays at the peak"),
    "line": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, fall=float(np.interp(i, [w, n], [a, b]))),
        "straight line",
    ),
    "turns round": (turns_round, "turns round"),
    "cosine ahead": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, fall=b + (a - b) * half((i - w + 1) / (n - w))),
        "at step `warmup` it has to be at the peak",
    ),
    "a line of one step": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, line=a * i / (w - 1) if i < w else None),
        "`peak` at once",
    ),
    "a line of one step, at 0": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, line=a * i / max(1, w - 1)),
        "`peak` at once",
    ),
    "half as fast": (
        lambda i, n, w, a, b: rate(i, n, w, a, b, fall=b + (a - b) * half((i - w) / (n - w)) ** 2),
        "first one that differs",
    ),
}


@pytest.mark.parametrize("what", WRONG_RATES)
def test_warmup_cosine_names(what):
    assert_named(check.warmup_cosine, *WRONG_RATES[what])


def by_list(i, n, w, a, b):
    """The authors' way: all values in an array, of which one is taken."""
    fall = b + 0.5 * (a - b) * (1 + np.cos(np.pi * np.arange(n - w) / (n - w)))
    return np.concatenate([np.linspace(0 if w > 1 else a, a, w), fall, [b] * 9])[i]


@pytest.mark.parametrize("right", [rate, by_list, lambda *given: torch.tensor(rate(*given), dtype=torch.float64)])
def test_warmup_cosine_takes(right):
    assert_right(check.warmup_cosine, right)
