"""The score card against the scores of its parts: what is kept as test, which pairs are retrieved, which floors stand.

The scores themselves are compared with scikit-learn in test_evaluate.py. Run: pytest tests/dino_lite/test_scorecard.py
"""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from dino_lite import (
    Dino,
    DinoConfig,
    Pictures,
    attention_iou,
    features,
    knn_accuracy,
    linear_probe,
    load_pictures,
    pixel_features,
    retrieval_accuracy,
    scorecard,
)
from dino_lite.colors import normalize
from dino_lite.evaluate import on_background
from dino_lite.resample import resize
from dino_lite.scorecard import score, vendor_rows
from dino_lite.scorecard import test_rows as held_out_rows

TINY = dataclasses.replace(
    DinoConfig.lab(), picture_size=32, global_size=16, local_size=8, patch_size=8, dim=16, depth=1, heads=2,
    head_hidden=8, bottleneck=4, out_dim=10, batch_size=4,
)  # fmt: skip


def noise(count: int, channels: int = 4) -> Tensor:
    """uint8 (count, channels, 32, 32)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, 32, 32), generator=generator, dtype=torch.uint8)


def drawings(concepts: int = 16, vendors: str = "abc") -> Pictures:
    """Every concept by every vendor, in 2 classes and 4 subclasses, with masks that are no square."""
    images, n = noise(concepts * len(vendors)), torch.arange(concepts)
    return Pictures(
        images,
        [f"{vendor}/thing {i}" for vendor in vendors for i in range(concepts)],
        (n // 4 % 2).repeat(len(vendors)),
        ["round", "square"],
        (n % 4).repeat(len(vendors)),
        ["w", "x", "y", "z"],
        masks=images[:, 3] > 100,
    )


def trained() -> Dino:
    """A network that is not the random one."""
    dino = Dino(TINY, seed=5, device="cpu")
    for _ in range(3):
        dino.train_step(noise(4), ema_momentum=0.0, lr=0.01)
    return dino


# --- what is kept as test -----------------------------------------------------------------------------------


def test_no_test_concept_has_a_twin_in_training() -> None:
    """Whole concepts are kept as test: the emoji, a quarter of them, by every vendor."""
    emoji = load_pictures("emoji", size=8)
    test = held_out_rows(emoji)
    concepts = [name.split("/")[1] for name in emoji.names]
    held = {concept for concept, kept in zip(concepts, test, strict=True) if kept}
    left = {concept for concept, kept in zip(concepts, test, strict=True) if not kept}
    assert held.isdisjoint(left)
    assert len(held) == len(held | left) // 4
    assert int(test.sum()) == 3 * len(held)


def test_no_twins_in_another_order() -> None:
    """The same when the vendors take turns, or come last to first."""
    pictures = drawings()
    backwards = pictures[list(range(47, -1, -1))]
    by_concept = pictures[[vendor * 16 + concept for concept in range(16) for vendor in range(3)]]
    for some in (backwards, by_concept):
        test = held_out_rows(some).tolist()
        held = {name.split("/")[1] for name, kept in zip(some.names, test, strict=True) if kept}
        assert len(held) == 4
        assert sum(test) == 12


def test_every_fourth_of_other_pictures() -> None:
    """No vendors: every fourth picture."""
    assert held_out_rows(Pictures(noise(9), [f"{i}.png" for i in range(9)])).nonzero().flatten().tolist() == [3, 7]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        pytest.param([f"{i}.png" for i in range(8)], None, id="flat folder"),
        pytest.param(
            [f"{c}/{i}.png" for c in "ab" for i in range(4)], [0] * 4 + [1] * 4, id="same names in each class"
        ),
        pytest.param([f"a/{i}" for i in range(8)], None, id="one vendor"),
        pytest.param([f"{c}/{c}{i}" for c in "ab" for i in range(4)], None, id="other names in each folder"),
        pytest.param([f"a/{i}" for i in range(5)] + [f"b/{i}" for i in range(3)], None, id="some are missing"),
    ],
)
def test_pictures_without_vendors(names: list[str], labels: list[int] | None) -> None:
    """Nothing to retrieve, and rows are just every fourth."""
    pictures = Pictures(noise(8, 3), names, labels if labels is None else torch.tensor(labels))
    assert vendor_rows(pictures) == []
    assert "retrieval" not in score(torch.eye(8), pictures)
    assert held_out_rows(pictures).nonzero().flatten().tolist() == [3, 7]


def test_many_flat_names_take_no_time() -> None:
    """A folder of 60,000 pictures is not compared pair by pair (that would take hours)."""
    pictures = Pictures(torch.zeros(60_000, 3, 1, 1, dtype=torch.uint8), [f"{i}.png" for i in range(60_000)])
    assert vendor_rows(pictures) == []


# --- the scores ---------------------------------------------------------------------------------------------


def by_hand(rows: Tensor, pictures: Pictures) -> dict[str, float]:
    """The scores of 16 concepts by 3 vendors: concepts 3, 7, 11 and 15 are the test, six ordered pairs retrieve."""
    concept = torch.arange(48) % 16
    test = (concept % 4) == 3
    found = {}
    for name, labels in (("", pictures.labels), ("_sub", pictures.sublabels)):
        assert labels is not None
        data = rows[~test], labels[~test], rows[test], labels[test]
        found |= {f"knn{name}": knn_accuracy(*data)}
        found |= {} if name else {"linear": linear_probe(*data)}
    a, b, c = rows[:16], rows[16:32], rows[32:]
    pairs = [(a, b), (a, c), (b, a), (b, c), (c, a), (c, b)]
    return found | {"retrieval": sum(retrieval_accuracy(x, y) for x, y in pairs) / 6}


def masks_by_hand(model: Any, pictures: Pictures, background: str) -> dict[str, float]:
    """IoU at 16 px, the size that the network was built for."""
    assert pictures.masks is not None
    x = normalize(resize(on_background(pictures.images, background, 7), 16))
    truth = resize(pictures.masks[:, None].float(), 16)[:, 0] > 0.5
    return {f"attention_iou_{head}": attention_iou(model, x, truth, head=head) for head in ("best", "mean")}


def test_card_of_drawings() -> None:
    """Everything on both backgrounds, for the model, the network before its first step, and pixels."""
    pictures, dino = drawings(), trained()
    card = scorecard(dino.teacher, TINY, pictures, seed=7)
    untrained = Dino(TINY, seed=7, device="cpu").teacher
    assert list(card) == ["model", "random_init", "pixels"]
    for background in ("white", "random"):
        for name, model in (("model", dino.teacher), ("random_init", untrained)):
            expected = by_hand(features(model, pictures, background, seed=7), pictures)
            assert card[name][background] == expected | masks_by_hand(model, pictures, background), name
        assert card["pixels"][background] == by_hand(pixel_features(pictures, background=background, seed=7), pictures)
        assert card["model"][background] != card["random_init"][background]


def test_card_leaves_the_run_alone() -> None:
    """The same step follows, whether the card was drawn or not."""
    dino, plain = trained(), trained()
    state = torch.get_rng_state()
    scorecard(dino.teacher, TINY, drawings())
    assert torch.equal(state, torch.get_rng_state())
    assert dino.train_step(noise(4)).loss == plain.train_step(noise(4)).loss
    assert dino.teacher.training == plain.teacher.training


def test_pictures_without_alpha_labels_and_masks() -> None:
    """One background, their own; the scores that can be had."""
    names, labels = [f"{i}.png" for i in range(12)], torch.arange(12) % 2
    model = trained().teacher
    assert scorecard(model, TINY, Pictures(noise(12, 3), names)) == {
        "model": {"white": {}}, "random_init": {"white": {}}, "pixels": {"white": {}},
    }  # fmt: skip
    card = scorecard(model, TINY, Pictures(noise(12, 3), names, labels))
    assert card["model"].keys() == {"white"}
    assert card["model"]["white"].keys() == {"knn", "linear"}
    masks = noise(12)[:, 3] > 127
    card = scorecard(model, TINY, Pictures(noise(12, 3), names, masks=masks))
    assert card["model"]["white"].keys() == {"attention_iou_best", "attention_iou_mean"}
    assert card["pixels"]["white"] == {}  # pixels have no attention


def test_unknown_labels_do_not_count() -> None:
    """Rows with label -1 are in neither part: wild features for them change nothing."""
    labels = torch.tensor([0, 1, 0, 1, -1, -1, 0, 1] * 4)
    pictures = Pictures(noise(32, 3), [f"{i}" for i in range(32)], labels)
    rows = torch.nn.functional.normalize(torch.randn(32, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    other = rows.clone()
    other[labels < 0] = -other[labels < 0]
    assert score(rows, pictures) == score(other, pictures)


@pytest.mark.parametrize("labels", [[0, 1, 0], [0, -1, -1, 1, -1], [-1] * 9])
def test_too_few_to_test(labels: list[int]) -> None:
    """Three pictures, one known in training, none known: no score instead of an error after a whole run."""
    pictures = Pictures(noise(len(labels), 3), [f"{i}" for i in range(len(labels))], torch.tensor(labels))
    assert score(torch.eye(len(labels)), pictures) == {}


def test_a_network_without_maps() -> None:
    """A timm ViT of another make trains and is scored, without attention."""
    config = dataclasses.replace(TINY, backbone="timm:test_vit", global_size=32, local_size=16, patch_size=16)
    card = scorecard(Dino(config, device="cpu").teacher, config, drawings())
    assert card["model"]["random"].keys() == {"knn", "linear", "knn_sub", "retrieval"}
