"""The exercise on cutting a view out of a picture."""

import torch
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def crop(image: Tensor, top: int, left: int, height: int, width: int, flip: bool) -> Tensor:
    """A piece of a picture (C, H, W), mirrored left to right if `flip` → (C, height, width)."""
    piece = image[:, top : top + height, left : left + width]
    return piece.flip(-1) if flip else piece


def crop_cases(generator: Generator) -> list[Arguments]:
    """(picture (C, H, W), top, left, height, width, flip): boxes that touch no edge and are in no middle."""
    cases: list[Arguments] = []
    for shape, height, width, flip in (
        ((1, 4, 6), 2, 3, False),
        ((1, 4, 7), 2, 3, True),
        ((2, 4, 6), 2, 3, True),
        ((3, 9, 11), 3, 5, True),
        ((4, 10, 8), 5, 2, False),
    ):
        h, w = shape[1] - height, shape[2] - width  # how far a box can go
        places = [(t, le) for t in range(1, h) for le in range(1, w) if t != le and 2 * le != w]
        top, left = places[int(torch.randint(len(places), (), generator=generator))]
        cases.append((torch.rand(shape, generator=generator), top, left, height, width, flip))
    return cases


CROP = Exercise(
    name="crop",
    right=crop,
    cases=crop_cases,
    argument_names=("image", "top", "left", "height", "width", "flip"),
    mistakes=(
        Mistake(
            "Rows and columns are exchanged. In (C, H, W) the rows come first: top and height belong to dimension 1.",
            lambda x, t, le, h, w, flip: crop(x, le, t, w, h, flip),
        ),
        Mistake(
            "Top and left are exchanged. Top counts rows, and the rows are dimension 1.",
            lambda x, t, le, h, w, flip: crop(x, le, t, h, w, flip),
        ),
        Mistake(
            "Height and width are exchanged.",
            lambda x, t, le, h, w, flip: crop(x, t, le, w, h, flip),
        ),
        Mistake(
            "Height and width are used as the places where the box ends. They are its lengths: where does it end?",
            lambda x, t, le, h, w, flip: crop(x, t, le, h - t, w - le, flip),
        ),
        Mistake(
            "The crop has a row and a column too many. The end of a slice in Python does not belong to it.",
            lambda x, t, le, h, w, flip: crop(x, t, le, h + 1, w + 1, flip),
        ),
        Mistake(
            "The crop begins in the corner of the picture: top and left are not used.",
            lambda x, t, le, h, w, flip: crop(x, 0, 0, h, w, flip),
        ),
        Mistake(
            "The slices cut channels and rows. The channels are the first dimension, and all of them stay.",
            lambda x, t, le, h, w, flip: x[t : t + h, le : le + w].flip(-1) if flip else x[t : t + h, le : le + w],
        ),
        Mistake(
            "The whole picture is mirrored before the crop, so that the box lies somewhere else in it. Crop first.",
            lambda x, t, le, h, w, flip: crop(x.flip(-1) if flip else x, t, le, h, w, False),
        ),
        Mistake(
            "The crop is turned upside down. Mirroring left to right reverses the columns.",
            lambda x, t, le, h, w, flip: crop(x, t, le, h, w, False).flip(-2) if flip else crop(x, t, le, h, w, False),
        ),
        Mistake(
            "The crop is turned by half a turn: rows and columns are reversed. Mirroring reverses the columns only.",
            lambda x, t, le, h, w, flip: (
                crop(x, t, le, h, w, False).flip(-2, -1) if flip else crop(x, t, le, h, w, False)
            ),
        ),
        Mistake(
            "The channels are reversed too, so that red becomes blue. Mirroring reverses the columns only.",
            lambda x, t, le, h, w, flip: (
                crop(x, t, le, h, w, False).flip(0, -1) if flip else crop(x, t, le, h, w, False)
            ),
        ),
        Mistake(
            "It never mirrors the crop: `flip` is not used.", lambda x, t, le, h, w, flip: crop(x, t, le, h, w, False)
        ),
        Mistake(
            "It mirrors every crop, even if `flip` is false.", lambda x, t, le, h, w, flip: crop(x, t, le, h, w, True)
        ),
        Mistake(
            "It mirrors just the crops that should not be: `flip` is turned round.",
            lambda x, t, le, h, w, flip: crop(x, t, le, h, w, not flip),
        ),
    ),
    hints=(
        "Cut first, then mirror. A slice start:end has its end behind the last row that belongs to it.",
        "All channels, some rows, some columns: image[:, rows, columns]. The rows end at top + height. Mirroring left "
        "to right is .flip(-1), which reverses the last dimension.",
        "piece = image[:, top : top + height, left : ...], then piece.flip(-1) if flip, else piece.",
    ),
)
