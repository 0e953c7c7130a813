"""Multi-crop: every view of a whole batch by a handful of batched tensor operations, on the pictures' device.

First all random numbers are drawn (`draw_views`, small tensors from one generator), then applied without any
randomness (`apply_views`). Cropping, resizing, flipping and blurring act on rows and columns apart, so each is
one matrix for the rows and one for the columns: a crop of a whole batch is two matrix products.

Shapes: V views of B pictures, C channels (3, or 4 with alpha), H × W px in, S × S px out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dino_lite import colors
from dino_lite.config import DinoConfig
from dino_lite.resample import blur_matrix, resize_matrix

CACHE = 2**18  # numbers that a CPU works on at a time, so that they stay in its cache
NEUTRAL = (1.0, 1.0, 1.0, 0.0)  # the brightness, contrast, saturation and hue that change nothing


@dataclass(frozen=True)
class Views:
    """The views of a batch, normalised: `global_views` (2, B, 3, G, G), `local_views` (L, B, 3, S, S) or None."""

    global_views: Tensor
    local_views: Tensor | None

    @property
    def crops(self) -> list[Tensor]:
        """What the student sees: the global views and, when there are any, the local ones."""
        return [self.global_views] if self.local_views is None else [self.global_views, self.local_views]


@dataclass(frozen=True)
class ViewParams:
    """The random numbers of V views of B pictures; every tensor begins with (V, B)."""

    box: Tensor  # (V, B, 4) top, left, height, width in px
    flip: Tensor  # (V, B) bool
    factors: Tensor  # (V, B, 4) brightness, contrast, saturation (1 = as it is), hue shift (0 = as it is)
    color: Tensor  # (V, B) 1 = in colour, 0 = grey
    sigma: Tensor  # (V, B) px, of the blur; 0 = sharp
    solarize: Tensor  # (V, B) 1 = solarized, 0 = not
    background: Tensor  # (V, B, 3) colour behind transparent pictures, 0 to 1
    order: list[int]  # in which brightness, contrast, saturation and hue follow one another in this batch

    def rows(self, rows: slice) -> "ViewParams":
        """The parameters of some of the pictures."""
        return self._map(lambda values: values[:, rows])

    def to(self, device: torch.device) -> "ViewParams":
        """The same parameters on another device."""
        return self._map(lambda values: values.to(device, non_blocking=True))

    def _map(self, change: Callable[[Tensor], Tensor]) -> "ViewParams":
        changed: Any = {k: change(v) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **changed)


def make_views(images: Tensor, config: DinoConfig, generator: torch.Generator) -> Views:
    """Two global and L local views of each picture (paper §3.1, appendix E), normalised.

    images: uint8 (B, C, H, W), C = 3, or 4 with straight alpha: then each view gets a random background, since
    an unchanging one would be what two crops have in common. The same generator state gives the same views.
    """
    drawn = draw_views(len(images), (images.shape[-2], images.shape[-1]), config, generator)
    return apply_views(images, config, *drawn)


def draw_views(
    batch: int, hw: tuple[int, int], config: DinoConfig, generator: torch.Generator
) -> tuple[ViewParams, ViewParams]:
    """The random numbers for the global (V = 2) and the local (V = L) views of `batch` pictures of H × W px.

    Draw with a CPU generator even for pictures on a GPU: the numbers are few, the same on every device, and
    nothing waits for the GPU.
    """
    first, second, local = config.blur_probs
    solarize = [0.0, config.solarize_prob]
    return (
        _draw(batch, hw, config, generator, config.global_scale, [first, second], solarize),
        _draw(batch, hw, config, generator, config.local_scale, [local] * config.n_local, [0.0] * config.n_local),
    )


def apply_views(images: Tensor, config: DinoConfig, globals_: ViewParams, locals_: ViewParams) -> Views:
    """The views that these parameters describe. images: uint8 (B, C, H, W)."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (3, 4):
        raise ValueError(
            f"Views are made of uint8 pictures (B, 3 or 4, H, W), got {images.dtype} {tuple(images.shape)}."
        )
    global_views = _apply(images, globals_, config.global_size)
    local_views = _apply(images, locals_, config.local_size) if config.n_local else None
    return Views(global_views, local_views)


def _draw(
    batch: int,
    hw: tuple[int, int],
    config: DinoConfig,
    generator: torch.Generator,
    scale: tuple[float, float],
    blur_probs: list[float],
    solarize_probs: list[float],
) -> ViewParams:
    shape = (len(blur_probs), batch)

    def uniform(low: Any, high: Any, *more: int) -> Tensor:
        low, high = torch.as_tensor(low, device=generator.device), torch.as_tensor(high, device=generator.device)
        return low + (high - low) * torch.rand(*shape, *more, device=generator.device, generator=generator)

    def chance(probs: Any) -> Tensor:
        return (uniform(0.0, 1.0) < torch.as_tensor(probs, device=generator.device)).float()

    neutral, spread = (torch.tensor(x, device=generator.device) for x in (NEUTRAL, config.jitter))
    return ViewParams(
        box=random_boxes(uniform(0.0, 1.0, 10, 4), hw, scale),
        flip=chance(0.5) > 0,
        factors=neutral + chance(config.jitter_prob)[..., None] * uniform(-spread, spread, 4),
        color=1 - chance(config.grey_prob),
        sigma=chance(torch.tensor(blur_probs)[:, None]) * uniform(*config.blur_sigma),
        solarize=chance(torch.tensor(solarize_probs)[:, None]),
        background=uniform(0.0, 1.0, 3),
        order=torch.randperm(4, generator=generator, device=generator.device).tolist(),
    )


