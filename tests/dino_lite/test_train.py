"""One training step against a slow one written from the paper's Algorithm 1, and what a run must keep: its numbers
when repeated, resumed, copied or split into parts, its state when a step fails, everybody else's random numbers.

At the end, marked slow: whole runs, which must go where the paper says. Run: pytest tests/dino_lite/test_train.py
"""

import copy
import dataclasses
import itertools
import json
import math
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dino_lite import (
    Dino,
    DinoConfig,
    Pictures,
    StepLog,
    features,
    knn_accuracy,
    load_checkpoint,
    load_pictures,
    make_views,
    retrieval_accuracy,
    save_checkpoint,
    train,
)
from dino_lite.batches import batch_rows, stream_seed
from dino_lite.knobs import scheduled_knobs
from dino_lite.scorecard import test_rows as held_out_rows
from dino_lite.scorecard import vendor_rows
from dino_lite.steplog import require_finite

TINY = dataclasses.replace(
    DinoConfig.lab(), picture_size=16, global_size=16, local_size=8, n_local=2, patch_size=4, dim=16, depth=2, heads=2,
    head_hidden=16, bottleneck=8, out_dim=24, batch_size=8, lr=0.064,
)  # fmt: skip
# every path of a step: decay and moments, length of the prototypes, clipping, the centre's and the teacher's memory
KNOBS: dict[str, Any] = dict(
    student_temp=0.2, teacher_temp=0.07, center_momentum=0.8, ema_momentum=0.7, weight_decay=0.3
)


