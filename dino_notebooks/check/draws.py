"""Random numbers for questions, by generator, and with few digits, so that they can be shown."""

import torch
from torch import Generator


def number(generator: Generator, low: float, high: float) -> float:
    """A random number with three digits after the point."""
    return round(low + (high - low) * float(torch.rand((), generator=generator)), 3)


def whole(generator: Generator, few: int, many: int) -> int:
    """A random whole number from `few` on, below `many`."""
    return int(torch.randint(few, many, (), generator=generator))
