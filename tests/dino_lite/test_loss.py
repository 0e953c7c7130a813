"""The loss, the targets and the centre against three independent sources, each over several steps.

- `slow_*`: float64 loops written from the paper's equations, one pair of views and one picture at a time;
- lightly's `DINOLoss`, with its own centre and its own warm-up of the teacher's temperature;
- a list of wrong losses, each of which must give another number on the inputs used here: random logits, a batch
  of at least 3 and a centre that is not zero. All-equal logits would let most of them pass.

Sinkhorn-Knopp is compared with the SwAV/DINOv2 formula, worked out in float64 on logarithms.
Run: pytest tests/dino_lite/test_loss.py
"""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dino_lite.collapse import entropy, kl_divergence
from dino_lite.loss import batch_softmax_probs, dino_loss, koleo_loss, sinkhorn_probs, teacher_probs, update_center
from dino_lite.schedules import linear_warmup

STEPS = 6
VIEWS = (2, 3, 4, 8, 10)
BATCH_AND_PROTOTYPES = ((3, 5), (4, 33), (7, 2))
SETTINGS = (
    (0.1, 0.04, 0.9),
    (0.1, 0.07, 0.5),
    (0.5, 0.02, 0.99),
    (0.07, 0.07, 0.3),
)  # τs, τt, centre's momentum


def random_logits(views: int, batch: int, out_dim: int, seed: int) -> tuple[Tensor, Tensor]:
    """Student (V, B, K) and teacher (2, B, K) logits; the teacher prefers some prototypes on the whole."""
    generator = torch.Generator().manual_seed(seed)
    student = 0.4 * torch.randn(views, batch, out_dim, generator=generator)
    teacher = 0.4 * torch.randn(2, batch, out_dim, generator=generator) + torch.linspace(-0.3, 0.3, out_dim)
    return student.requires_grad_(), teacher


# --- against a loop written from the paper ------------------------------------------------------------------


def slow_softmax(x: Tensor) -> Tensor:
    """exp(x_k) / Σ_j exp(x_j) of one row (K,)."""
    powers = torch.exp(x - x.max())
    return powers / powers.sum()


def slow_loss(student: Tensor, teacher: Tensor, center: Tensor, student_temp: float, teacher_temp: float) -> Tensor:
    """Eq. 1 to 3 in float64, averaged over the pairs of different views."""
    pairs = []
    for q in range(2):
        for v in range(len(student)):
            if v == q:
                continue
            for t, s in zip(teacher[q].double(), student[v].double(), strict=True):
                target = slow_softmax((t - center) / teacher_temp)
                pairs.append(-(target * torch.log(slow_softmax(s / student_temp))).sum())
    return torch.stack(pairs).mean()


def slow_center(center: Tensor, teacher: Tensor, momentum: float) -> Tensor:
    """Eq. 4: c ← m·c + (1 - m) · 1/(2B) · Σ of the teacher's logits."""
    total = torch.zeros_like(center)
    for view in teacher.double():
        for row in view:
            total += row
    return momentum * center + (1 - momentum) * total / (teacher.shape[0] * teacher.shape[1])


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize(("batch", "out_dim"), BATCH_AND_PROTOTYPES)
@pytest.mark.parametrize(("student_temp", "teacher_temp", "momentum"), SETTINGS)
def test_loss_gradient_and_center_match_the_paper_over_steps(
    views: int, batch: int, out_dim: int, student_temp: float, teacher_temp: float, momentum: float
) -> None:
    center, expected_center = torch.zeros(out_dim), torch.zeros(out_dim, dtype=torch.float64)
    for step in range(STEPS):
        student, teacher = random_logits(views, batch, out_dim, seed=step)
        loss = dino_loss(student, teacher_probs(teacher, center, teacher_temp), student_temp)
        expected = slow_loss(student, teacher, expected_center, student_temp, teacher_temp)
        torch.testing.assert_close(loss.double(), expected, rtol=2e-5, atol=1e-6)
        (gradient,), (expected_gradient,) = (torch.autograd.grad(x, student) for x in (loss, expected))
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)
        center = update_center(center, teacher, momentum)
        expected_center = slow_center(expected_center, teacher, momentum)
        torch.testing.assert_close(center.double(), expected_center, rtol=1e-5, atol=1e-6)
    assert center.abs().max() > 0.01  # the loss of the later steps did see a centre