def pictures(count: int = 8, seed: int = 0, channels: int = 3) -> Tensor:
    """Coloured noise, uint8 (count, channels, 16, 16)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 16, 16), generator=generator, dtype=torch.uint8)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Normal random numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def numbers(log: StepLog) -> dict[str, Any]:
    """What must be the same when a step is repeated: all but the time it took."""
    return {name: value for name, value in log.to_dict().items() if name not in ("seconds", "images_per_second")}


def weights(dino: Dino) -> list[Tensor]:
    """Everything that a step changes, copied."""
    state = dino.state_dict()
    return [x.clone() for net in ("student", "teacher") for x in state[net].values()] + [dino.center.clone()]


def visible(network: nn.Module) -> dict[str, Tensor]:
    """All parameters but those that cannot change the output: biases of keys, and what batch norm subtracts again.

    Their gradient is zero but for rounding, which AdamW scales up to whole steps: no two programs agree on them.
    """
    found = {name: p.detach().clone() for name, p in network.named_parameters()}
    for name in list(found):
        if name.endswith("qkv.bias"):
            query, _, value = found.pop(name).chunk(3)
            found |= {f"{name} (query)": query, f"{name} (value)": value}
    if any(isinstance(module, nn.BatchNorm1d) for module in network.modules()):
        for name in ("backbone.norm.bias", "head.mlp.0.bias", "head.mlp.3.bias"):
            del found[name]
    return found


def assert_close(a: dict[str, Tensor], b: dict[str, Tensor], tolerance: float = 1e-5) -> None:
    """Equal within `tolerance`; says which is not."""
    assert a.keys() == b.keys()
    for name, x in a.items():
        torch.testing.assert_close(x, b[name], rtol=0, atol=tolerance, msg=lambda text, n=name: f"{n}: {text}")


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    """Equal bit for bit."""
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# --- one step is Algorithm 1 --------------------------------------------------------------------------------


class SlowDino:
    """Algorithm 1 with multi-crop, one view, one pair and one parameter at a time; only the two networks are shared."""

    def __init__(self, dino: Dino) -> None:
        self.config, self.seed, self.step = dino.config, dino.seed, 0
        self.student, self.teacher = copy.deepcopy(dino.student), copy.deepcopy(dino.teacher)
        self.center = torch.zeros(dino.config.out_dim)
        trained = [p for p in self.student.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1]},
            {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, foreach=False, fused=False)

    def train_step(self, images: Tensor, knobs: dict[str, Any]) -> float:
        """One step; returns the loss."""
        generator = torch.Generator().manual_seed(stream_seed(self.seed, self.step, "views"))
        views = make_views(images, self.config, generator)
        crops = list(views.global_views) + ([] if views.local_views is None else list(views.local_views))
        s, t = self.logits(self.student, crops), [x.detach() for x in self.logits(self.teacher, crops[:2])]
        loss, pairs = torch.zeros(()), 0
        for q in range(2):
            for v in range(len(crops)):
                if v != q:
                    loss, pairs = loss + self.cross_entropy(t[q], s[v], knobs), pairs + 1
        loss = loss / pairs
        dino_loss = float(loss.detach())  # what is logged: without DINOv2's term
        if self.config.koleo_weight:
            for x in crops[:2]:
                z = F.normalize(self.student.backbone(x), dim=1)
                gaps = torch.stack([min((z[i] - z[j]).norm() for j in range(len(z)) if j != i) for i in range(len(z))])
                loss = loss - self.config.koleo_weight * gaps.log().mean() / 2
        m = knobs["center_momentum"]
        self.center = m * self.center + (1 - m) * torch.cat(t).mean(dim=0)
        self.update_student(loss, knobs)
        m = knobs["ema_momentum"]
        with torch.no_grad():
            for ours, theirs in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                ours.copy_(m * ours + (1 - m) * theirs)
        self.step += 1
        return dino_loss

    def logits(self, network: Any, crops: list[Tensor]) -> list[Tensor]:
        """Each crop by itself, but all of them at once where batch norm looks at the whole batch."""
        features = [network.backbone(crop) for crop in crops]
        if self.config.head_bn:
            return list(network.head(torch.cat(features)).chunk(len(crops)))
        return [network.head(x) for x in features]

    def cross_entropy(self, t: Tensor, s: Tensor, knobs: dict[str, Any]) -> Tensor:
        """H(t, s) of the paper, row by row."""
        rows = []
        for target, prediction in zip(t, s, strict=True):
            p = torch.softmax((target - self.center) / knobs["teacher_temp"], dim=0)
            rows.append(-(p * torch.log_softmax(prediction / knobs["student_temp"], dim=0)).sum())
        return torch.stack(rows).mean()

    def update_student(self, loss: Tensor, knobs: dict[str, Any]) -> None:
        """Clip each gradient by itself, leave frozen prototypes out, AdamW."""
        self.optimizer.zero_grad()
        loss.backward()
        for name, p in self.student.named_parameters():
            if p.grad is not None:
                p.grad *= min(1.0, self.config.clip_grad / (float(p.grad.norm()) + 1e-6))
                if "last_layer" in name and knobs["freeze_last_layer"]:
                    p.grad = None
        for group, decay in zip(self.optimizer.param_groups, (knobs["weight_decay"], 0.0), strict=True):
            group["lr"], group["weight_decay"] = knobs["lr"], decay
        self.optimizer.step()


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(TINY, id="2 global + 2 local views"),
        pytest.param(dataclasses.replace(TINY, n_local=0), id="2 global views"),
        pytest.param(dataclasses.replace(TINY, norm_last_layer=False, clip_grad=0.02), id="free prototypes, clipping"),
        pytest.param(dataclasses.replace(TINY, head_bn=True), id="batch norm in the head"),
        pytest.param(dataclasses.replace(TINY, koleo_weight=0.5), id="KoLeo"),
    ],
)
def test_five_steps_equal_algorithm_1(config: DinoConfig) -> None:
    """Loss, centre, teacher, student and their outputs after each of 5 steps; knobs move, two steps are frozen."""
    dino = Dino(config, seed=3, device="cpu")
    atol = 1e-4 if config.head_bn else 1e-5  # Adam makes whole steps of batch norm's gradients that are nearly zero
    slow, begin, look = SlowDino(dino), visible(dino.student), normal(1, 6, 3, 16, 16)
    for step in range(5):
        images = pictures(seed=step)
        knobs = KNOBS | dict(lr=0.001 * (step + 1), freeze_last_layer=step < 2, teacher_temp=0.05 + 0.02 * step)
        log, loss = dino.train_step(images, **knobs), slow.train_step(images, knobs)
        assert log.step == step
        assert log.loss == pytest.approx(loss, abs=atol)
        torch.testing.assert_close(dino.center, slow.center, rtol=0, atol=atol)
        for ours, theirs in ((dino.student, slow.student), (dino.teacher, slow.teacher)):
            assert_close(visible(ours), visible(theirs), atol)
            torch.testing.assert_close(ours(look)[0], theirs(look)[0], rtol=0, atol=atol)
    assert dino.center.abs().max() > 0.01  # a centre that stayed at zero would compare nothing
    frozen = "head.last_layer.parametrizations.weight.original0"
    still = {name for name, p in visible(dino.student).items() if torch.equal(p, begin[name])}
    assert still == ({frozen} if config.norm_last_layer else set())  # everything else has moved


@pytest.mark.parametrize(
    "change", [dict(weight_decay=0.0), dict(freeze_last_layer=False), dict(center_momentum=0.9), dict(lr=0.0011)]
)
def test_that_comparison_sees(change: dict[str, Any]) -> None:
    """With one knob of the slow program moved the two must differ, or the comparison would see too little."""
    dino = Dino(TINY, seed=3, device="cpu")
    slow = SlowDino(dino)
    knobs = KNOBS | dict(lr=0.001, freeze_last_layer=True)
    for step in range(2):
        dino.train_step(pictures(seed=step), **knobs)
        slow.train_step(pictures(seed=step), knobs | change)
    with pytest.raises(AssertionError, match="not close"):
        assert_close(visible(dino.student) | {"C": dino.center}, visible(slow.student) | {"C": slow.center})


@pytest.mark.parametrize(("centering", "sharpening"), [(True, True), (True, False), (False, True), (False, False)])
def test_switches_of_the_targets(centering: bool, sharpening: bool) -> None:
    """Without centering nothing is subtracted; without sharpening the teacher has the student's temperature."""
    dino = Dino(TINY, device="cpu")
    dino.center, t = normal(24), normal(2, 8, 24, seed=1)
    knobs = dict(student_temp=0.3, teacher_temp=0.1, centering=centering, sharpening=sharpening, target="center")
    center, temperature = dino.center if centering else 0.0, 0.1 if sharpening else 0.3
    torch.testing.assert_close(dino.targets(t, knobs), torch.softmax((t - center) / temperature, dim=-1))


