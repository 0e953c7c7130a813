"""Pictures or views side by side, under names: what an operation makes of a picture, the patches of a picture."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from dino_notebooks.plots.crops import denormalized
from dino_notebooks.plots.style import SIDE, Plot, new_sheet, pixels, put, write


def plot_pictures(rows: Mapping[str, Tensor] | Tensor, heads: Sequence[str], smooth: bool = True) -> Plot:
    """Rows of pictures (n, 3 or 4, S, S), uint8 or normalised views, under n heads; `smooth` hides their pixels.

    Rows given by name have their names at the left. See in it: a column is one thing, a row is one way to show it.
    """
    named = rows if isinstance(rows, Mapping) else {"": rows}
    sheets = {name: _colors(images, len(heads)) for name, images in named.items()}
    if not sheets:
        raise ValueError("There is nothing to plot: give at least one row of pictures.")
    first = int(any(sheets))  # of the columns with pictures; names are at the left of them
    plot, ax = new_sheet(len(sheets), [""] * first + list(heads), finding(named, heads))
    for row, (name, images) in enumerate(sheets.items()):
        write(ax, SIDE, row + SIDE / 2, name, ha="right", va="center")
        for column, image in enumerate(images, start=first):
            put(ax, image, column, row, smooth)
    return plot


def finding(rows: Mapping[str, Tensor], heads: Sequence[str]) -> str:
    """The sheet in words."""
    names = ", ".join(name for name in rows if name)
    return f"Pictures side by side: {', '.join(heads)}" + (f"; row by row: {names}." if names else ".")


def _colors(images: Tensor, count: int) -> np.ndarray:
    """Pictures as uint8 (n, S, S, 3); ValueError unless there is one for each of `count` heads."""
    normalised = images.is_floating_point() and images.shape[1:2] == (3,)
    if images.ndim != 4 or len(images) != count or not (normalised or images.dtype == torch.uint8):
        raise ValueError(
            f"A row needs one picture a head, uint8 (n, 3 or 4, S, S) or normalised (n, 3, S, S) with n = {count}, "
            f"got {images.dtype} {tuple(images.shape)}."
        )
    return denormalized(images) if normalised else pixels(images)
