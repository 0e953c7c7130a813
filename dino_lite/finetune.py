"""What features are worth when labels are few: a linear probe on some of them, and fine-tuning the whole network.

Both are read beside the same network from random weights: with the same labels, steps and pictures.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dino_lite.batches import stream_seed
from dino_lite.config import DinoConfig
from dino_lite.evaluate import features, linear_probe, require_rows
from dino_lite.optimizer import make_optimizer, set_rates
from dino_lite.schedules import warmup_cosine
from dino_lite.views import make_views

WARMUP_SHARE = 0.1  # of the steps of a fine-tuning
WEIGHT_DECAY = 0.05


def few_labels(labels: Tensor, per_class: int | None, seed: int = 0) -> Tensor:
    """Rows (n,) of `per_class` random pictures of each class, by `seed`; None: all rows.

    labels: int64 (N,). A class with fewer pictures gives all that it has. ValueError for less than 1 a class.
    """
    if per_class is None:
        return torch.arange(len(labels))
    if per_class < 1:
        raise ValueError(f"per_class must be at least 1, or None for all, got {per_class}.")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(stream_seed(seed, per_class, "labels")))
    rows = [order[labels[order] == label][:per_class] for label in labels.unique()]
    return torch.cat(rows).sort().values


def few_label_probe(
    train_x: Tensor,
    train_y: Tensor,
    test_x: Tensor,
    test_y: Tensor,
    per_class: Sequence[int | None] = (1, 5, 20, None),
    seeds: Sequence[int] = range(5),
) -> dict[int | None, list[float]]:
    """Accuracy of a linear probe on few labels, 0 to 1: {labels a class: one value a seed}; all labels need one.

    Features: unit rows (N, D); labels int64 (N,). Every seed chooses other pictures.
    """
    require_rows(train_x, train_y, test_x, test_y)
    found: dict[int | None, list[float]] = {}
    for count in per_class:
        chosen = [few_labels(train_y, count, seed) for seed in (seeds if count is not None else [0])]
        found[count] = [linear_probe(train_x[rows], train_y[rows], test_x, test_y) for rows in chosen]
    return found


class Classifier(nn.Module):
    """A backbone and a linear layer from its features, which begins at zero."""

    def __init__(self, backbone: nn.Module, classes: int) -> None:
        super().__init__()
        net: Any = backbone
        self.backbone, self.linear = net, nn.utils.skip_init(nn.Linear, net.num_features, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, S, S), normalised → logits (B, classes)."""
        return self.linear(F.normalize(self.backbone(x), dim=-1) * self.linear.in_features**0.5)


def fine_tune(
    backbone: nn.Module,
    images: Tensor,
    labels: Tensor,
    config: DinoConfig,
    steps: int = 200,
    lr: float = 1e-3,
    seed: int = 0,
) -> Classifier:
    """A classifier trained on labelled pictures, with a copy of the backbone: the one that is given stays as it is.

    images: uint8 (N, C, H, W), C = 3 or 4; labels: int64 (N,) from 0. config: of the views and the batch; both global
    views of a picture are classified. AdamW, weight decay 0.05, linear warm-up and cosine. Random numbers by
    `seed` and step only. ValueError for labels that do not fit the pictures.
    """
    if (
        images.dtype != torch.uint8
        or labels.shape != images.shape[:1]
        or labels.dtype != torch.int64
        or not len(labels)
    ):
        raise ValueError(
            f"fine_tune needs uint8 pictures (N, C, H, W) and int64 labels (N,), got {images.dtype} "
            f"{tuple(images.shape)} and {labels.dtype} {tuple(labels.shape)}."
        )
    if int(labels.min()) < 0 or steps < 1:
        raise ValueError(f"Labels count from 0 and steps from 1, got {int(labels.min())} and {steps}.")
    device = next(backbone.parameters()).device
    model = Classifier(copy.deepcopy(backbone).requires_grad_(True), int(labels.max()) + 1).to(device).train()
    optimizer = make_optimizer(model, config)
    size = min(config.batch_size, len(images))
    for step in range(steps):
        generator = torch.Generator().manual_seed(stream_seed(seed, step, "fine-tuning"))
        rows = torch.randperm(len(images), generator=generator)[:size]
        views = make_views(images[rows.to(images.device)].to(device), config, generator).global_views
        loss = F.cross_entropy(model(views.flatten(0, 1)), labels[rows].repeat(2).to(device))
        rate = warmup_cosine(step, steps, round(WARMUP_SHARE * steps), lr, 0.0)
        set_rates(optimizer, {"lr": rate, "weight_decay": WEIGHT_DECAY})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@torch.inference_mode()
def accuracy(model: Classifier, images: Tensor, labels: Tensor, background: str = "white") -> float:
    """Share of pictures (N, C, H, W) uint8 that get their own label (N,), 0 to 1."""
    rows = features(model.backbone, images, background).to(model.linear.weight.device)
    logits = model.linear(rows * model.linear.in_features**0.5)
    return float((logits.argmax(1).cpu() == labels.cpu()).double().mean())
