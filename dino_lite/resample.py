"""Cropping, resizing and blurring as matrices: one for the rows of a picture, one for its columns.

Shapes: (...) lines, each with its own crop or blur; lines of `size_in` px in, `size_out` px out.
"""

import torch
from torch import Tensor

BLUR_RADIUS = 6  # px on each side: three times the largest sigma of the paper


def resize_matrix(start: Tensor, length: Tensor, size_in: int, size_out: int) -> Tensor:
    """Matrices (..., size_out, size_in) that crop [start, start + length) of a line and resize it.

    start, length: (...) px. Antialiased cubic weights as in PIL and torchvision (a = -0.5): an output pixel sees
    two input pixels to each side, or two *output* pixels' worth of them when the line shrinks. Rows sum to 1.
    """
    start, length = start[..., None, None], length[..., None, None]
    scale = length / size_out
    pixel = torch.arange(size_in, device=start.device) + 0.5 - start  # (..., 1, in): places relative to the crop
    center = (torch.arange(size_out, device=start.device)[:, None] + 0.5) * scale
    weights = cubic((pixel - center) / scale.clamp_min(1.0))
    weights = weights * ((pixel > 0) & (pixel < length))
    return weights / weights.sum(-1, keepdim=True)


def cubic(x: Tensor) -> Tensor:
    """The cubic convolution kernel with a = -0.5, zero beyond |x| = 2 (Keys 1981), without branches."""
    x = x.abs()
    u, v = (2 - x).clamp_min_(0), (1 - x).clamp_min_(0)
    return 0.5 * u * u * (u - 1) + v * v * (1 - 2 * v)


def blur_matrix(sigma: Tensor, size: int) -> Tensor:
    """Matrices (..., size, size) that blur a line by a Gaussian of `sigma` (...) px, mirrored at the ends."""
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=sigma.device)
    taps = torch.exp(-0.5 * (offsets / sigma[..., None].clamp_min(0.01)) ** 2)  # 0.01 px: exactly sharp
    taps = taps / taps.sum(-1, keepdim=True)
    line = torch.arange(size, device=sigma.device)
    reads = (line[:, None] + offsets) % max(1, 2 * size - 2)  # (size, taps): which pixel each tap reads ...
    reads = torch.minimum(reads, 2 * size - 2 - reads)  # ... mirrored at both ends, as often as it takes
    hits = (reads[..., None] == line).to(taps.dtype)  # (size, taps, size)
    return torch.einsum("...t,itj->...ij", taps, hits)


def resize(x: Tensor, size: int) -> Tensor:
    """Float pictures (N, C, H, W), 0 to 1 → (N, C, size, size): whole, antialiased, cubic, as in the views."""
    height, width = x.shape[-2:]
    if (height, width) == (size, size):
        return x
    rows = resize_matrix(x.new_zeros(()), x.new_tensor(float(height)), height, size)
    columns = resize_matrix(x.new_zeros(()), x.new_tensor(float(width)), width, size)
    return (rows @ x @ columns.T).clamp(0, 1)
