"""What one training step reports: plain numbers, measured in one go."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dino_lite import collapse
from dino_lite.distributed import all_reduce_mean, world_size
from dino_lite.knobs import Knobs


@dataclass(frozen=True)
class StepLog:
    """One step in plain numbers. Entropies and divergences are in nats."""

    step: int  # from 0
    loss: float  # CE = entropy + kl
    entropy: float  # h(P_t), mean over the targets
    kl: float  # KL(P_t‖P_s), mean over the pairs of views
    marginal_entropy: float  # h(mean P_t)
    mutual_information: float  # marginal_entropy - entropy
    effective_prototypes: float  # exp(marginal_entropy)
    center_norm: float
    feature_std: float  # of the teacher's unit features, mean over dimensions
    effective_rank: float | None  # of the same features; measured every so many steps
    knobs: Knobs  # the values this step used
    diagnosis: str  # "healthy", "uniform", "dominant" or "not_learning"
    reason: str  # the diagnosis in a sentence
    seconds: float  # that the step took
    images_per_second: float  # pictures (not views), over all processes

    def to_dict(self) -> dict[str, Any]:
        """The numbers by name, ready for JSON."""
        return asdict(self)


@torch.no_grad()
def measure(loss: Tensor, targets: Tensor, features: Tensor, center: Tensor) -> dict[str, float]:
    """The numbers of a step from its loss (), targets (2, B, K), teacher features (2, B, D) and centre (K,).

    Everything comes from the device in one transfer: the only time that a step waits for a GPU.
    """
    flat = features.flatten(0, 1)
    sharp = all_reduce_mean(collapse.entropy(targets).mean())
    wide = collapse.entropy(collapse.marginal(targets))
    loss = all_reduce_mean(loss)
    spread = collapse.feature_std(flat)
    loss_, sharp_, wide_, norm, std = torch.stack([loss, sharp, wide, center.norm(), spread]).tolist()
    return {
        "loss": loss_,
        "entropy": sharp_,
        "kl": loss_ - sharp_,
        "marginal_entropy": wide_,
        "mutual_information": wide_ - sharp_,
        "effective_prototypes": math.exp(wide_),
        "center_norm": norm,
        "feature_std": std,
    }


def diagnose_step(numbers: dict[str, float], targets: Tensor) -> collapse.Diagnosis:
    """The diagnosis of a step from `measure`'s numbers and its targets (2, B, K)."""
    rows = targets.shape[0] * targets.shape[1] * world_size()
    return collapse.diagnose(numbers["entropy"], numbers["kl"], numbers["marginal_entropy"], targets.shape[2], rows)


def require_finite(loss: float, step: int, knobs: Knobs, student: nn.Module, center: Tensor) -> None:
    """FloatingPointError with the likely cause when the loss is NaN or infinite: before it spoils the weights."""
    if math.isfinite(loss):
        return
    if not all(bool(p.isfinite().all()) for p in student.parameters()):
        cause = f"the student's weights overflowed, so the learning rate ({knobs['lr']:.2g}) is probably too high"
    elif not bool(center.isfinite().all()):
        cause = f"the teacher's output overflowed, so the learning rate ({knobs['lr']:.2g}) is probably too high"
    elif min(knobs["student_temp"], knobs["teacher_temp"]) < 1e-3:
        cause = "a temperature below 0.001 divides the logits beyond what numbers can hold"
    else:
        cause = "the network's output overflowed, so try a lower learning rate, or precision fp32"
    raise FloatingPointError(f"The loss is {loss} at step {step}: {cause}.")
