"""AdamW as the paper uses it (§4.1): what decays, how gradients are clipped, when prototypes stand still."""

from typing import Any

import torch
from torch import Tensor, nn

from dino_lite.config import DinoConfig
from dino_lite.head import DinoHead
from dino_lite.knobs import Knobs


def make_optimizer(student: nn.Module, config: DinoConfig) -> torch.optim.AdamW:
    """AdamW over two groups: weight decay on everything but biases and 1-D parameters (norms), which get none."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in student.named_parameters():
        if parameter.requires_grad:
            (free if name.endswith(".bias") or parameter.ndim == 1 else decayed).append(parameter)
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.peak_lr, weight_decay=config.weight_decay, fused=True)


def set_rates(optimizer: torch.optim.Optimizer, knobs: Knobs) -> None:
    """Learning rate for both groups, weight decay for the first."""
    for group in optimizer.param_groups:
        group["lr"] = knobs["lr"]
    optimizer.param_groups[0]["weight_decay"] = knobs["weight_decay"]


@torch.no_grad()
def clip_gradients(module: nn.Module, largest: float) -> None:
    """Scales each parameter's gradient down to the L2 norm `largest`: every tensor by itself, not all together."""
    gradients: list[Tensor] = [p.grad for p in module.parameters() if p.grad is not None]
    if largest and gradients:
        norms = torch.stack(torch._foreach_norm(gradients))
        factors = (largest / (norms + 1e-6)).clamp_max(1.0)
        torch._foreach_mul_(gradients, list(factors.unbind()))


def freeze_last_layer(head: DinoHead) -> None:
    """Takes the gradients of the prototypes away: the optimizer then skips them, decay and moments included."""
    for parameter in head.last_layer.parameters():
        parameter.grad = None
