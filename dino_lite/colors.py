"""Colour operations on batches (..., 3, H, W) of values from 0 to 1, each as torchvision's functional defines it.

A factor has the batch's shape (...): one number a picture.
"""

import torch
from torch import Tensor

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GREY_WEIGHTS = (0.2989, 0.587, 0.114)  # how bright red, green and blue look


def brightness(x: Tensor, factor: Tensor) -> Tensor:
    """Towards black (0) or beyond the picture (> 1)."""
    return (x * factor[..., None, None, None]).clamp_(0, 1)


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Towards the picture's mean grey (0) or away from it (> 1)."""
    return _blend(x, grey(x).mean(dim=(-3, -2, -1), keepdim=True), factor)


def saturation(x: Tensor, factor: Tensor) -> Tensor:
    """Towards the grey picture (0) or away from it (> 1)."""
    return _blend(x, grey(x), factor)


def hue(x: Tensor, shift: Tensor) -> Tensor:
    """Turns all colours on the colour circle by `shift` (...), a part of a full turn from -0.5 to 0.5."""
    r, g, b = x.unbind(-3)
    top = torch.maximum(torch.maximum(r, g), b)
    chroma = top - torch.minimum(torch.minimum(r, g), b)
    # the place on the circle in sixths of a turn: around 4 if blue is the largest, 2 if green, 0 if red; a mask of
    # floats (`clone().eq_`) with `lerp_` is many times faster than `where`
    sextant = (r - g).add_(chroma, alpha=4)
    sextant.lerp_((b - r).add_(chroma, alpha=2), top.clone().eq_(g))
    sextant.lerp_(g - b, top.clone().eq_(r))
    sextant.div_(chroma.clamp_min(1e-12)).add_(6 * shift[..., None, None])
    sextant.sub_((sextant / 6).floor_(), alpha=6)  # back into one turn, 0 to 6
    # each channel is a trapezoid over the circle: full for two sextants, none for two, a ramp in between
    away = sextant.unsqueeze(-3) - torch.arange(0.0, 6.0, 2.0, device=x.device)[:, None, None]
    opposite = away.abs_().sub_(3).abs_()  # 3 at the channel's own colour, 0 across the circle
    # top where it is 2 or more, the least (top - chroma) where it is 1 or less
    return torch.addcmul((top - 2 * chroma).unsqueeze(-3), opposite.clamp_(1, 2), chroma.unsqueeze(-3))


def grey(x: Tensor) -> Tensor:
    """The brightness of each pixel (..., 1, H, W)."""
    r, g, b = x.split(1, dim=-3)
    red, green, blue = GREY_WEIGHTS
    return (red * r).add_(g, alpha=green).add_(b, alpha=blue)


def solarize(x: Tensor, amount: Tensor, threshold: float = 128 / 255) -> Tensor:
    """Turns values from `threshold` on into their opposite where `amount` (...) is 1, nothing where it is 0."""
    bright = x.clone().ge_(threshold).mul_(amount[..., None, None, None])
    return torch.addcmul(x, bright, 1 - 2 * x)


def normalize(x: Tensor) -> Tensor:
    """Minus ImageNet's mean, divided by its standard deviation, a channel each."""
    mean, std = x.new_tensor(IMAGENET_MEAN), x.new_tensor(IMAGENET_STD)
    return (x - mean[:, None, None]).div_(std[:, None, None])


def jitter(x: Tensor, factors: Tensor, order: list[int]) -> Tensor:
    """Brightness, contrast, saturation and hue one after another in this order; factors: (..., 4)."""
    operations = (brightness, contrast, saturation, hue)
    for i in order:
        x = operations[i](x, factors[..., i])
    return x


def _blend(x: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(other, x, factor[..., None, None, None]).clamp_(0, 1)