# --- against lightly ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize(("batch", "out_dim"), [(3, 16), (8, 200)])
@pytest.mark.parametrize(("warmup", "student_temp", "momentum"), [(4, 0.1, 0.9), (2, 0.2, 0.5), (9, 0.1, 0.99)])
def test_matches_lightly_over_steps(
    views: int, batch: int, out_dim: int, warmup: int, student_temp: float, momentum: float
) -> None:
    """lightly's "epochs" are our steps: its warm-up of the teacher's temperature runs along with ours."""
    from lightly.loss import DINOLoss

    theirs = DINOLoss(out_dim, 0.04, 0.07, warmup, student_temp, momentum)
    center = torch.zeros(out_dim)
    for step in range(STEPS):
        student, teacher = random_logits(views, batch, out_dim, seed=step)
        temperature = linear_warmup(step, warmup, 0.04, 0.07)
        loss = dino_loss(student, teacher_probs(teacher, center, temperature), student_temp)
        expected = theirs(list(teacher), list(student), epoch=step)
        torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
        (gradient,), (expected_gradient,) = (torch.autograd.grad(x, student) for x in (loss, expected))
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)
        center = update_center(center, teacher, momentum)
        torch.testing.assert_close(center, theirs.center.flatten(), rtol=1e-5, atol=1e-6)


# --- which pairs of views count, and how much ---------------------------------------------------------------


def pair_weights(views: int) -> Tensor:
    """What one nat more of surprise in pair (teacher view q, student view v) adds to the loss: (2, V).

    Teacher view q is sure of prototype q. To surprise student view v by it, prototype q loses probability to
    the third prototype, which nobody asks for.
    """
    targets = F.one_hot(torch.tensor([[0] * 3, [1] * 3]), 3).float()
    even = torch.full((views, 3, 3), 1 / 3).log()
    weights = torch.zeros(2, views)
    for q in range(2):
        for v in range(views):
            logits = even.clone()
            logits[v, :, q] -= 1.0
            logits[v, :, 2] = math.log(1 - 1 / 3 - math.exp(-1) / 3)
            weights[q, v] = dino_loss(logits, targets, 1.0) - dino_loss(even, targets, 1.0)
    return weights


@pytest.mark.parametrize(("local", "terms"), [(0, 2), (2, 6), (6, 14), (8, 18), (10, 22)])
def test_every_pair_of_different_views_counts_once(local: int, terms: int) -> None:
    weights = pair_weights(2 + local)
    expected = (1 - torch.eye(2, 2 + local)) / terms
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-6)
    assert (weights > 0.5 / terms).sum() == terms
    between_globals = weights[:, :2].sum() / weights.sum()
    assert float(between_globals) == pytest.approx(1 / (1 + local), abs=1e-5)


# --- values that need no oracle -----------------------------------------------------------------------------


@pytest.mark.parametrize("out_dim", [2, 100, 4096])
def test_uniform_collapse_costs_ln_k(out_dim: int) -> None:
    student, teacher = random_logits(4, 3, out_dim, seed=0)
    even = torch.zeros_like(teacher)
    uniform = teacher_probs(even, torch.zeros(out_dim), 0.04)
    random = teacher_probs(teacher, torch.zeros(out_dim), 0.04)
    ln_k = math.log(out_dim)
    assert float(dino_loss(torch.zeros_like(student), uniform, 0.1)) == pytest.approx(ln_k, rel=1e-5)
    assert float(dino_loss(torch.zeros_like(student), random, 0.1)) == pytest.approx(ln_k, rel=1e-5)
    assert dino_loss(student, uniform, 0.1) > ln_k + 0.1  # a student that is not even pays for it


