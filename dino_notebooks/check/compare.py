"""Whether two outputs say the same: as numbers, with shapes, but for rounding."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dino_notebooks.check.exercise import Arguments

HALF = {torch.float16, torch.bfloat16}


def numbers(given: Any) -> list[Tensor]:
    """A tensor, an array, a number, or a tuple or list of them, as a list of double tensors; TypeError for others.

    Half precision stays what it is: it can't be compared to four digits. So does a mask, which is shown as it is.
    """
    if isinstance(given, tuple) or (isinstance(given, list) and any(isinstance(part, Tensor) for part in given)):
        return [one for part in given for one in numbers(part)]
    if isinstance(given, Tensor):
        if given.is_complex() or given.is_meta or given.layout != torch.strided:
            raise TypeError(f"{type(given).__name__} of dtype {given.dtype}")
        values = given.detach().cpu()
        return [values if values.dtype in {*HALF, torch.bool} else values.double()]
    if isinstance(given, bool | int | float | list | np.ndarray | np.generic):
        if np.iscomplexobj(given):
            raise TypeError(f"{type(given).__name__} of complex numbers")
        return [torch.as_tensor(np.asarray(given, dtype=np.float64))]
    raise TypeError(type(given).__name__)


def alike(yours: list[Tensor], right: list[Tensor], tolerance: float) -> bool:
    """Whether all tensors have the same shapes, and the same values but for rounding."""
    if shapes(yours) != shapes(right):
        return False
    for a, b in zip(yours, right, strict=True):
        close = 2e-2 if HALF & {a.dtype, b.dtype} else tolerance
        if not torch.allclose(a.double(), b.double(), rtol=close, atol=close / 10, equal_nan=True):
            return False
    return True


def shapes(tensors: list[Tensor]) -> list[tuple[int, ...]]:
    """The shape of each."""
    return [tuple(x.shape) for x in tensors]


def finite(tensors: list[Tensor]) -> bool:
    """Whether all are numbers: no infinity and no NaN."""
    return all(bool(torch.isfinite(x).all()) for x in tensors)


def has_nan(tensors: list[Tensor]) -> bool:
    """Whether one of the numbers is NaN."""
    return any(bool(x.isnan().any()) for x in tensors)


def common_factor(wanted: list[list[Tensor]], given: list[list[Tensor]]) -> float | None:
    """The one number by which all values are off, or None."""
    right = torch.cat([x.flatten().double() for one in wanted[: len(given)] for x in one])
    yours = torch.cat([x.flatten().double() for one in given for x in one])
    known = right.isfinite() & yours.isfinite()
    if not bool((right == yours)[~known].all()) or not bool(known.any()):
        return None  # infinity, where it belongs, has no factor
    right, yours = right[known], yours[known]
    factor = float((right * yours).sum() / right.square().sum().clamp_min(1e-30))
    close = torch.allclose(yours, factor * right, rtol=1e-3, atol=1e-6 + 1e-4 * abs(factor))
    return factor if close and math.isfinite(factor) and abs(factor) > 1e-6 else None


def copied(case: Arguments) -> Arguments:
    """Arguments of its own for every call."""
    return tuple(x.clone() if isinstance(x, Tensor) else x for x in case)