def test_targets_without_a_center() -> None:
    """Batch softmax as in the notes on Table 15, over both views; Sinkhorn-Knopp gives each prototype its share."""
    dino, t = Dino(TINY, device="cpu"), normal(2, 8, 24)
    dino.center = torch.full((24,), torch.nan)  # must not be looked at
    knobs = dict(student_temp=0.3, teacher_temp=0.1, centering=True, sharpening=True)
    shares = torch.softmax(t.flatten(0, 1) / 0.1, dim=0)
    expected = (shares / shares.sum(dim=1, keepdim=True)).view_as(t)
    torch.testing.assert_close(dino.targets(t, knobs | dict(target="batch_softmax")), expected)
    p = dino.targets(t, knobs | dict(target="sinkhorn"))
    torch.testing.assert_close(p.sum(-1), torch.ones(2, 8))
    assert p.mean((0, 1)).std() < expected.mean((0, 1)).std()


def test_log_says_what_happened() -> None:
    """Entropies, their difference, the centre and the features of a step, from the twin's networks by hand."""
    dino = Dino(TINY, seed=1, device="cpu")
    dino.train_step(pictures(seed=5), lr=0.01)
    twin = copy.deepcopy(dino)
    log = dino.train_step(pictures(), **KNOBS)
    views = make_views(pictures(), TINY, torch.Generator().manual_seed(stream_seed(1, 1, "views")))
    t, features = twin.teacher(views.global_views)
    p = torch.softmax((t - twin.center) / KNOBS["teacher_temp"], dim=-1).flatten(0, 1).double()
    entropy = float(-(p * p.log()).sum(-1).mean())
    marginal = float(-(p.mean(0) * p.mean(0).log()).sum())
    unit = nn.functional.normalize(features.flatten(0, 1), dim=-1)
    assert log.entropy == pytest.approx(entropy, abs=1e-5)
    assert log.kl == pytest.approx(log.loss - entropy, abs=1e-5)
    assert log.marginal_entropy == pytest.approx(marginal, abs=1e-5)
    assert log.mutual_information == pytest.approx(marginal - entropy, abs=1e-5)
    assert log.effective_prototypes == pytest.approx(math.exp(marginal), rel=1e-5)
    assert log.center_norm == pytest.approx(float(dino.center.norm()), rel=1e-5)
    assert log.feature_std == pytest.approx(float(unit.std(dim=0).mean()), rel=1e-5)
    assert log.knobs.items() >= KNOBS.items()
    assert log.images_per_second == pytest.approx(8 / log.seconds)
    assert log.effective_rank is None  # not measured in every step
    assert json.loads(json.dumps(log.to_dict())) == log.to_dict()  # plain numbers