def test_dominant_collapse_costs_nothing_only_when_all_views_agree() -> None:
    targets = F.one_hot(torch.full((2, 3), 1), 5).float()
    sure = 50 * F.one_hot(torch.full((4, 3), 1), 5).float()
    assert dino_loss(sure, targets, 1.0) < 1e-6
    sure[3, 1] = sure[3, 1].roll(1)  # one view of one picture: 2 of 6 · 3 pairs, 50 nats each
    assert float(dino_loss(sure, targets, 1.0)) == pytest.approx(50 * 2 / 18, rel=1e-5)


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("seed", range(3))
def test_loss_is_entropy_plus_kl(views: int, seed: int) -> None:
    """Eq. 5, with the entropy and the KL that the diagnostics use."""
    student, teacher = random_logits(views, 5, 12, seed)
    targets = teacher_probs(teacher, teacher.mean((0, 1)), 0.04)
    log_probs = F.log_softmax(student / 0.1, dim=-1)
    pairs = [(q, v) for q in range(2) for v in range(views) if v != q]
    kl = torch.stack([kl_divergence(targets[q], log_probs[v]).mean() for q, v in pairs]).mean()
    assert kl > 0.1
    torch.testing.assert_close(dino_loss(student, targets, 0.1), entropy(targets).mean() + kl, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("logits_like", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_worked_out_in_float32(logits_like: torch.dtype) -> None:
    """float16 alone would overflow: exp(10 / 0.04) is far beyond its 65504."""
    student, teacher = (10 * x.detach().to(logits_like) for x in random_logits(4, 3, 8, seed=1))
    center = update_center(torch.zeros(8), teacher, 0.5)
    loss = dino_loss(student, teacher_probs(teacher, center, 0.04), 0.1)
    assert center.dtype == loss.dtype == torch.float32
    expected_center = slow_center(torch.zeros(8, dtype=torch.float64), teacher, 0.5)
    expected = slow_loss(student, teacher, expected_center, 0.1, 0.04)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)


# --- where gradients may go ---------------------------------------------------------------------------------


def test_no_gradient_reaches_teacher_or_center() -> None:
    student, teacher = random_logits(4, 3, 8, seed=0)
    teacher.requires_grad_()
    center = torch.linspace(-0.1, 0.1, 8).requires_grad_()
    targets = teacher_probs(teacher, center, 0.04)
    assert not targets.requires_grad
    dino_loss(student, targets, 0.1).backward()
    assert teacher.grad is None
    assert center.grad is None
    assert student.grad is not None
    for view in student.grad:
        assert view.abs().sum() > 0  # every view of the student learns


@pytest.mark.parametrize("probs", [sinkhorn_probs, batch_softmax_probs])
def test_no_gradient_passes_the_other_targets(probs: Callable[[Tensor, float], Tensor]) -> None:
    teacher = random_logits(2, 3, 8, seed=0)[1].requires_grad_()
    assert not probs(teacher, 0.04).requires_grad


def test_update_center_is_pure() -> None:
    teacher = random_logits(2, 3, 8, seed=0)[1].requires_grad_()
    center = torch.linspace(-0.1, 0.1, 8).requires_grad_()
    before = center.detach().clone(), teacher.detach().clone()
    new = update_center(center, teacher, 0.9)
    assert not new.requires_grad
    assert new.data_ptr() != center.data_ptr()
    torch.testing.assert_close((center.detach(), teacher.detach()), before, rtol=0, atol=0)
    assert new.shape == (8,)
    assert update_center(center, teacher, 1.0).equal(before[0])  # m = 1 never moves
    torch.testing.assert_close(update_center(center, teacher, 0.0), before[1].mean((0, 1)))  # m = 0 forgets


# --- wrong losses must not pass -----------------------------------------------------------------------------


def cross_entropies(targets: Tensor, log_probs: Tensor) -> Tensor:
    """Σ_k -P_t log P_s of every pair of views and every picture: (2, V, B)."""
    return -torch.einsum("qbk,vbk->qvb", targets, log_probs)


def different(pairs: Tensor) -> Tensor:
    """The pairs of different views: (2, V, B) → (2V - 2, B)."""
    return pairs[~torch.eye(*pairs.shape[:2], dtype=torch.bool)]


def with_temperatures(s: Tensor, t: Tensor, c: Tensor, student_temp: float, teacher_temp: float) -> Tensor:
    """The right loss, worked out a third way."""
    targets = F.softmax((t - c) / teacher_temp, -1)
    return different(cross_entropies(targets, F.log_softmax(s / student_temp, -1))).mean()


def wrong_axis(s: Tensor, t: Tensor, c: Tensor, axis: int) -> Tensor:
    """Softmax over the batch (1) or over the views (0)."""
    return different(cross_entropies(F.softmax((t - c) / 0.04, axis), F.log_softmax(s / 0.1, axis))).mean()


def pairs_of(s: Tensor, t: Tensor, c: Tensor) -> Tensor:
    """The right cross-entropies, to be put together wrongly."""
    return cross_entropies(F.softmax((t - c) / 0.04, -1), F.log_softmax(s / 0.1, -1))


def swapped_distributions(s: Tensor, t: Tensor, c: Tensor) -> Tensor:
    """H(P_s, P_t) instead of H(P_t, P_s)."""
    return different(cross_entropies(F.log_softmax((t - c) / 0.04, -1), F.softmax(s / 0.1, -1))).mean()


WRONG_LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "same view kept": lambda s, t, c: pairs_of(s, t, c).mean(),
    "same view kept in the sum": lambda s, t, c: pairs_of(s, t, c).mean(-1).sum() / (2 * len(s) - 2),
    "only the same view left": lambda s, t, c: pairs_of(s, t, c)[torch.arange(2), torch.arange(2)].mean(),
    "divided by 2V": lambda s, t, c: different(pairs_of(s, t, c)).mean(-1).sum() / (2 * len(s)),
    "sum over pairs": lambda s, t, c: different(pairs_of(s, t, c)).mean(-1).sum(),
    "sum over the batch": lambda s, t, c: different(pairs_of(s, t, c)).sum(-1).mean(),
    "mean over prototypes": lambda s, t, c: different(pairs_of(s, t, c)).mean() / s.shape[-1],
    "one teacher view": lambda s, t, c: pairs_of(s, t, c)[0, 1:].mean(),
    "sign": lambda s, t, c: -different(pairs_of(s, t, c)).mean(),
    "distributions swapped": swapped_distributions,
    "temperatures swapped": lambda s, t, c: with_temperatures(s, t, c, 0.04, 0.1),
    "no student temperature": lambda s, t, c: with_temperatures(s, t, c, 1.0, 0.04),
    "no teacher temperature": lambda s, t, c: with_temperatures(s, t, c, 0.1, 1.0),
    "multiplied by the temperature": lambda s, t, c: with_temperatures(s, t, c, 10.0, 0.04),
    "softmax over the batch": lambda s, t, c: wrong_axis(s, t, c, 1),
    "softmax over the views": lambda s, t, c: wrong_axis(s, t, c, 0),
    "no centre": lambda s, t, c: with_temperatures(s, t, 0 * c, 0.1, 0.04),
    "centre added": lambda s, t, c: with_temperatures(s, t, -c, 0.1, 0.04),
    "centre after the temperature": lambda s, t, c: with_temperatures(s, t, 0.04 * c, 0.1, 0.04),
    "pictures mixed up": lambda s, t, c: with_temperatures(s, t.roll(1, 1), c, 0.1, 0.04),
    "student's views mixed up": lambda s, t, c: with_temperatures(s.roll(1, 0), t, c, 0.1, 0.04),
}


