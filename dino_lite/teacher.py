"""The teacher: a copy of the student that no gradient reaches and that follows it as a moving average."""

import copy
from typing import Any, cast

import torch
from torch import nn


def make_teacher(student: nn.Module) -> nn.Module:
    """A separate module with the student's weights, no gradients and no stochastic depth (paper §3.1).

    Separate: with `teacher = student` the student would chase itself, and collapse.
    """
    teacher = copy.deepcopy(student).requires_grad_(False)
    for module in teacher.modules():
        if hasattr(module, "drop_prob"):  # the name that timm's stochastic depth and ours share
            module.drop_prob = cast(Any, 0.0)
    return teacher


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """θt ← m·θt + (1 - m)·θs for every parameter by name, in place, without gradient (paper §3.1).

    The teacher remembers about 1 / (1 - m) steps. Buffers (batch-norm statistics) are left alone, as in the
    authors' code: teacher and student both stay in training mode and use their own batch.
    """
    theirs, ours = dict(student.named_parameters()), dict(teacher.named_parameters())
    if {name: p.shape for name, p in ours.items()} != {name: p.shape for name, p in theirs.items()}:
        raise ValueError("ema_update needs a teacher with the student's parameters: make it with make_teacher.")
    torch._foreach_lerp_(list(ours.values()), [theirs[name] for name in ours], 1 - momentum)