def random_boxes(chance: Tensor, hw: tuple[int, int], scale: tuple[float, float]) -> Tensor:
    """Crop boxes (..., 4) as torchvision's RandomResizedCrop draws them: the first of ten tries that fits.

    chance: (..., 10, 4) uniform numbers; area is uniform in `scale` × H·W, the aspect ratio log-uniform in
    3/4 to 4/3, the place uniform. Where no try fits, the largest centred box of the nearest allowed ratio.
    """
    height, width = hw
    area = height * width * (scale[0] + (scale[1] - scale[0]) * chance[..., 0])
    ratio = torch.exp(math.log(4 / 3) * (2 * chance[..., 1] - 1))
    h, w = torch.round(torch.sqrt(area / ratio)), torch.round(torch.sqrt(area * ratio))
    fits = (h > 0) & (h <= height) & (w > 0) & (w <= width)
    h_last, w_last = float(min(height, round(width * 4 / 3))), float(min(width, round(height * 4 / 3)))
    top, left = torch.floor(chance[..., 2] * (height - h + 1)), torch.floor(chance[..., 3] * (width - w + 1))
    tries = torch.stack([top, left, h, w], dim=-1)
    chosen = fits.float().argmax(dim=-1)[..., None, None].expand(*chance.shape[:-2], 1, 4)
    box = tries.gather(-2, chosen).squeeze(-2)
    last = torch.tensor([(height - h_last) // 2, (width - w_last) // 2, h_last, w_last], device=chance.device)
    return torch.where(fits.any(dim=-1, keepdim=True), box, last)


def _apply(images: Tensor, drawn: ViewParams, size: int) -> Tensor:
    """uint8 pictures (B, C, H, W) → normalised views (V, B, 3, size, size); on a CPU a few pictures at a time."""
    views, batch = drawn.flip.shape
    count = 1 if images.device.type != "cpu" else math.ceil(views * batch * 3 * size * size / CACHE)
    few = math.ceil(batch / min(count, batch))
    parts = [slice(i, i + few) for i in range(0, batch, few)]
    return torch.cat([_apply_to(images[part], drawn.rows(part), size) for part in parts], dim=1)


def _apply_to(images: Tensor, drawn: ViewParams, size: int) -> Tensor:
    p = drawn.to(images.device)
    x = _crop(images, p, size).clamp_(0, 1)  # cubic resampling overshoots at edges
    x = colors.jitter(x, p.factors, [i for i in p.order if (drawn.factors[..., i] != NEUTRAL[i]).any()]).flatten(0, 1)
    _change(x, drawn.color < 1, lambda some, rows: colors.grey(some).expand_as(some))
    _change(x, drawn.sigma > 0, lambda some, rows: _blur(some, p.sigma.flatten()[rows]))
    _change(x, drawn.solarize > 0, lambda some, rows: colors.solarize(some, p.solarize.flatten()[rows]))
    return colors.normalize(x).unflatten(0, drawn.flip.shape)


def _change(x: Tensor, chosen: Tensor, operation: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Applies an operation to the chosen ones of N pictures, in place. `chosen` is on the CPU: no GPU is waited for."""
    rows = chosen.flatten().nonzero().squeeze(1).to(x.device, non_blocking=True)
    if len(rows):
        x.index_copy_(0, rows, operation(x[rows], rows))


def _crop(images: Tensor, p: ViewParams, size: int) -> Tensor:
    """uint8 pictures (B, C, H, W) → crops (V, B, 3, size, size), flipped, alpha on its background."""
    pictures = images.float().div_(255)
    if pictures.shape[1] == 4:  # premultiplied alpha: resampling then mixes colours by how much of them is there
        pictures[:, :3] *= pictures[:, 3:]
    top, left, h, w = p.box.unbind(-1)
    rows = resize_matrix(top, h, images.shape[-2], size)
    columns = resize_matrix(left, w, images.shape[-1], size, p.flip)
    x = (pictures.flatten(1, 2) @ columns.mT).unflatten(2, pictures.shape[1:3])  # (V, B, C, H, size)
    x = rows.unsqueeze(2) @ x
    return x if x.shape[2] == 3 else torch.addcmul(x[:, :, :3], 1 - x[:, :, 3:], p.background[..., None, None])


def _blur(x: Tensor, sigma: Tensor) -> Tensor:
    blur = blur_matrix(sigma, x.shape[-1])
    return blur.unsqueeze(1) @ x @ blur.mT.unsqueeze(1)
