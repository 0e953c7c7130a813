"""The smallest failing example, in words: the input, what was expected, and what came."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dino_notebooks.check.exercise import Arguments, Exercise

MANY = 48  # numbers: with more, only the shape is shown


def example(
    exercise: Exercise, case: Arguments, expected: list[Tensor], given: list[Tensor] | None
) -> tuple[tuple[str, str], ...]:
    """Lines (what, text): the arguments by name, then expected and yours."""
    lines = [(name, in_words(value)) for name, value in zip(exercise.argument_names, case, strict=True)]
    lines.append(("expected", all_in_words(expected, exercise.output_names)))
    if given is not None:
        lines.append(("yours", all_in_words(given, exercise.output_names)))
    return tuple(lines)


def can_be_shown(*values: Any) -> bool:
    """Whether all tensors among them are small enough to be shown number by number."""
    return all(value.numel() <= MANY for value in values if isinstance(value, Tensor))


def all_in_words(tensors: list[Tensor], names: tuple[str, ...] = ()) -> str:
    """One tensor, or several below each other, with their names where these are known."""
    if len(names) != len(tensors):
        return "\n".join(in_words(x) for x in tensors)
    words = [in_words(x) for x in tensors]
    between = ["\n" if "\n" in text else " " for text in words]
    return "\n".join(f"{name}:{gap}{text}" for name, gap, text in zip(names, between, words, strict=True))


def in_words(value: Any) -> str:
    """A number, a small tensor with its values, a larger one by its shape, a network by the names of its parts."""
    if isinstance(value, nn.Module):
        parts = " and ".join(name for name, _ in value.named_children())
        return f"{type(value).__name__}, a network" + (f" with {parts}" if parts else "")
    if isinstance(value, Tensor):
        if value.numel() > MANY:
            return f"numbers of shape {tuple(value.shape)}"
        array = value.detach().cpu()
        rows = array.float() if array.dtype == torch.bfloat16 else array
        return np.array2string(rows.numpy(), precision=4, suppress_small=True, separator=", ", floatmode="maxprec")
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