@pytest.mark.parametrize("views", [3, 4, 10])
@pytest.mark.parametrize(("batch", "out_dim"), BATCH_AND_PROTOTYPES)
@pytest.mark.parametrize("wrong", WRONG_LOSSES)
def test_wrong_losses_give_other_numbers(wrong: str, views: int, batch: int, out_dim: int) -> None:
    """At least half of the five inputs with a centre tell this mistake from the right loss, by far."""
    center, found = torch.zeros(out_dim), 0
    for step in range(STEPS):
        student, teacher = (x.detach() for x in random_logits(views, batch, out_dim, seed=step))
        right = dino_loss(student, teacher_probs(teacher, center, 0.04), 0.1)
        torch.testing.assert_close(right, with_temperatures(student, teacher, center, 0.1, 0.04), rtol=1e-5, atol=1e-6)
        found += int((WRONG_LOSSES[wrong](student, teacher, center) - right).abs() > 1e-3 * right)
        center = update_center(center, teacher, 0.5)
    assert found >= 3


# --- Sinkhorn-Knopp and softmax over the batch --------------------------------------------------------------


def slow_sinkhorn(logits: Tensor, temperature: float, iterations: int) -> Tensor:
    """The SwAV/DINOv2 recipe on logarithms in float64: rows (N, K) → N assignments (N, K).

    Q = exp(t / τ), its sum 1; then in turn: every prototype gets 1/K, every row 1/N; at last every row gets 1.
    """
    rows, prototypes = logits.shape
    log_q = logits.double() / temperature
    log_q = log_q - torch.logsumexp(log_q.flatten(), 0)
    for _ in range(iterations):
        for k in range(prototypes):
            log_q[:, k] = log_q[:, k] - torch.logsumexp(log_q[:, k], 0) - math.log(prototypes)
        for n in range(rows):
            log_q[n] = log_q[n] - torch.logsumexp(log_q[n], 0) - math.log(rows)
    return torch.exp(log_q + math.log(rows))


