"""What features are worth: k-NN, linear probe and retrieval on frozen features (paper §3.2, appendix F).

Features are unit rows (N, D), one a picture. A score means nothing alone: scorecard.py puts it beside the scores
of a network that has learnt nothing and of raw pixels.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dino_lite.colors import normalize
from dino_lite.data import Pictures
from dino_lite.resample import resize
from dino_lite.vit import ViT


@torch.inference_mode()
def features(
    model: nn.Module,
    pictures: Pictures | Tensor,
    background: str = "white",
    pool: str = "cls",
    batch_size: int = 256,
    seed: int = 0,
) -> Tensor:
    """Unit features (N, D) of a backbone, on the CPU.

    model: a `ViT`, a timm ViT, or a network with `.backbone`. pictures: `Pictures` or uint8 (N, 3 or 4, H, W); they
    are resized to what the model was built for. background: behind alpha, "white" or "random" (a colour a picture,
    by `seed`). pool: "cls", "patches" (their mean), or "both" side by side.
    """
    if pool not in ("cls", "patches", "both"):
        raise ValueError(f"pool must be cls, patches or both, got {pool!r}.")
    backbone: Any = getattr(model, "backbone", model)
    training, size = backbone.training, image_size(backbone)
    device = next(backbone.parameters()).device
    found = []
    backbone.eval()
    images = images_of(pictures)
    colors = background_colors(len(images), background, seed)
    for batch, color in zip(images.split(batch_size), colors.split(batch_size), strict=True):
        x = resize(composite(batch.to(device), color.to(device)), size)
        tokens = backbone.forward_features(normalize(x))
        cls, patches = F.normalize(tokens[:, 0], dim=-1), F.normalize(tokens[:, 1:].mean(1), dim=-1)
        found.append({"cls": cls, "patches": patches, "both": torch.cat([cls, patches], 1) / 2**0.5}[pool].cpu())
    backbone.train(training)
    return torch.cat(found)


@torch.inference_mode()
def pixel_features(pictures: Pictures | Tensor, size: int = 16, background: str = "white", seed: int = 0) -> Tensor:
    """Raw pixels of `size` px as unit features (N, 3·size²), each picture's mean colour taken away.

    A strong floor where pictures are aligned; larger sizes than 16 px find no more.
    """
    images = images_of(pictures)
    colors = background_colors(len(images), background, seed).to(images.device)
    found = []
    for batch, color in zip(images.split(1024), colors.split(1024), strict=True):
        x = resize(composite(batch, color), size)
        found.append(F.normalize((x - x.mean((-2, -1), keepdim=True)).flatten(1), dim=-1).cpu())
    return torch.cat(found)


def images_of(pictures: Pictures | Tensor) -> Tensor:
    """The uint8 pictures (N, C, H, W), whichever way they come."""
    images = pictures if isinstance(pictures, Tensor) else pictures.images
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (3, 4) or not len(images):
        raise ValueError(f"pictures must be uint8 (N, 3 or 4, H, W), N >= 1, got {images.dtype} {tuple(images.shape)}.")
    return images


def on_background(images: Tensor, background: str = "white", seed: int = 0) -> Tensor:
    """uint8 (N, 3 or 4, H, W) → float (N, 3, H, W), 0 to 1; alpha over "white" or a "random" colour a picture."""
    return composite(images, background_colors(len(images), background, seed).to(images.device))


def background_colors(count: int, background: str, seed: int = 0) -> Tensor:
    """Colours (N, 3), 0 to 1: all "white", or "random" by `seed`."""
    if background == "white":
        return torch.ones(count, 3)
    if background == "random":
        return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))
    raise ValueError(f'background must be "white" or "random", got {background!r}.')


def composite(images: Tensor, colors: Tensor) -> Tensor:
    """uint8 (N, 3 or 4, H, W), over colours (N, 3) where there is alpha → float (N, 3, H, W), 0 to 1."""
    x = images.float() / 255
    if x.shape[1] == 3:
        return x
    return x[:, :3] * x[:, 3:] + (1 - x[:, 3:]) * colors[..., None, None]


def image_size(backbone: Any) -> int:
    """Side in px of the pictures that a ViT, ours or timm's, was built for."""
    return backbone.img_size if isinstance(backbone, ViT) else backbone.patch_embed.img_size[0]


def knn_accuracy(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, k: int = 20, temperature: float = 0.07
) -> float:
    """Share of test rows whose class wins the vote of their k nearest training rows, 0 to 1.

    Features: unit rows (N, D); labels int64 (N,). Each neighbour votes with exp(cosine / temperature).
    """
    require_rows(train_x, train_y, test_x, test_y)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}.")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}.")
    right = 0.0
    for x, y in zip(test_x.split(1024), test_y.split(1024), strict=True):
        similarity, index = (x @ train_x.T).topk(min(k, len(train_x)), dim=1)
        votes = x.new_zeros(len(x), int(train_y.max()) + 1)
        votes.scatter_add_(1, train_y[index], torch.exp((similarity - 1) / temperature))
        right += float((votes.argmax(1) == y).sum())
    return right / len(test_x)


def linear_probe(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, l2: float = 1e-3) -> float:
    """Accuracy on test rows of a linear classifier fitted to frozen training rows, 0 to 1.

    Features (N, D), labels int64 (N,). Multinomial logistic regression on standardised features with an L2 penalty
    of l2/2·‖W‖², fitted by L-BFGS to convergence: no learning rate to choose, the same result every time.
    """
    require_rows(train_x, train_y, test_x, test_y)
    mean, std = train_x.mean(0), train_x.std(0).clamp_min(1e-6)
    x = ((train_x - mean) / std).double()
    classes = int(train_y.max()) + 1
    weight = x.new_zeros(x.shape[1], classes).requires_grad_()
    bias = x.new_zeros(classes).requires_grad_()
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=300, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(x @ weight + bias, train_y) + 0.5 * l2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    logits = ((test_x - mean) / std).double() @ weight.detach() + bias.detach()
    return float((logits.argmax(1) == test_y).double().mean())


def retrieval_accuracy(query_x: Tensor, gallery_x: Tensor) -> float:
    """Share of query rows (N, D) whose nearest gallery row (N, D) has the same number, 0 to 1."""
    if query_x.shape != gallery_x.shape or query_x.ndim != 2:
        raise ValueError(
            "retrieval_accuracy compares row i with row i of two (N, D) tensors, "
            f"got {tuple(query_x.shape)} and {tuple(gallery_x.shape)}."
        )
    found = torch.cat([(x @ gallery_x.T).argmax(1) for x in query_x.split(1024)])
    return float((found == torch.arange(len(query_x), device=found.device)).double().mean())


def require_rows(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor) -> None:
    """ValueError unless both x are (N, D) without NaN, N >= 1, of one width, and both y int64 (N,) from 0."""
    for x, y in ((train_x, train_y), (test_x, test_y)):
        if x.ndim != 2 or y.shape != x.shape[:1] or not len(x) or y.dtype != torch.int64 or int(y.min()) < 0:
            raise ValueError(
                f"Features must be (N, D), labels int64 (N,) from 0, got {tuple(x.shape)}, {y.dtype} {tuple(y.shape)}."
            )
        if not bool(x.isfinite().all()):
            raise ValueError("The features hold NaN or infinite values: was the network trained with a finite loss?")
    if train_x.shape[1] != test_x.shape[1]:
        raise ValueError(f"Features of one width are compared, got {train_x.shape[1]} and {test_x.shape[1]} columns.")
