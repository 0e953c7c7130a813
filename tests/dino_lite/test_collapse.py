"""The numbers that tell a living run from a collapsed one, against slow formulas, closed forms and the first step.

- entropy, KL, marginal, mutual information, effective prototypes, feature std and rank against loops and numpy;
- their values for uniform and one-hot targets, and the bounds of the mutual information;
- a fresh head: the spread of its logits, the entropy of its targets and its first loss have values that can be
  derived (random unit vectors in d = 256 dimensions have cosines with a spread of σ = 1/√d).

The thresholds of `diagnose` are tested where runs are. Run: pytest tests/dino_lite/test_collapse.py
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dino_lite.collapse import (
    effective_prototypes,
    effective_rank,
    entropy,
    feature_std,
    kl_divergence,
    marginal,
    mutual_information,
    student_teacher_distance,
    target_statistics,
)
from dino_lite.head import DinoHead
from dino_lite.loss import dino_loss, teacher_probs

SHAPES = [(2, 3, 5), (2, 16, 4), (2, 7, 40)]


def random_probs(*shape: int, seed: int = 0, sharpness: float = 2.0) -> Tensor:
    """Distributions along the last axis."""
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return F.softmax(sharpness * logits, dim=-1)


def one_hot(indices: list[int], out_dim: int) -> Tensor:
    """Sure targets (N, K)."""
    return F.one_hot(torch.tensor(indices), out_dim).float()


def slow_entropy(row: list[float]) -> float:
    """-Σ p ln p, with 0 ln 0 = 0."""
    return -sum(p * math.log(p) for p in row if p > 0)


def slow_marginal(probs: Tensor) -> list[float]:
    """The mean over all rows, prototype by prototype."""
    rows = probs.double().flatten(0, -2).tolist()
    return [sum(row[k] for row in rows) / len(rows) for k in range(len(rows[0]))]


# --- slow formulas ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_entropy_marginal_and_information_as_slow_formulas(shape: tuple[int, ...], seed: int) -> None:
    probs = random_probs(*shape, seed=seed)
    rows = [slow_entropy(row) for row in probs.double().flatten(0, -2).tolist()]
    assert entropy(probs).shape == shape[:-1]
    assert entropy(probs).flatten().tolist() == pytest.approx(rows, rel=1e-5, abs=1e-6)
    mean = slow_marginal(probs)
    assert marginal(probs).tolist() == pytest.approx(mean, rel=1e-5)
    sharp, wide = sum(rows) / len(rows), slow_entropy(mean)
    assert float(mutual_information(probs)) == pytest.approx(wide - sharp, abs=1e-5)
    assert float(effective_prototypes(probs)) == pytest.approx(math.exp(wide), rel=1e-5)
    assert target_statistics(probs).tolist() == pytest.approx([sharp, wide], rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_kl_as_slow_formula(shape: tuple[int, ...], seed: int) -> None:
    p, q = random_probs(*shape, seed=seed), random_probs(*shape, seed=seed + 100)
    found = kl_divergence(p, q.log())
    pairs = zip(p.double().flatten(0, -2).tolist(), q.double().flatten(0, -2).tolist(), strict=True)
    expected = [sum(a * math.log(a / b) for a, b in zip(*rows, strict=True)) for rows in pairs]
    assert found.shape == shape[:-1]
    assert found.flatten().tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert found.min() > 0.01
    assert not found.allclose(kl_divergence(q, p.log()), atol=1e-2)  # it is not symmetric


def test_kl_of_a_distribution_from_itself_is_zero() -> None:
    p = random_probs(2, 9, 30)
    assert kl_divergence(p, p.log()).abs().max() < 1e-5


def test_kl_of_a_sure_target_is_its_surprise() -> None:
    """Zeros in P are no trouble: 0 · ln 0 = 0."""
    q = random_probs(4, 6)
    expected = -q.log()[torch.arange(4), torch.tensor([0, 5, 2, 2])]
    torch.testing.assert_close(kl_divergence(one_hot([0, 5, 2, 2], 6), q.log()), expected)


# --- closed forms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out_dim", [2, 64, 65536])
def test_uniform_targets(out_dim: int) -> None:
    probs = torch.full((2, 3, out_dim), 1 / out_dim)
    assert entropy(probs).flatten().tolist() == pytest.approx([math.log(out_dim)] * 6, rel=1e-4)
    assert float(effective_prototypes(probs)) == pytest.approx(out_dim, rel=1e-3)
    assert float(mutual_information(probs)) == pytest.approx(0, abs=1e-4)


def test_sure_targets_that_are_all_the_same() -> None:
    probs = one_hot([3] * 8, 10).view(2, 4, 10)
    assert entropy(probs).eq(0).all()
    assert float(effective_prototypes(probs)) == pytest.approx(1)
    assert float(mutual_information(probs)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("rows", "used"), [(12, 12), (12, 4), (12, 2), (30, 10)])
def test_sure_targets_spread_over_some_prototypes(rows: int, used: int) -> None:
    probs = one_hot([i % used for i in range(rows)], 40).view(2, rows // 2, 40)
    assert entropy(probs).eq(0).all()
    assert float(effective_prototypes(probs)) == pytest.approx(used, rel=1e-5)
    assert float(mutual_information(probs)) == pytest.approx(math.log(used), rel=1e-5)


@pytest.mark.parametrize("sharpness", [0.1, 1.0, 3.0, 30.0])
@pytest.mark.parametrize(("batch", "out_dim"), [(3, 50), (50, 3), (8, 16)])
@pytest.mark.parametrize("seed", range(3))
def test_bounds_of_the_mutual_information(sharpness: float, batch: int, out_dim: int, seed: int) -> None:
    """0 ≤ I ≤ min(ln K, ln rows)."""
    probs = random_probs(2, batch, out_dim, seed=seed, sharpness=sharpness)
    limit = math.log(min(out_dim, 2 * batch))
    information = float(mutual_information(probs))
    assert -1e-6 <= information <= limit + 1e-6
    if sharpness == 0.1:
        assert information < 0.1 * limit
    if sharpness == 30.0:
        assert information > 0.5 * limit  # the bound is of use


def test_identical_rows_tell_nothing_whatever_they_are() -> None:
    row = random_probs(1, 1, 20)
    assert float(mutual_information(row.expand(2, 6, 20))) == pytest.approx(0, abs=1e-5)


# --- features -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 5), (20, 4), (64, 16)])
@pytest.mark.parametrize("seed", range(3))
def test_feature_std_and_rank_as_numpy(shape: tuple[int, int], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=shape) * np.linspace(0.1, 3, shape[1])
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    centered = unit - unit.mean(0)
    std = np.sqrt((centered**2).sum(0) / (shape[0] - 1)).mean()
    features = torch.tensor(x, dtype=torch.float32)
    assert float(feature_std(features)) == pytest.approx(std, rel=1e-5)
    assert float(feature_std(7 * features)) == pytest.approx(std, rel=1e-5)  # lengths do not count
    singular = np.sqrt(np.clip(np.linalg.eigvalsh(x.T @ x), 0, None))
    rank = math.exp(slow_entropy(list(singular / singular.sum())))
    assert float(effective_rank(features)) == pytest.approx(rank, rel=1e-3)
    assert float(effective_rank(7 * features)) == pytest.approx(rank, rel=1e-3)


@pytest.mark.parametrize("dim", [8, 64])
def test_spread_out_features(dim: int) -> None:
    x = torch.randn(4000, dim, generator=torch.Generator().manual_seed(0))
    assert float(feature_std(x)) == pytest.approx(1 / math.sqrt(dim), rel=0.02)
    assert float(effective_rank(x)) == pytest.approx(dim, rel=0.02)


@pytest.mark.parametrize("used", [1, 3, 8])
def test_rank_counts_orthogonal_directions(used: int) -> None:
    x = torch.eye(8)[torch.arange(8) % used]
    basis = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0))).Q
    expected = math.exp(slow_entropy([1 / used] * used)) if 8 % used == 0 else None
    found = float(effective_rank(x @ basis))
    assert found == pytest.approx(expected or 3, rel=0.01)


def test_collapsed_features() -> None:
    x = torch.randn(1, 16, generator=torch.Generator().manual_seed(0)).expand(10, 16)
    assert feature_std(x) < 1e-6
    assert float(effective_rank(x)) == pytest.approx(1, abs=1e-3)


def test_student_teacher_distance() -> None:
    """‖θs - θt‖ / ‖θt‖, by name: the order of registration does not count."""
    torch.manual_seed(0)
    student = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    teacher = nn.ModuleDict({"b": nn.Linear(4, 4), "a": nn.Linear(4, 4)})
    flat = [
        torch.cat([m[k].get_parameter(n).flatten() for k in "ab" for n in ("weight", "bias")])
        for m in (student, teacher)
    ]
    expected = float(((flat[0] - flat[1]).norm() / flat[1].norm()).detach())
    assert student_teacher_distance(student, teacher) == pytest.approx(expected, rel=1e-5)
    teacher.load_state_dict(student.state_dict())
    assert student_teacher_distance(student, teacher) == 0
    for parameter in student.parameters():
        parameter.data.mul_(1.5)
    assert student_teacher_distance(student, teacher) == pytest.approx(0.5)


# --- the first step of a fresh network ----------------------------------------------------------------------

SIGMA = 1 / 16  # of the cosine of random unit vectors in 256 dimensions
STUDENT_TEMP, TEACHER_TEMP = 0.1, 0.04
K_SIZES = [1024, 8192, 65536]


def fresh_logits(out_dim: int, seed: int) -> Tensor:
    """Logits (2, B, K) of random unit vectors over the prototypes of a head that has learnt nothing."""
    torch.manual_seed(seed)
    head = DinoHead(8, out_dim, hidden=8, bottleneck=256)
    z = F.normalize(torch.randn(64, 256, generator=torch.Generator().manual_seed(seed)), dim=-1)
    with torch.no_grad():
        return head.last_layer(z).view(2, 32, out_dim)


@pytest.mark.parametrize("out_dim", K_SIZES)
def test_first_logits_have_the_spread_of_random_cosines(out_dim: int) -> None:
    logits = fresh_logits(out_dim, 0)
    assert float(logits.std()) == pytest.approx(SIGMA, rel=0.02)
    assert abs(float(logits.mean())) < 0.002


@pytest.mark.parametrize("out_dim", K_SIZES)
def test_first_entropy_and_loss(out_dim: int) -> None:
    """For normal logits: h = ln K - (σ/τt)²/2; the loss is ln K + (σ/τs)²/2, less σ²/(τs τt) if both agree.

    With few prototypes, and since cosines have an end, the entropy is a little higher: by 0.05 for K = 1024.
    """
    logits, ln_k = fresh_logits(out_dim, 0), math.log(out_dim)
    targets = teacher_probs(logits, torch.zeros(out_dim), TEACHER_TEMP)
    assert float(entropy(targets).mean()) == pytest.approx(ln_k - 1.22, abs=0.07)
    same_picture = logits[:1].expand(2, -1, -1)  # both views are the same and student = teacher
    same_targets = teacher_probs(same_picture, torch.zeros(out_dim), TEACHER_TEMP)
    assert float(dino_loss(same_picture, same_targets, STUDENT_TEMP)) == pytest.approx(ln_k - 0.78, abs=0.05)
    unrelated = logits.roll(1, dims=1)
    assert float(dino_loss(unrelated, targets, STUDENT_TEMP)) == pytest.approx(ln_k + 0.195, abs=0.02)


@pytest.mark.parametrize("out_dim", [1024, 8192])
def test_first_values_of_a_whole_network_as_well(out_dim: int) -> None:
    """A fresh ViT and MLP give unit vectors that are no longer random, but the prototypes still are."""
    from dino_lite.config import DinoConfig
    from dino_lite.network import Network

    config = DinoConfig(
        picture_size=32, global_size=32, local_size=16, patch_size=8, dim=48, depth=2, heads=3,
        drop_path=0.0, head_hidden=64, bottleneck=256, out_dim=out_dim,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.no_grad():
        logits, _ = Network(config)(torch.randn(2, 16, 3, 32, 32))
    targets = teacher_probs(logits, torch.zeros(out_dim), TEACHER_TEMP)
    ln_k = math.log(out_dim)
    assert float(logits.std()) == pytest.approx(SIGMA, rel=0.1)
    assert float(entropy(targets).mean()) == pytest.approx(ln_k - 1.22, abs=0.25)
    assert float(dino_loss(logits, targets, STUDENT_TEMP)) < ln_k + 0.195
