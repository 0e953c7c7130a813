"""The exercise on patches: pictures as rows of numbers."""

import torch.nn.functional as F
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Mistake
from dino_notebooks.check.vit_and_head.tokens import shuffled


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Pictures (B, 3, S, T) → patches (B, N, 3·p·p), as `dino_lite.vit.PatchEmbed` reads them."""
    cut = images.unfold(2, patch_size, patch_size).unfold(3, patch_size, patch_size)  # (B, 3, h, w, p, p)
    return cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def patch_cases(generator: Generator) -> list[Arguments]:
    """(images (B, 3, S, T), patch size): more or fewer rows of patches than columns; the second's are pixels."""
    shapes = ((1, 3, 2, 4, 2), (1, 3, 2, 3, 1), (2, 3, 6, 4, 2), (4, 3, 6, 9, 3))
    return [(shuffled(*shape, generator=generator), p) for *shape, p in shapes]


def as_grid(x: Tensor, p: int) -> Tensor:
    """(B, 3, h, p, w, p): the six dimensions that patchify has to sort."""
    b, c, s, t = x.shape
    return x.reshape(b, c, s // p, p, t // p, p)


def as_rows(x: Tensor, p: int) -> Tensor:
    """Six dimensions in any order, of which the last three are the numbers of a row."""
    return x.reshape(len(x), -1, 3 * p * p)


PATCHIFY = Exercise(
    name="patchify",
    right=patchify,
    cases=patch_cases,
    argument_names=("images", "patch_size"),
    mistakes=(
        Mistake(
            "The picture is only reshaped. That reads line by line through the whole picture; a patch has to be cut "
            "out of several lines first.",
            as_rows,
        ),
        Mistake(
            "The patches are cut out well, but then the dimensions are joined in the wrong order: a row holds numbers "
            "of one channel from several patches. Bring the channels behind the place of the patch before you reshape.",
            lambda x, p: as_rows(as_grid(x, p).permute(0, 1, 2, 4, 3, 5), p),
        ),
        Mistake(
            "Channels are the last within a patch (red, green, blue of each pixel). The weights expect all of red "
            "first, then green, then blue.",
            lambda x, p: as_rows(as_grid(x, p).permute(0, 2, 4, 3, 5, 1), p),
        ),
        Mistake(
            "The patches come column by column. They are read like words: row by row, from left to right.",
            lambda x, p: as_rows(as_grid(x, p).permute(0, 4, 2, 1, 3, 5), p),
        ),
        Mistake(
            "Each patch is read column by column. Its pixels come row by row, too.",
            lambda x, p: as_rows(as_grid(x, p).permute(0, 2, 4, 1, 5, 3), p),
        ),
        Mistake(
            "The pixels of a row lie far apart in the picture: its sides were cut into p × h, not h × p. In a "
            "reshape the patch's number comes first, then the place within the patch.",
            lambda x, p: as_rows(
                x.reshape(len(x), 3, p, x.shape[2] // p, p, x.shape[3] // p).permute(0, 3, 5, 1, 2, 4), p
            ),
        ),
        Mistake(
            "A patch should be a row, and here it is a column: the last two dimensions are exchanged.",
            lambda x, p: F.unfold(x, p, stride=p),
        ),
        Mistake(
            "The columns of F.unfold are reshaped into rows. That mixes the patches: exchange the dimensions instead.",
            lambda x, p: as_rows(F.unfold(x, p, stride=p), p),
        ),
        Mistake(
            "The patches overlap: the window moves on by one pixel. It should move on by a whole patch.",
            lambda x, p: F.unfold(x, p).transpose(1, 2),
        ),
        Mistake(
            "The patches keep their dimensions. Each has to become one row of 3·p·p numbers: flatten the last three.",
            lambda x, p: as_grid(x, p).permute(0, 2, 4, 1, 3, 5).flatten(1, 2),
        ),
        Mistake(
            "The patches still lie in a grid of rows and columns. Put them in one line: flatten these two dimensions.",
            lambda x, p: as_grid(x, p).permute(0, 2, 4, 1, 3, 5).flatten(3),
        ),
    ),
    hints=(
        "First give each side two dimensions, which patch and where in it: a height S becomes (h, p).",
        "After images.reshape(B, 3, h, p, w, p), say which of the six dimensions number the patches, and which number "
        "the values of one patch. Bring the former to the front.",
        "permute(0, 2, 4, 1, 3, 5) brings it into the order (B, h, w, 3, p, p); then reshape to (B, h·w, 3·p·p).",
    ),
)