# --- what a step leaves alone -------------------------------------------------------------------------------


def test_no_gradient_reaches_teacher_or_centre() -> None:
    """Only the student has gradients after a step."""
    dino, images = Dino(TINY, device="cpu"), pictures()
    for _ in range(2):
        dino.train_step(images)
    assert all(p.grad is None and not p.requires_grad for p in dino.teacher.parameters())
    assert dino.center.grad_fn is None
    assert not dino.center.requires_grad
    assert all(p.grad is not None for p in dino.student.parameters() if p.requires_grad)
    assert torch.equal(images, pictures())


def test_other_peoples_random_numbers_stay_as_they_were() -> None:
    """Making a Dino and training it, with stochastic depth, draws nothing from the three global generators."""
    config = dataclasses.replace(TINY, drop_path=0.5)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 (that one)
    assert len(list(train(config, set_of(pictures(16)), device="cpu", steps=3))) == 3
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_teacher_is_no_alias_of_the_student() -> None:
    """No tensor of the teacher lies in the student's memory, also after copying and loading."""
    dino = Dino(TINY, device="cpu")
    copied = copy.deepcopy(dino)
    copied.load_state_dict(dino.state_dict())
    for run in (dino, copied):
        theirs = {x.data_ptr() for x in run.student.state_dict().values()}
        assert theirs.isdisjoint(x.data_ptr() for x in run.teacher.state_dict().values())


# --- the same again -----------------------------------------------------------------------------------------


def set_of(images: Tensor) -> Pictures:
    """Pictures without labels."""
    return Pictures(images, [f"{i}.png" for i in range(len(images))])


def run(dino: Dino, steps: int) -> list[dict[str, Any]]:
    """Some more steps, each with pictures of its own; their numbers."""
    return [numbers(dino.train_step(pictures(seed=dino.step), **KNOBS)) for _ in range(steps)]


DROPPING = dataclasses.replace(TINY, drop_path=0.5)


