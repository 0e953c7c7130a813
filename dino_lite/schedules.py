"""Schedules: pure functions from a step to a value. Everything moves by step, nothing by epoch."""

import math


def cosine(step: int, total: int, start: float, end: float) -> float:
    """Half a cosine from `start` at step 0 towards `end`, reached at step `total` and held after it.

    The teacher's momentum (`start` 0.996, `end` 1; paper §3.1) and the weight decay (0.04 → 0.4; §4.1) follow it.
    """
    progress = min(step / total, 1.0) if total > 0 else 1.0
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * progress))


def linear_warmup(step: int, warmup: int, start: float, end: float) -> float:
    """A straight line from `start` at step 0 to `end` at step `warmup` - 1, held after it (teacher temperature)."""
    if step >= warmup - 1:
        return end
    return start + (end - start) * step / (warmup - 1)


def warmup_cosine(step: int, total: int, warmup: int, peak: float, end: float) -> float:
    """A line from 0 to `peak` over the first `warmup` steps, then a cosine towards `end` (learning rate, §4.1)."""
    if step < warmup:
        return linear_warmup(step, warmup, 0.0, peak)
    return cosine(step - warmup, total - warmup, peak, end)
