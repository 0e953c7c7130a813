"""One training step against a slow one written from the paper's Algorithm 1, and what a run must keep: its numbers
when repeated, resumed, copied or split into parts, its state when a step fails, everybody else's random numbers.

Where a whole run goes (healthy, or into which collapse) is in test_behaviour.py. Run: pytest tests/dino_lite/test_train.py
"""

import copy
import dataclasses
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dino_lite.train
from dino_lite import Dino, DinoConfig, Pictures, StepLog, make_views, train
from dino_lite.batches import batch_rows, stream_seed

TINY = dataclasses.replace(
    DinoConfig.lab(), picture_size=16, global_size=16, local_size=8, n_local=2, patch_size=4, dim=16, depth=2, heads=2,
    head_hidden=16, bottleneck=8, out_dim=24, batch_size=8, lr=0.064,
)  # fmt: skip
BATCH_NORM = dataclasses.replace(TINY, head_bn=True)
# every path of a step: decay and moments, length of the prototypes, clipping, the centre's and the teacher's memory
KNOBS: dict[str, Any] = dict(student_temp=0.2, teacher_temp=0.07, center_momentum=0.8, ema_momentum=0.7, weight_decay=0.3)


def pictures(count: int = 8, seed: int = 0, channels: int = 3) -> Tensor:
    """Coloured noise, uint8 (count, channels, 16, 16)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 16, 16), generator=generator, dtype=torch.uint8)


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
        m = knobs["center_momentum"]
        self.center = m * self.center + (1 - m) * torch.cat(t).mean(dim=0)
        self.update_student(loss, knobs)
        m = knobs["ema_momentum"]
        with torch.no_grad():
            for ours, theirs in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                ours.copy_(m * ours + (1 - m) * theirs)
        self.step += 1
        return float(loss.detach())

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
    ],
)
def test_five_steps_equal_algorithm_1(config: DinoConfig) -> None:
    """Loss, centre, teacher, student and their outputs after each of 5 steps; knobs move, two steps are frozen."""
    dino = Dino(config, seed=3, device="cpu")
    slow, begin, look = SlowDino(dino), visible(dino.student), torch.randn(1, 6, 3, 16, 16)
    for step in range(5):
        images = pictures(seed=step)
        knobs = KNOBS | dict(lr=0.001 * (step + 1), freeze_last_layer=step < 2, teacher_temp=0.05 + 0.02 * step)
        log, loss = dino.train_step(images, **knobs), slow.train_step(images, knobs)
        assert log.step == step
        assert log.loss == pytest.approx(loss, abs=1e-5)
        torch.testing.assert_close(dino.center, slow.center, rtol=0, atol=1e-5)
        for ours, theirs in ((dino.student, slow.student), (dino.teacher, slow.teacher)):
            assert_close(visible(ours), visible(theirs))
            torch.testing.assert_close(ours(look)[0], theirs(look)[0], rtol=0, atol=1e-5)
    assert dino.center.abs().max() > 0.01  # a centre that stayed at zero would compare nothing
    frozen = "head.last_layer.parametrizations.weight.original0"
    still = {name for name, p in visible(dino.student).items() if torch.equal(p, begin[name])}
    assert still == ({frozen} if config.norm_last_layer else set())  # everything else has moved