def test_same_seed_same_numbers() -> None:
    """Bit for bit, through `train` and its schedules; another seed gives others from the first step on."""
    images, config = set_of(pictures(20, channels=4)), dataclasses.replace(DROPPING, epochs=3)
    first, again, other = ([numbers(log) for log in train(config, images, seed, "cpu")] for seed in (1, 1, 2))
    assert first == again
    assert len(first) == 3 * 2
    assert [log["step"] for log in first] == list(range(6))
    assert not any(a["loss"] == b["loss"] for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("config", [DROPPING, dataclasses.replace(DROPPING, head_bn=True, norm_last_layer=False)])
def test_loaded_state_goes_on_bit_for_bit(config: DinoConfig) -> None:
    """A Dino of another seed that loads a state repeats what followed; so does the same one, rewound."""
    dino = Dino(config, seed=1, device="cpu")
    run(dino, 3)
    state = copy.deepcopy(dino.state_dict())
    expected = run(dino, 3), weights(dino)
    for other in (Dino(config, seed=9, device="cpu"), dino):
        other.load_state_dict(state)
        assert (other.step, other.seed) == (3, 1)
        assert run(other, 3) == expected[0]
        assert same(weights(other), expected[1])
    assert state["step"] == 3  # what was loaded is a copy: going on has not moved it
    dino.load_state_dict(state)
    assert run(dino, 3) == expected[0]


def test_copy_goes_on_by_itself() -> None:
    """A deep copy repeats what the original does, and neither moves the other."""
    dino = Dino(DROPPING, seed=1, device="cpu")
    run(dino, 2)
    branch = copy.deepcopy(dino)
    begin = weights(branch)
    expected = run(dino, 3), weights(dino)
    assert same(weights(branch), begin)
    assert run(branch, 3) == expected[0]
    assert same(weights(branch), expected[1])


@pytest.mark.parametrize("n_local", [0, 2])
def test_batch_in_parts(n_local: int) -> None:
    """accumulate=4 gives what the whole batch gives, to 1e-5."""
    whole = Dino(dataclasses.replace(TINY, n_local=n_local), device="cpu")
    parts = Dino(dataclasses.replace(TINY, n_local=n_local, accumulate=4), device="cpu")
    for a, b in zip(run(whole, 4), run(parts, 4), strict=True):
        for name in ("loss", "entropy", "kl", "marginal_entropy", "center_norm", "feature_std"):
            assert a[name] == pytest.approx(b[name], abs=1e-5), name
    for a, b in ((whole.student, parts.student), (whole.teacher, parts.teacher)):
        assert_close(visible(a), visible(b))
    torch.testing.assert_close(whole.center, parts.center, rtol=0, atol=1e-5)


def test_batch_that_does_not_split() -> None:
    """Six pictures in four parts."""
    dino = Dino(dataclasses.replace(TINY, accumulate=4), device="cpu")
    with pytest.raises(ValueError, match=r"6 pictures .* 4 equal parts"):
        dino.train_step(pictures(6))


# --- knobs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        (dict(temperature=0.1), "There is no knob 'temperature'"),
        (dict(student_temp=0.0), "student_temp must be a number from 1e-06"),
        (dict(teacher_temp=-1.0), "teacher_temp"),
        (dict(teacher_temp=math.nan), "teacher_temp"),
        (dict(teacher_temp="0.04"), "teacher_temp"),
        (dict(center_momentum=1.01), "center_momentum must be a number from 0 to 1"),
        (dict(ema_momentum=-0.1), "ema_momentum"),
        (dict(ema_momentum=True), "ema_momentum"),
        (dict(lr=-1e-9), "lr must"),
        (dict(weight_decay=None), "weight_decay"),
        (dict(centering=1), "centering must be True or False"),
        (dict(ema="no"), "ema must be True or False"),
        (dict(target="kmeans"), "target must be one of center, sinkhorn, batch_softmax"),
    ],
)
def test_wrong_knob(knobs: dict[str, Any], sentence: str) -> None:
    """ValueError before anything has changed."""
    dino = Dino(TINY, device="cpu")
    begin = weights(dino)
    with pytest.raises(ValueError, match=sentence):
        dino.train_step(pictures(), **knobs)
    assert dino.step == 0
    assert same(weights(dino), begin)


def test_freeze_last_layer() -> None:
    """Frozen prototypes stay, without decay or moments, while all else moves; the next step moves them."""
    dino = Dino(TINY, device="cpu")
    prototypes, first = dino.student.head.last_layer.parametrizations.weight.original1, dino.student.head.mlp[0].weight
    begin = prototypes.detach().clone(), first.detach().clone()
    dino.train_step(pictures(), freeze_last_layer=True)
    assert torch.equal(prototypes, begin[0])
    assert not torch.equal(first, begin[1])
    assert prototypes not in dino.optimizer.state
    dino.train_step(pictures())
    assert not torch.equal(prototypes, begin[0])


def test_no_ema_makes_the_teacher_a_copy() -> None:
    """ema=False: after the step the teacher has the student's weights, whatever the momentum."""
    dino = Dino(TINY, device="cpu")
    dino.train_step(pictures(), ema_momentum=0.9)
    assert not all(torch.equal(a, b) for a, b in zip(dino.student.parameters(), dino.teacher.parameters(), strict=True))
    dino.train_step(pictures(), ema_momentum=0.9, ema=False)
    assert all(torch.equal(a, b) for a, b in zip(dino.student.parameters(), dino.teacher.parameters(), strict=True))


# --- a loss that is not finite ------------------------------------------------------------------------------


