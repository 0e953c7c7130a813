"""Is the run alive? Numbers that tell the two collapses apart, and `diagnose`, which names what they show.

The loss cannot tell: it is h(P_t) + KL(P_t‖P_s) (paper Eq. 5), and both collapses bring the KL to zero. All
entropies are in nats. P: target distributions (..., K), one a row.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from dino_lite.distributed import all_reduce_mean

State = Literal["healthy", "uniform", "dominant", "not_learning"]


def entropy(probs: Tensor) -> Tensor:
    """h(P) = -Σ P log P of each row: (..., K) → (...), from 0 (one prototype) to ln K (uniform)."""
    return torch.special.entr(probs).sum(dim=-1)


def kl_divergence(probs: Tensor, log_probs: Tensor) -> Tensor:
    """KL(P‖Q) = Σ P (log P - log Q) of each row; probs P and log_probs log Q: (..., K) → (...)."""
    return -entropy(probs) - (probs * log_probs).sum(dim=-1)


def marginal(probs: Tensor) -> Tensor:
    """The mean target (K,) over all rows and processes: how often each prototype is asked for."""
    return all_reduce_mean(probs.flatten(0, -2).mean(dim=0))


def mutual_information(probs: Tensor) -> Tensor:
    """I = h(mean P) - mean h(P), from 0 to min(ln K, ln rows): what a target says about its picture.

    Zero in *both* collapses, since then all rows are the same. A run that learns keeps it high.
    """
    return entropy(marginal(probs)) - all_reduce_mean(entropy(probs).mean())


def effective_prototypes(probs: Tensor) -> Tensor:
    """exp(h(mean P)): as many evenly used prototypes would have this marginal entropy; from 1 to K."""
    return torch.exp(entropy(marginal(probs)))


def feature_std(features: Tensor) -> Tensor:
    """Mean over dimensions of the standard deviation of unit features (N, D): 1/√D when spread out, 0 collapsed."""
    return torch.nn.functional.normalize(features.float(), dim=-1).std(dim=0).mean()


def effective_rank(features: Tensor) -> Tensor:
    """exp of the entropy of the normalised singular values of (N, D) (RankMe): how many dimensions are in use."""
    values = torch.linalg.svdvals(features.float())
    return torch.exp(entropy(values / values.sum().clamp_min(1e-12)))


@torch.no_grad()
def student_teacher_distance(student: nn.Module, teacher: nn.Module) -> float:
    """‖θs - θt‖ / ‖θt‖ over all parameters: how far the student has run ahead."""
    theirs = dict(student.named_parameters())
    gap = sum(float((p - theirs[name]).square().sum()) for name, p in teacher.named_parameters())
    return math.sqrt(gap / sum(float(p.square().sum()) for p in teacher.parameters()))


@torch.no_grad()
def target_statistics(probs: Tensor) -> Tensor:
    """Mean entropy and marginal entropy of the targets (2, B, K), as a tensor (2,) over all processes."""
    return torch.stack([all_reduce_mean(entropy(probs).mean()), entropy(marginal(probs))])


@dataclass(frozen=True)
class Diagnosis:
    """What the numbers show, in one word, and why."""

    state: State
    reason: str


def diagnose(entropy: float, kl: float, marginal_entropy: float, out_dim: int, rows: int) -> Diagnosis:
    """Names the state of a run from one step's numbers (nats); rows: targets behind them, 2 × the batch.

    Thresholds: see docs/calibration.md.
    """
    limit = math.log(min(out_dim, rows))  # the most that this batch can tell
    information = marginal_entropy - entropy
    prototypes = math.exp(marginal_entropy)
    if prototypes < 8:
        return Diagnosis("dominant", f"{prototypes:.1f} prototypes")
    if entropy > 0.9 * math.log(out_dim) and information < 0.05 * limit:
        return Diagnosis("uniform", "...")
    if information < 0.3 * limit:
        return Diagnosis("not_learning", "...")
    return Diagnosis("healthy", "...")
