"""The score card of a backbone: every score that the pictures allow, beside two floors.

Labels are used here only, never in training. A quarter of the pictures is kept as test for k-NN and probe: whole
concepts where several vendors draw the same one, so that no test concept has a twin among the training rows.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
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
from dino_lite.network import build_network, without_weights
from dino_lite.resample import resize

Scores = dict[str, float]


def scorecard(model: nn.Module, config: DinoConfig, pictures: Pictures, seed: int = 0) -> dict[str, Any]:
    """{"model" | "random_init" | "pixels": {"white" | "random": scores}}: the model and its two floors.

    model: a network trained with `config`. Pictures without alpha have the one background "white", their own.
    "random_init" is the same network with random weights.
    """
    untrained = build_network(without_weights(config), seed).to(next(model.parameters()).device)
    conditions = ("white", "random") if pictures.images.shape[1] == 4 else ("white",)
    return compare({"model": model, "random_init": untrained, "pixels": None}, pictures, conditions, seed)


def compare(
    networks: dict[str, nn.Module | None],
    pictures: Pictures,
    conditions: Sequence[str] = ("white", "random", "moved"),
    seed: int = 0,
    held_out: bool = False,
) -> dict[str, dict[str, Scores]]:
    """{name: {condition: scores}} of several networks by name; None: raw pixels in place of a network.

    conditions: "white", "random": the background; "moved": see `moved`, on random backgrounds. held_out: whether no
    network has seen the concepts of `test_rows`; their retrieval is then reported apart.
    """
    card: dict[str, dict[str, Scores]] = {name: {} for name in networks}
    for condition in conditions:
        shown, background = (moved(pictures, seed), "random") if condition == "moved" else (pictures, condition)
        for name, network in networks.items():
            if network is None:
                rows = pixel_features(shown, background=background, seed=seed)
                card[name][condition] = score(rows, shown, held_out)
            else:
                rows = features(network, shown, background, seed=seed)
                found = score(rows, shown, held_out) | mask_scores(network, shown, background, seed)
                card[name][condition] = found
    return card


def moved(pictures: Pictures, seed: int = 0) -> Pictures:
    """The same pictures with alpha, each scaled to 0.6 to 0.9, turned by up to 20° and put anywhere it fits, by `seed`.

    Drawings of one thing by several vendors fill the same place: a score on them rewards comparing pixel by pixel.
    """
    images = pictures.images
    generator = torch.Generator().manual_seed(seed)
    chance = 2 * torch.rand(4, len(images), generator=generator) - 1
    size, angle = 0.75 + 0.15 * chance[0], chance[1] * torch.pi / 9
    x = images.cpu().float() / 255
    x[:, :3] *= x[:, 3:]  # else the colour of what is see-through would bleed in
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2) / size[:, None, None]
    shift = -(turn @ (chance[2:] * (1 - size)).T[..., None])
    grid = F.affine_grid(torch.cat([turn, shift], 2), list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, align_corners=False)
    x[:, :3] /= x[:, 3:].clamp_min(1e-3)
    images = x.clamp(max=1).mul(255).round().to(torch.uint8)
    return dataclasses.replace(pictures, images=images, masks=images[:, 3] > 127)


def score(rows: Tensor, pictures: Pictures, held_out: bool = False) -> Scores:
    """Scores of features (N, D) of these pictures: knn and linear by label, knn_sub by sublabel, retrieval.

    held_out: also "retrieval_held", for which only the concepts of `test_rows` are looked for, among all concepts.
    """
    test = test_rows(pictures)
    found: Scores = {}
    for name, labels in (("", pictures.labels), ("_sub", pictures.sublabels)):
        if labels is not None:
            known = labels >= 0
            train, tested = known & ~test, known & test
            if train.sum() > 1 and tested.any():  # a handful of pictures may leave nothing to test
                data = rows[train], labels[train], rows[tested], labels[tested]
                found[f"knn{name}"] = knn_accuracy(*data)
                if labels is pictures.labels:  # a probe on many fine classes takes longer than the training
                    found["linear"] = linear_probe(*data)
    by_vendor = vendor_rows(pictures)
    pairs = [(a, b) for a in by_vendor for b in by_vendor if a is not b]
    if pairs:
        found["retrieval"] = sum(retrieval_accuracy(rows[a], rows[b]) for a, b in pairs) / len(pairs)
    if pairs and held_out:
        place = torch.arange(len(pairs[0][0]))[test[pairs[0][0]]]  # of the held-out concepts in each vendor's rows
        hits = [(rows[a[place]] @ rows[b].T).argmax(1) == place for a, b in pairs]
        found["retrieval_held"] = float(torch.stack(hits).double().mean())
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


def mask_scores(model: nn.Module, pictures: Pictures, background: str, seed: int) -> Scores:
    """IoU of the attention masks (60% of the mass) with the true masks, where the pictures have some."""
    if pictures.masks is None:
        return {}
    size = image_size(getattr(model, "backbone", model))
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