def test_poisoned_weights_stop_the_step() -> None:
    """The error names the cause; step, centre, teacher and optimizer are as they were."""
    dino = Dino(TINY, device="cpu")
    run(dino, 2)
    with torch.no_grad():
        dino.student.backbone.patch_embed.proj.weight[0] = math.nan
    before = weights(dino), copy.deepcopy(dino.optimizer.state_dict()["state"])
    with pytest.raises(FloatingPointError, match=r"loss is nan at step 2: the student's weights .* learning rate"):
        dino.train_step(pictures())
    assert dino.step == 2
    assert all(torch.equal(a, b) or a.isnan().any() for a, b in zip(weights(dino), before[0], strict=True))
    assert all(bool(p.isfinite().all()) for p in [*dino.teacher.parameters(), dino.center])
    for number, moments in dino.optimizer.state_dict()["state"].items():
        assert same(list(moments.values()), list(before[1][number].values()))


@pytest.mark.parametrize("lr", [1e10, 1e38])
def test_far_too_high_learning_rate(lr: float) -> None:
    """Ends within a few steps with a sentence that names it."""
    dino = Dino(TINY, device="cpu")
    steps = (dino.train_step(pictures(), lr=lr) for _ in range(5))
    with pytest.raises(FloatingPointError, match=f"learning rate .{lr:.2g}".replace("+", r"\+")):
        list(steps)
    assert 0 < dino.step < 5


@pytest.mark.parametrize(
    ("weight", "center", "temperature", "cause"),
    [
        (math.inf, 0.0, 0.1, "weights overflowed"),
        (1.0, math.nan, 0.1, "teacher's output overflowed"),
        (1.0, 0.0, 1e-5, "temperature below 0.001"),
        (1.0, 0.0, 0.1, "network's output overflowed"),
    ],
)
def test_likely_cause(weight: float, center: float, temperature: float, cause: str) -> None:
    """Each cause has its sentence, and a finite loss none."""
    student = nn.Linear(2, 2)
    nn.init.constant_(student.weight, weight)
    knobs = dict(student_temp=0.1, teacher_temp=temperature, lr=0.5)
    with pytest.raises(FloatingPointError, match=f"The loss is inf at step 7: .*{cause}"):
        require_finite(math.inf, 7, knobs, student, torch.tensor([center]))
    require_finite(1.0, 7, knobs, student, torch.tensor([center]))


# --- train --------------------------------------------------------------------------------------------------


def test_train_refuses_before_the_first_step() -> None:
    """A bad argument raises where `train` is called, not where its first log is asked for."""
    with pytest.raises(ValueError, match=r"batch \(8\) is larger than the data set \(7 pictures\)"):
        train(TINY, set_of(pictures(7)), device="cpu")
    with pytest.raises(ValueError, match="at least 1 step, got 0"):
        train(TINY, set_of(pictures()), device="cpu", steps=0)
    with pytest.raises(ValueError, match="no device 'abacus'"):
        train(TINY, set_of(pictures()), device="abacus")


def test_train_follows_order_and_schedules() -> None:
    """Step by step `train` is train_step on the rows of batch_rows with the knobs of scheduled_knobs."""
    config = dataclasses.replace(TINY, warmup_share=0.4, freeze_last_layer_share=0.2, teacher_temp=0.07)
    images, dino = pictures(20), Dino(config, seed=4, device="cpu")
    logs = list(train(config, set_of(images), seed=4, device="cpu", steps=5))
    for step, log in enumerate(logs):
        knobs = scheduled_knobs(config, step, 5)
        assert log.knobs == knobs
        assert numbers(dino.train_step(images[batch_rows(20, 8, 4, step)], **knobs)) == numbers(log)
    assert logs[0].knobs["freeze_last_layer"]
    assert len({log.knobs["lr"] for log in logs}) == 4  # up, up, peak, peak again, down