@pytest.mark.parametrize(("batch", "out_dim"), [(3, 5), (8, 33), (20, 4)])
@pytest.mark.parametrize("temperature", [0.04, 0.1, 1.0])
@pytest.mark.parametrize("iterations", [1, 3, 10])
@pytest.mark.parametrize("seed", range(2))
def test_sinkhorn_matches_slow_loop(batch: int, out_dim: int, temperature: float, iterations: int, seed: int) -> None:
    teacher = random_logits(2, batch, out_dim, seed)[1]
    probs = sinkhorn_probs(teacher, temperature, iterations)
    expected = slow_sinkhorn(teacher.flatten(0, 1), temperature, iterations).view_as(teacher)
    torch.testing.assert_close(probs.double(), expected, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(probs.sum(-1), torch.ones(2, batch))


def test_sinkhorn_takes_three_iterations_unless_told() -> None:
    teacher = random_logits(2, 6, 9, seed=0)[1]
    assert sinkhorn_probs(teacher, 0.04).equal(sinkhorn_probs(teacher, 0.04, 3))
    assert not sinkhorn_probs(teacher, 0.04).allclose(sinkhorn_probs(teacher, 0.04, 2))


def test_sinkhorn_converges_to_even_prototypes() -> None:
    teacher = random_logits(2, 10, 8, seed=0)[1]
    spread = [sinkhorn_probs(teacher, 0.1, n).sum((0, 1)).std() for n in (1, 3, 200)]
    assert spread[0] > spread[1] > spread[2]
    torch.testing.assert_close(sinkhorn_probs(teacher, 0.1, 200).sum((0, 1)), torch.full((8,), 20 / 8))


@pytest.mark.parametrize("shift", ["prototype", "everything"])
def test_sinkhorn_does_not_see_what_all_rows_share(shift: str) -> None:
    """What the centre takes away, the first division takes away as well."""
    teacher = random_logits(2, 6, 9, seed=0)[1]
    offset = torch.linspace(-1, 1, 9) if shift == "prototype" else torch.tensor(3.0)
    torch.testing.assert_close(
        sinkhorn_probs(teacher + offset, 0.04), sinkhorn_probs(teacher, 0.04), rtol=1e-3, atol=1e-6
    )


@pytest.mark.parametrize("size", [20, 50, 1000])
def test_sinkhorn_of_large_logits(size: int) -> None:
    """exp(3 · 1000 / 0.04) neither overflows nor leaves a picture without any target."""
    teacher = size * random_logits(2, 6, 16, seed=0)[1]
    probs = sinkhorn_probs(teacher, 0.04)
    assert probs.isfinite().all()
    torch.testing.assert_close(probs.sum(-1), torch.ones(2, 6))
    expected = slow_sinkhorn(teacher.flatten(0, 1), 0.04, 3).view_as(teacher)
    torch.testing.assert_close(probs.double(), expected, rtol=0.05, atol=0.01)  # float32 of numbers up to 30,000


@pytest.mark.parametrize(("batch", "out_dim"), BATCH_AND_PROTOTYPES)
@pytest.mark.parametrize("temperature", [0.04, 0.1])
def test_batch_softmax_is_softmax_over_rows_then_rows_to_one(batch: int, out_dim: int, temperature: float) -> None:
    teacher = random_logits(2, batch, out_dim, seed=0)[1]
    expected = F.softmax(teacher.flatten(0, 1).double() / temperature, dim=0)
    expected = (expected / expected.sum(1, keepdim=True)).view_as(teacher)
    probs = batch_softmax_probs(teacher, temperature)
    torch.testing.assert_close(probs.double(), expected, rtol=1e-3, atol=1e-6)
    assert not probs.allclose(F.softmax(teacher / temperature, -1), atol=1e-2)


# --- bad arguments ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        ((1, 3, 5), (1, 3, 5)),
        ((1, 3, 5), (2, 3, 5)),
        ((4, 3, 5), (1, 3, 5)),
        ((4, 3, 5), (4, 3, 5)),
        ((4, 3, 5), (2, 4, 5)),
        ((4, 3, 5), (2, 3, 1)),
        ((4, 3, 5), (3, 5)),
        ((12, 5), (6, 5)),
        ((12, 5), (2, 6, 5)),
    ],
)
def test_wrong_shapes_get_one_sentence(student: tuple[int, ...], teacher: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^dino_loss needs .*V >= 2.*got \(.*\) and \(.*\)\.$"):
        dino_loss(torch.zeros(student), torch.ones(teacher), 0.1)


@pytest.mark.parametrize("center", [(6,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize(
    "use",
    [
        lambda center, teacher: teacher_probs(teacher, center, 0.04),
        lambda center, teacher: update_center(center, teacher, 0.9),
    ],
    ids=["teacher_probs", "update_center"],
)
def test_wrong_center_gets_one_sentence(use: Callable[[Tensor, Tensor], Tensor], center: tuple[int, ...]) -> None:
    """A centre of (B, K) would be subtracted without complaint: one centre a picture, which leaves nothing."""
    with pytest.raises(ValueError, match="cent"):
        use(torch.zeros(center), torch.zeros(2, 3, 5))


# --- KoLeo (DINOv2) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("views", "batch", "dim"), [(2, 3, 2), (2, 16, 8), (1, 5, 4), (3, 2, 6)])
def test_koleo_against_lightly_and_a_loop(views: int, batch: int, dim: int) -> None:
    """Each view alone, like lightly's; the loop looks at every pair in float64."""
    from lightly.loss import KoLeoLoss

    x = torch.randn(views, batch, dim, generator=torch.Generator().manual_seed(batch))
    logs = []
    for view in x.double():
        rows = [row / row.norm() for row in view]
        for i, row in enumerate(rows):
            logs.append(math.log(min(float((row - other).norm()) for j, other in enumerate(rows) if j != i)))
    assert koleo_loss(x).item() == pytest.approx(-sum(logs) / len(logs), rel=1e-4, abs=1e-5)
    assert koleo_loss(x).item() == pytest.approx(float(sum(KoLeoLoss()(view) for view in x)) / views, rel=1e-4)


def test_koleo_spreads_features() -> None:
    """Gradient steps on it alone move crowded features apart, until no nearest neighbour is near."""
    x = torch.randn(2, 12, 3, generator=torch.Generator().manual_seed(0)) * 0.05 + 1
    x.requires_grad_()
    before, optimizer = float(koleo_loss(x.detach())), torch.optim.Adam([x], lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        koleo_loss(x).backward()
        optimizer.step()
    unit = F.normalize(x.detach(), dim=-1)
    gaps = torch.cdist(unit, unit) + 9 * torch.eye(12)
    assert float(koleo_loss(x.detach())) < before - 1
    assert float(gaps.min()) > 0.4


def test_koleo_of_equal_features_has_no_nan() -> None:
    """Two pictures with one feature: a large loss, and a gradient that is a number."""
    x = torch.ones(2, 4, 3, requires_grad=True)
    loss = koleo_loss(x)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-8), rel=1e-4)
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())


@pytest.mark.parametrize("shape", [(2, 1, 4), (3, 4)])
def test_koleo_needs_neighbours(shape: tuple[int, ...]) -> None:
    """One picture has no neighbour: DINOv2 divides by infinity there (issue 314)."""
    with pytest.raises(ValueError, match="at least 2 pictures"):
        koleo_loss(torch.randn(shape))
