"""The checks of tokens and patches: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_tokens.py
"""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import pad
from wrong_answers import Wrong, assert_named, assert_right

from dino_lite.vit import PatchEmbed, ViT
from dino_notebooks import check


def windows(size, patch):
    """Counts the windows of a convolution, and forgets its stride."""
    return 1 + sum(1 for _ in range(0, size - patch + 1) for _ in range(0, size - patch + 1))


WRONG_COUNTS: Wrong = {
    "no [CLS]": (lambda size, patch: (size / patch) ** 2, "patches alone"),
    "one side": (lambda size, patch: 1 + size / patch, "along one side"),
    "two sides": (lambda size, patch: 1 + size // patch + size // patch, "two sides"),
    "[CLS] in each side": (lambda size, patch: ((size + patch) // patch) ** 2, "before squaring"),
    "side not squared": (lambda size, patch: size**2 // patch + 1, "*side* of a patch"),
    "only patch squared": (lambda size, patch: size // (patch * patch) + 1, "all the pixels of a patch"),
    "pixels": (lambda size, patch: 1 + size * size, "These are the pixels"),
    "channels": (lambda size, patch: 1 + 3 * (size // patch) * (size // patch), "Each channel"),
    "overlap": (windows, "overlap"),
    "twice": (lambda size, patch: 2 * ((size // patch) ** 2 + 1), "2 times"),
    "a shape": (lambda size, patch: torch.zeros(1, (size // patch) ** 2 + 1), "should be ()"),
    "nothing": (lambda size, patch: None, "gives back None"),
}


@pytest.mark.parametrize("what", WRONG_COUNTS)
def test_token_count_names(what):
    assert_named(check.token_count, *WRONG_COUNTS[what])


def count_one_by_one(size, patch):
    """Two loops."""
    tokens = 1
    for _ in range(0, size, patch):
        for _ in range(0, size, patch):
            tokens += 1
    return tokens


def ask_the_network(size, patch):
    """The library itself."""
    return ViT(size, patch, dim=2, depth=1, heads=1).forward_features(torch.zeros(1, 3, size, size)).shape[1]


@pytest.mark.parametrize(
    "right",
    [count_one_by_one, ask_the_network, lambda size, patch: 1 + size**2 / patch**2, lambda s, p: np.square(s // p) + 1],
)
def test_token_count_takes(right):
    assert_right(check.token_count, right)


def patch_by_patch(images, p, pixels=lambda patch: patch.flatten()):
    """Cuts every patch out of its picture, and reads it in some order."""
    _, _, height, width = images.shape
    return torch.stack(
        [
            torch.stack(
                [pixels(image[:, y : y + p, x : x + p]) for y in range(0, height, p) for x in range(0, width, p)]
            )
            for image in images
        ]
    )


def column_by_column(images, p):
    """The loops over x and y are exchanged."""
    _, _, height, width = images.shape
    rows = [images[:, :, y : y + p, x : x + p].flatten(1) for x in range(0, width, p) for y in range(0, height, p)]
    return torch.stack(rows, 1)


def every_hth_pixel(images, p):
    """Steps through the picture with the number of patches, where slices are wanted."""
    h, w = images.shape[2] // p, images.shape[3] // p
    return torch.stack([images[:, :, y::h, x::w].flatten(1) for y in range(h) for x in range(w)], 1)


def convolved(images, p, patches_last=False, reshaped=False):
    """A convolution that copies each number of a patch into a channel of its own."""
    n = 3 * p * p
    out = torch.nn.functional.conv2d(images, torch.eye(n).view(n, 3, p, p), stride=p)
    if reshaped:
        return out.reshape(len(images), -1, n)
    return out.flatten(2) if patches_last else out.flatten(2).transpose(1, 2)


def in_numpy(images, p):
    """The same with numpy."""
    b, _, height, width = images.shape
    x = images.numpy().reshape(b, 3, height // p, p, width // p, p)
    return x.transpose(0, 2, 4, 1, 3, 5).reshape(b, -1, 3 * p * p)


WRONG_PATCHES: Wrong = {
    "reshaped": (lambda x, p: x.flatten(1).unflatten(1, (-1, 3 * p * p)), "only reshaped"),
    "viewed": (lambda x, p: x.reshape(len(x), 3, -1, p, p).reshape(len(x), -1, 3 * p * p), "only reshaped"),
    "unfold not permuted": (
        lambda x, p: x.unfold(2, p, p).unfold(3, p, p).reshape(len(x), -1, 3 * p * p),
        "joined in the wrong order",
    ),
    "channels last": (
        lambda x, p: patch_by_patch(x, p, lambda a: a.permute(1, 2, 0).flatten()),
        "Channels are the last",
    ),
    "columns": (column_by_column, "column by column"),
    "columns in a patch": (lambda x, p: patch_by_patch(x, p, lambda a: a.mT.flatten()), "Each patch is read column"),
    "every h-th pixel": (every_hth_pixel, "far apart"),
    "transposed": (lambda x, p: convolved(x, p, patches_last=True), "here it is a column"),
    "unfold reshaped": (lambda x, p: convolved(x, p, reshaped=True), "mixes the patches"),
    "overlap": (
        lambda x, p: x.unfold(2, p, 1).unfold(3, p, 1).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2),
        "overlap",
    ),
    "not flattened": (lambda x, p: patch_by_patch(x, p, lambda a: a), "flatten the last three"),
    "a grid": (lambda x, p: patch_by_patch(x, p).unflatten(1, (-1, x.shape[3] // p)), "one line"),
    "grey": (lambda x, p: patch_by_patch(x, p, lambda a: a.mean(0).flatten()), "The shape is (1, 2, 4)"),
    "one picture": (lambda x, p: patch_by_patch(x[:1], p), "The shape is (1, 6, 12), and should be (2, 6, 12)"),
    "in place": (lambda x, p: patch_by_patch(x.mul_(2), p), "changes its own input"),
}


@pytest.mark.parametrize("what", WRONG_PATCHES)
def test_patchify_names(what):
    assert_named(check.patchify, *WRONG_PATCHES[what])


@pytest.mark.parametrize(
    "right", [patch_by_patch, convolved, in_numpy, lambda x, p: torch.nn.functional.unfold(x.double(), p, stride=p).mT]
)
def test_patchify_takes(right):
    assert_right(check.patchify, right)


def test_patchify_reads_like_the_library():
    """As its text promises: with the flattened weights, patches become what the convolution makes of them."""
    embed, images = PatchEmbed(4, 7), torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    wanted = embed(images).flatten(2).transpose(1, 2)
    rows = patch_by_patch(images, 4)
    assert check.patchify(patch_by_patch).ok
    torch.testing.assert_close(rows @ embed.proj.weight.flatten(1).T + embed.proj.bias, wanted)


def token_by_token(x, cls, pos):
    """Fills a tensor."""
    tokens = torch.zeros(x.shape[0], x.shape[1] + 1, x.shape[2])
    for picture in range(x.shape[0]):
        tokens[picture, 0] = cls[0, 0] + pos[0, 0]
        for i in range(x.shape[1]):
            tokens[picture, i + 1] = x[picture, i] + pos[0, i + 1]
    return tokens


WRONG_TOKENS: Wrong = {
    "no position": (lambda x, cls, pos: token_by_token(x, cls, 0 * pos), "positions are missing"),
    "[CLS] without position": (
        lambda x, cls, pos: torch.hstack([cls.expand(len(x), 1, -1), x + pos[:, 1:]]),
        "[CLS] has no position",
    ),
    "positions one too early": (
        lambda x, cls, pos: torch.hstack([cls.expand(len(x), 1, -1), x + pos[:, : x.shape[1]]]),
        "belongs to [CLS]",
    ),
    "last": (lambda x, cls, pos: torch.hstack([x, cls.expand(len(x), 1, -1)]) + pos, "is the last token"),
    "last, with its position": (
        lambda x, cls, pos: torch.hstack([x + pos[:, 1:], (cls + pos[:, :1]).expand(len(x), 1, -1)]),
        "put at the end",
    ),
    "added to all": (lambda x, cls, pos: x + (cls + pos[:, 1:]), "added to the patches"),
    "no [CLS]": (lambda x, cls, pos: token_by_token(x, cls, pos)[:, 1:], "[CLS] is missing"),
    "one too late": (lambda x, cls, pos: token_by_token(x, cls, pos[:, [-1, *range(x.shape[1])]]), "another token's"),
    "one too early": (
        lambda x, cls, pos: token_by_token(x, cls, pos[:, [*range(1, x.shape[1] + 1), 0]]),
        "another token's",
    ),
    "multiplied": (lambda x, cls, pos: pos * torch.hstack([cls.expand(len(x), 1, -1), x]), "multiplied"),
    "beside": (
        lambda x, cls, pos: torch.dstack([torch.hstack([cls.expand(len(x), 1, -1), x]), pos.repeat(len(x), 1, 1)]),
        "twice as wide",
    ),
    "zeros": (lambda x, cls, pos: pad(x, (0, 0, 1, 0)) + pos, "taken to be zeros"),
    "not expanded": (lambda x, cls, pos: torch.cat([cls, x], dim=1) + pos, "stops with RuntimeError"),
    "in place": (lambda x, cls, pos: token_by_token(x.add_(pos[:, 1:]), cls, 0 * pos), "changes its own input"),
}


@pytest.mark.parametrize("what", WRONG_TOKENS)
def test_add_tokens_names(what):
    assert_named(check.add_tokens, *WRONG_TOKENS[what])


def by_the_library(x, cls, pos):
    """A ViT that has no blocks, with these rows as its own."""
    vit = ViT(img_size=x.shape[1], patch_size=1, dim=x.shape[2], depth=0, heads=1)
    vit.cls_token, vit.pos_embed, seen = nn.Parameter(cls), nn.Parameter(pos), {}
    vit.patch_embed, vit.position = (lambda _: x.transpose(1, 2)[..., None]), (lambda h, w: vit.pos_embed)
    vit.forward_features(torch.zeros(len(x), 3, 1, 1), seen)
    return seen["tokens"]


@pytest.mark.parametrize(
    "right",
    [
        token_by_token,
        lambda x, cls, pos: pad(x, (0, 0, 1, 0)) + pos + pad(cls, (0, 0, 0, x.shape[1])),
        lambda x, cls, pos: torch.stack([torch.vstack([cls[0], picture]) for picture in x]).double() + pos,
        lambda x, cls, pos: np.concatenate([np.repeat(cls.numpy(), len(x), 0), x.numpy()], axis=1) + pos.numpy(),
    ],
)
def test_add_tokens_takes(right):
    assert_right(check.add_tokens, right)