def test_train_goes_on_with_a_dino_in_hand() -> None:
    """`resume` is the run itself: 2 steps and then the rest are what one call gives; a finished run has no more."""
    images = set_of(pictures(20))
    whole = [numbers(log) for log in train(TINY, images, 1, "cpu", steps=5)]
    dino = Dino(TINY, 1, "cpu")
    begin = list(itertools.islice(train(TINY, images, steps=5, resume=dino), 2))
    assert dino.step == 2
    rest = list(train(TINY, images, steps=5, resume=dino))
    assert [numbers(log) for log in begin + rest] == whole
    assert list(train(TINY, images, steps=5, resume=dino)) == []


# --- other backbones and numbers ----------------------------------------------------------------------------

TIMM = dataclasses.replace(
    TINY, backbone="timm:vit_tiny_patch16_224", global_size=32, local_size=16, picture_size=32, patch_size=16,
    n_local=1, drop_path=0.0,
)  # fmt: skip


def test_timm_backbone(tmp_path: Path) -> None:
    """Trains, is saved, and goes on bit for bit."""
    dino = Dino(TIMM, seed=1, device="cpu")
    begin = dino.teacher.backbone.patch_embed.proj.weight.clone()
    run(dino, 2)
    save_checkpoint(dino, tmp_path / "c.safetensors")
    expected = run(dino, 1), weights(dino)
    assert not torch.equal(begin, dino.teacher.backbone.patch_embed.proj.weight)
    other = load_checkpoint(tmp_path / "c.safetensors", "cpu")
    assert run(other, 1) == expected[0]
    assert same(weights(other), expected[1])


def test_timm_backbone_with_stochastic_depth_can_be_repeated() -> None:
    """timm's own would draw from torch's global generator, which no checkpoint knows."""
    config, before = dataclasses.replace(TIMM, drop_path=0.5), torch.get_rng_state()
    first, again = (run(Dino(config, seed=1, device="cpu"), 1) for _ in range(2))
    assert first == again
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("sizes", [dict(global_size=40), dict(local_size=8)])
def test_timm_backbone_with_other_patches(sizes: dict[str, int]) -> None:
    """One sentence, before any step, when a view is no multiple of the network's own patches."""
    config = dataclasses.replace(TIMM, patch_size=8, **sizes)
    with pytest.raises(ValueError, match="vit_tiny_patch16_224 has patches of 16 px"):
        Dino(config, device="cpu")


def test_bf16_on_the_cpu() -> None:
    """Runs, with weights, centre and loss in float32, near the numbers of fp32."""
    exact, rough = Dino(TINY, device="cpu"), Dino(dataclasses.replace(TINY, precision="bf16"), device="cpu")
    for a, b in zip(run(exact, 3), run(rough, 3), strict=True):
        assert a["loss"] != b["loss"]
        assert a["loss"] == pytest.approx(b["loss"], abs=0.1)
    assert {x.dtype for x in weights(rough)} == {torch.float32}


# --- teacher and student as one -----------------------------------------------------------------------------


def test_aliased_teacher_is_no_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """`teacher = student` (dinov2#407) is bit for bit a run without EMA, whatever the momentum, and that collapses."""
    separate = Dino(TINY, seed=1, device="cpu")
    monkeypatch.setattr(sys.modules["dino_lite.train"], "make_teacher", lambda student: student)
    aliased = Dino(TINY, seed=1, device="cpu")
    monkeypatch.undo()
    for step in range(5):
        a = aliased.train_step(pictures(seed=step), ema_momentum=0.99)
        b = separate.train_step(pictures(seed=step), ema=False)
        for name in ("loss", "entropy", "kl", "center_norm", "feature_std"):
            assert getattr(a, name) == getattr(b, name)
    real = Dino(TINY, seed=1, device="cpu")
    assert [real.train_step(pictures(seed=step), ema_momentum=0.99).loss for step in range(2)][1] != b.loss
    assert same(weights(aliased)[:5], weights(separate)[:5])


# --- where whole runs go: the lab preset on the emoji (paper §5.3 and Fig. 7) --------------------------------

LAB = dataclasses.replace(DinoConfig.lab(), picture_size=32)  # crops from 32 px: a quarter less to compute


@pytest.fixture(scope="module")
def emoji() -> Pictures:
    """The default pictures."""
    return load_pictures("emoji", size=32)


