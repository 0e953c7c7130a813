"""Cropping, resizing and blurring as matrices: one for the rows of a picture, one for its columns.

Shapes: (...) lines, each with its own crop or blur; lines of `size_in` px in, `size_out` px out.
"""

import math
from functools import cache

import torch
from torch import Tensor

BLUR_RADIUS = 6  # px on each side: three times the largest sigma of the paper


def resize_matrix(start: Tensor, length: Tensor, size_in: int, size_out: int, flip: Tensor | None = None) -> Tensor:
    """Matrices (..., size_out, size_in) that crop [start, start + length) of a line, resize it and maybe flip it.

    start, length: (...) px. flip: (...) bool. Antialiased cubic weights as in PIL and torchvision (a = -0.5): an
    output pixel sees two input pixels to each side, or two *output* pixels' worth of them when the line shrinks.
    Rows sum to 1.
    """
    start, length = start[..., None, None], length[..., None, None]
    scale = length / size_out
    center = (torch.arange(size_out, device=start.device)[:, None] + 0.5) * scale  # (..., out, 1), in the crop
    if flip is not None:
        center = torch.lerp(center, length - center, flip[..., None, None].to(center.dtype))
    stretch = scale.clamp_min(1.0)
    taps = min(size_in, 2 * math.ceil(2 * max(1.0, size_in / size_out)) + 1)  # as many as any crop needs
    first = (start + center - 2 * stretch).floor_().clamp_(0, size_in - taps)
    reads = first + torch.arange(taps, device=start.device)  # (..., out, taps): which input pixels
    place = reads - (start - 0.5)  # their middles, in the crop
    weights = cubic((place - center).div_(stretch)).mul_((place > 0).logical_and_(place < length))
    weights.div_(weights.sum(-1, keepdim=True))
    return weights.new_zeros(*reads.shape[:-1], size_in).scatter_(-1, reads.long(), weights)


def cubic(x: Tensor) -> Tensor:
    """The cubic convolution kernel with a = -0.5, zero beyond |x| = 2 (Keys 1981), without branches."""
    u = (2 - x.abs()).clamp_min_(0)
    v = (u - 1).clamp_min_(0)  # u³/2 - u²/2 further than one pixel away, and v² - 2v³ more within one
    return torch.mul(u, u).mul_(u - 1).mul_(0.5).addcmul_(v * v, 1 - 2 * v)


def blur_matrix(sigma: Tensor, size: int) -> Tensor:
    """Matrices (..., size, size) that blur a line by a Gaussian of `sigma` (...) px, mirrored at the ends."""
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=sigma.device)
    taps = torch.exp(-0.5 * (offsets / sigma[..., None].clamp_min(0.01)) ** 2)  # 0.01 px: exactly sharp
    taps = taps / taps.sum(-1, keepdim=True)
    return (taps @ _tap_places(size, sigma.device).flatten(1)).unflatten(-1, (size, size))


@cache
def _tap_places(size: int, device: torch.device) -> Tensor:
    """(taps, size, size): 1.0 at [t, i, j] where tap t of output pixel i reads input pixel j, mirrored at the ends."""
    line = torch.arange(size, device=device)
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=device)
    reads = (offsets[:, None] + line) % max(1, 2 * size - 2)
    reads = torch.minimum(reads, 2 * size - 2 - reads)  # as often as it takes
    return (reads[..., None] == line).float()


def resize(x: Tensor, size: int) -> Tensor:
    """Float pictures (N, C, H, W), 0 to 1 → (N, C, size, size): whole, antialiased, cubic, as in the views."""
    height, width = x.shape[-2:]
    if (height, width) == (size, size):
        return x
    rows = resize_matrix(x.new_zeros(()), x.new_tensor(float(height)), height, size)
    columns = resize_matrix(x.new_zeros(()), x.new_tensor(float(width)), width, size)
    return (rows @ x @ columns.T).clamp(0, 1)
