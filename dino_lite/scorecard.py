"""The score card of a backbone: every score that the pictures allow, beside two floors.

Labels are used here only, never in training. A quarter of the pictures is kept as test for k-NN and probe: whole
concepts where several vendors draw the same one, so that no test concept has a twin among the training rows.
"""

from typing import Any

import torch
from torch import Tensor, nn

from dino_lite.attention import attention_iou
from dino_lite.colors import normalize
from dino_lite.config import DinoConfig
from dino_lite.data import Pictures
from dino_lite.evaluate import (
    features,
    image_size,
    knn_accuracy,
    linear_probe,
    on_background,
    pixel_features,
    retrieval_accuracy,
)
from dino_lite.network import build_network
from dino_lite.resample import resize

Scores = dict[str, float]


def scorecard(model: nn.Module, config: DinoConfig, pictures: Pictures, seed: int = 0) -> dict[str, Any]:
    """{"model" | "random_init" | "pixels": {"white" | "random": scores}}: the model and its two floors.

    model: a network trained with `config`. Pictures without alpha have the one background "white", their own.
    "random_init" is the same network before its first step.
    """
    size = image_size(getattr(model, "backbone", model))
    untrained = build_network(config, seed).to(next(model.parameters()).device)
    card: dict[str, Any] = {"model": {}, "random_init": {}, "pixels": {}}
    for background in ("white", "random") if pictures.images.shape[1] == 4 else ("white",):
        for name, network in (("model", model), ("random_init", untrained)):
            rows = features(network, pictures, background, seed=seed)
            card[name][background] = score(rows, pictures) | mask_scores(network, pictures, size, background, seed)
        card["pixels"][background] = score(pixel_features(pictures, background=background, seed=seed), pictures)
    return card


def score(rows: Tensor, pictures: Pictures) -> Scores:
    """Scores of features (N, D) of these pictures: knn and linear by label, knn_sub by sublabel, retrieval."""
    test = test_rows(pictures)
    found: Scores = {}
    for name, labels in (("", pictures.labels), ("_sub", pictures.sublabels)):
        if labels is not None:
            known = labels >= 0
            train, held_out = known & ~test, known & test
            if train.sum() > 1 and held_out.any():  # a handful of pictures may leave nothing to test
                data = rows[train], labels[train], rows[held_out], labels[held_out]
                found[f"knn{name}"] = knn_accuracy(*data)
                if labels is pictures.labels:  # a probe on many fine classes takes longer than the training
                    found["linear"] = linear_probe(*data)
    by_vendor = vendor_rows(pictures)
    pairs = [(a, b) for a in by_vendor for b in by_vendor if a is not b]
    if pairs:
        found["retrieval"] = sum(retrieval_accuracy(rows[a], rows[b]) for a, b in pairs) / len(pairs)
    return found


def vendor_rows(pictures: Pictures) -> list[Tensor]:
    """For names "vendor/concept" with the same concepts from every vendor: each vendor's rows; else nothing.

    Class folders may look like that ("cats/1.jpg", "dogs/1.jpg"), but there the same name has another label.
    """
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(pictures.names):
        rows.setdefault(name.partition("/")[0], []).append(i)
    first, *others = rows.values()
    concepts = [name.partition("/")[2] for name in pictures.names]
    labels = pictures.labels.tolist() if pictures.labels is not None else [0] * len(concepts)
    wanted = [(concepts[i], labels[i]) for i in first]
    if not others or any([(concepts[i], labels[i]) for i in part] != wanted for part in others) or not all(concepts):
        return []
    return [torch.tensor(part) for part in rows.values()]


def test_rows(pictures: Pictures) -> Tensor:
    """Every fourth picture, or every fourth concept in all its drawings: bool (N,)."""
    test = torch.zeros(len(pictures), dtype=torch.bool)
    for part in vendor_rows(pictures) or [torch.arange(len(pictures))]:
        test[part[3::4]] = True
    return test


def mask_scores(model: nn.Module, pictures: Pictures, size: int, background: str, seed: int) -> Scores:
    """IoU of the attention masks (60% of the mass) with the true masks, where the pictures have some."""
    if pictures.masks is None:
        return {}
    some = torch.arange(0, len(pictures), max(1, len(pictures) // 500))
    x = normalize(resize(on_background(pictures.images, background, seed)[some], size))
    truth = resize(pictures.masks[some, None].float(), size)[:, 0] > 0.5
    x = x.to(next(model.parameters()).device)
    try:
        return {
            "attention_iou_best": attention_iou(model, x, truth, head="best"),
            "attention_iou_mean": attention_iou(model, x, truth, head="mean"),
        }
    except ValueError:  # a timm ViT that is not plain, such as one with registers, has no maps that we can read
        return {}