def broken_run(emoji: Pictures, steps: int, **knobs: Any) -> list[StepLog]:
    """The beginning of a lab run whose knobs are wrong from the first step on."""
    dino, logs = Dino(LAB, seed=0, device="cpu"), []
    for step in range(steps):
        images = emoji.images[batch_rows(len(emoji), LAB.batch_size, 0, step)]
        logs.append(dino.train_step(images, **(scheduled_knobs(LAB, step, 400) | knobs)))
    return logs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "knobs", "diagnosis"),
    [
        pytest.param(140, dict(centering=False, sharpening=False), "dominant", id="neither"),
        pytest.param(140, dict(sharpening=False), "uniform", id="only centering"),
        pytest.param(140, dict(centering=False), "dominant", id="only sharpening"),
    ],
)
def test_run_collapses(emoji: Pictures, steps: int, knobs: dict[str, bool], diagnosis: str) -> None:
    """Where the paper says, and `diagnose` calls it by its name from then on."""
    logs = broken_run(emoji, steps, **knobs)
    assert {log.diagnosis for log in logs[-20:]} == {diagnosis}
    if diagnosis == "uniform":
        assert logs[-1].entropy > 0.95 * math.log(256)
        assert logs[-1].loss == pytest.approx(math.log(256), abs=0.2)
        assert logs[-1].kl < 0.2
    elif knobs.get("sharpening", True):
        assert logs[-1].entropy < 1
        assert logs[-1].effective_prototypes < 10
    else:  # nothing pushes the entropy anywhere: the output stops depending on the picture where it happens to be
        assert logs[-1].kl < 0.15
        assert logs[-1].mutual_information < 0.5


@pytest.mark.slow
def test_run_without_ema_collapses(emoji: Pictures) -> None:
    """All pictures share one target, which jumps from step to step: mostly dominant, never healthy (Table 7)."""
    logs = broken_run(emoji, 140, ema=False)[-60:]
    names = [log.diagnosis for log in logs]
    assert names.count("dominant") > 40
    assert "healthy" not in names
    assert sum(log.mutual_information for log in logs) / 60 < 0.5


def emoji_scores(network: nn.Module, emoji: Pictures) -> tuple[float, float]:
    """Retrieval across vendors, and k-NN over groups, on random backgrounds."""
    rows, test = features(network, emoji, "random"), held_out_rows(emoji)
    vendors, labels = vendor_rows(emoji), emoji.labels
    assert labels is not None
    pairs = [(a, b) for a in vendors for b in vendors if a is not b]
    retrieval = sum(retrieval_accuracy(rows[a], rows[b]) for a, b in pairs) / len(pairs)
    return retrieval, knn_accuracy(rows[~test], labels[~test], rows[test], labels[test])


@pytest.mark.slow
def test_run_with_both_is_healthy_and_learns(emoji: Pictures) -> None:
    """Centering, sharpening and a moving teacher, 3 seeds: healthy to the end, and better than before the first step.

    Two fifths of the preset's steps, so two and a half times its learning rate and a third of its teacher's memory.
    """
    config = dataclasses.replace(LAB, lr=0.02, ema_momentum=0.97)
    before, after = [], []
    for seed in range(3):
        dino = Dino(config, seed, "cpu")
        before.append(emoji_scores(dino.teacher, emoji))
        logs = list(train(config, emoji, steps=330, resume=dino))
        after.append(emoji_scores(dino.teacher, emoji))
        assert {log.diagnosis for log in logs[-50:]} == {"healthy"}
        assert logs[-1].loss < 4
        assert logs[-1].kl > 0.1
    (retrieval, knn), (random_retrieval, random_knn) = (np.mean(scores, axis=0) for scores in (after, before))
    assert retrieval > 1.3 * random_retrieval
    assert knn > random_knn + 0.02


def test_resume_with_another_config_gets_one_sentence() -> None:
    """Else the schedules of one config would drive the network of another."""
    other = dataclasses.replace(TINY, ema_momentum=0.5)
    few = Pictures(pictures(seed=0), [str(i) for i in range(TINY.batch_size)])
    with pytest.raises(ValueError, match="another config"):
        train(other, few, steps=1, resume=Dino(TINY, device="cpu"))
