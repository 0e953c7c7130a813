"""Few labels: which pictures are chosen, what a probe on them gives, and fine-tuning against a loop by hand.

Run: pytest tests/dino_lite/test_finetune.py
"""

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from dino_lite import DinoConfig, ViT, few_label_probe, few_labels, fine_tune, make_views
from dino_lite.batches import stream_seed
from dino_lite.finetune import Classifier, accuracy

CONFIG = DinoConfig(
    picture_size=16,
    global_size=16,
    local_size=8,
    n_local=0,
    patch_size=8,
    batch_size=12,
    blur_probs=(0.0, 0.0, 0.0),
    grey_prob=0.0,
    solarize_prob=0.0,
    jitter=(0.0, 0.0, 0.0, 0.0),
)


def vit(seed: int = 0) -> ViT:
    """A small backbone."""
    torch.manual_seed(seed)
    return ViT(16, 8, 24, 2, 2, init_std=0.0)


def shades(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of three colours, which are their classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=generator)
    colors = torch.tensor([[200, 40, 40], [40, 200, 40], [40, 40, 200]])
    noise = torch.randint(-30, 30, (count, 3, 16, 16), generator=generator)
    return (colors[labels][..., None, None] + noise).to(torch.uint8), labels


def test_so_many_of_each_class_are_chosen_and_no_others() -> None:
    labels = torch.randint(7, (500,), generator=torch.Generator().manual_seed(1))
    rows = few_labels(labels, 5, seed=3)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert labels[rows].bincount().tolist() == [5] * 7
    assert not torch.equal(rows, few_labels(labels, 5, seed=4))
    assert torch.equal(rows, few_labels(labels, 5, seed=3))


def test_every_picture_has_its_chance() -> None:
    labels = torch.tensor([0] * 4 + [1] * 4)
    counts = torch.stack([few_labels(labels, 1, seed) for seed in range(400)]).flatten().bincount(minlength=8)
    assert counts.sum() == 800
    assert (counts > 60).all()  # 100 each are expected; 60 is 4.6 standard deviations away
    assert (counts < 140).all()


def test_a_small_class_gives_what_it_has_and_none_means_all() -> None:
    labels = torch.tensor([0, 1, 1, 1, 0, 1])
    assert labels[few_labels(labels, 3)].bincount().tolist() == [2, 3]
    assert few_labels(labels, None).tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="per_class must be at least 1, or None for all, got 0"):
        few_labels(labels, 0)


def test_the_probe_is_logistic_regression_on_the_chosen_pictures() -> None:
    """scikit-learn's, with the same penalty and the same standardised features."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(4, (300,), generator=generator)
    x = F.normalize(torch.randn(4, 16, generator=generator)[y] + 1.5 * torch.randn(300, 16, generator=generator), dim=1)
    found = few_label_probe(x[:200], y[:200], x[200:], y[200:], per_class=(2, 10, None), seeds=(0, 1))
    assert [len(values) for values in found.values()] == [2, 2, 1]
    for count, values in found.items():
        for seed, value in enumerate(values):
            rows = few_labels(y[:200], count, seed)
            mean, std = x[rows].mean(0), x[rows].std(0).clamp_min(1e-6)
            theirs = LogisticRegression(C=1 / (1e-3 * len(rows)), max_iter=3000, tol=1e-8)
            theirs.fit(((x[rows] - mean) / std).double().numpy(), y[rows].numpy())
            wanted = theirs.score(((x[200:] - mean) / std).double().numpy(), y[200:].numpy())
            assert value == pytest.approx(wanted, abs=0.011)  # one of a hundred pictures may lie on a border


def test_fine_tuning_is_the_loop_by_hand() -> None:
    images, labels = shades(40)
    backbone = vit()
    steps, lr, seed = 6, 0.003, 5
    ours = fine_tune(backbone, images, labels, CONFIG, steps, lr, seed)
    model = Classifier(copy.deepcopy(backbone), 3).train()
    wd = [p for p in model.parameters() if p.ndim > 1]
    no_wd = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": wd, "weight_decay": 0.05}, {"params": no_wd, "weight_decay": 0.0}])
    rates = [0.003 * (1 + torch.cos(torch.tensor(torch.pi * i / 5)).item()) / 2 for i in range(5)]
    for step in range(steps):
        generator = torch.Generator().manual_seed(stream_seed(seed, step, "fine-tuning"))
        rows = torch.randperm(40, generator=generator)[:12]
        first, second = make_views(images[rows], CONFIG, generator).global_views
        loss = (F.cross_entropy(model(first), labels[rows]) + F.cross_entropy(model(second), labels[rows])) / 2
        for group in optimizer.param_groups:  # one step of warm-up, at its end the peak
            group["lr"] = lr if step == 0 else rates[step - 1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # As a whole: where a gradient is nearly zero Adam makes steps of rounding errors.
    mine, theirs, start = (
        torch.cat([p.detach().flatten() for p in net.parameters()])
        for net in (ours, model, Classifier(copy.deepcopy(backbone), 3))
    )
    assert (mine - theirs).norm() < 0.03 * (mine - start).norm()


def test_it_learns_and_leaves_the_given_backbone_and_the_other_random_numbers_alone() -> None:
    images, labels = shades(90)
    test_images, test_labels = shades(60, seed=1)
    backbone = vit()
    before = copy.deepcopy(backbone.state_dict())
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    model = fine_tune(backbone, images, labels, CONFIG, steps=40)
    assert torch.equal(torch.rand(2), wanted)
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert accuracy(model, test_images, test_labels) > 0.95 > accuracy(Classifier(vit(), 3), test_images, test_labels)


def test_accuracy_is_that_of_the_forward_pass() -> None:
    images, labels = shades(50)
    model = fine_tune(vit(), images, labels, CONFIG, steps=4)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (images.float() / 255 - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        right = (model(x).argmax(1) == labels).double().mean()
    assert accuracy(model, images, labels) == pytest.approx(float(right))


def test_a_frozen_teacher_can_be_fine_tuned() -> None:
    images, labels = shades(20)
    frozen = vit().requires_grad_(False)
    model = fine_tune(frozen, images, labels, dataclasses.replace(CONFIG, batch_size=64), steps=2)
    assert any(not torch.equal(a, b) for a, b in zip(model.backbone.parameters(), frozen.parameters(), strict=True))
    assert not any(p.requires_grad for p in frozen.parameters())


@pytest.mark.parametrize(
    ("images", "labels", "steps"),
    [
        (torch.zeros(4, 3, 16, 16), torch.zeros(4, dtype=torch.int64), 1),
        (torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), 1),
        (torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.zeros(4), 1),
        (torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.tensor([0, 1, -1, 0]), 1),
        (torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.tensor([0, 1, 1, 0]), 0),
        (torch.zeros(0, 3, 16, 16, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), 1),
    ],
)
def test_what_does_not_fit_gets_a_sentence(images: torch.Tensor, labels: torch.Tensor, steps: int) -> None:
    with pytest.raises(ValueError, match=r"fine_tune needs uint8|Labels count from 0"):
        fine_tune(vit(), images, labels, CONFIG, steps)
