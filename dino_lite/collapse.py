"""Is the run alive? Numbers that tell the two collapses apart, and `diagnose`, which names what they show.

The loss cannot tell: it is h(P_t) + KL(P_t‖P_s) (paper Eq. 5), and both collapses bring the KL to zero. All
entropies are in nats. P: target distributions (..., K), one a row.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from dino_lite.distributed import all_reduce_mean, world_size

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
    """Mean over dimensions of the standard deviation of unit features (N, D): 1/√D when spread out, 0 collapsed.

    Over the rows of all processes.
    """
    unit, rows = torch.nn.functional.normalize(features.float(), dim=-1), len(features) * world_size()
    mean = all_reduce_mean(unit.mean(dim=0))
    variance = all_reduce_mean((unit - mean).square().mean(dim=0)) * rows / max(1, rows - 1)
    return variance.sqrt().mean()


def effective_rank(features: Tensor) -> Tensor:
    """exp of the entropy of the normalised singular values of (N, D) (RankMe): how many dimensions are in use."""
    rows = features.float().cpu() if features.device.type == "mps" else features.float()  # MPS lacks svdvals
    values = torch.linalg.svdvals(rows)
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
    """What the numbers show, in one word, and why, in a sentence."""

    state: State
    reason: str


NO_INFORMATION = 0.1  # of the limit: targets that tell this little are the same for all pictures
UNIFORM_ENTROPY = 0.9  # of ln K: targets at least this flat count as uniform
FEW_PROTOTYPES = 0.08  # of min(K, rows): with fewer in use, some dimensions dominate, whatever targets tell
SOME_PROTOTYPES = 0.5  # of min(K, rows): the same target for all pictures, on fewer than these, is dominated too
NO_DIVERGENCE = 0.15  # nats: a student this close to the one target of all pictures has nothing left to learn
ENOUGH_INFORMATION = 0.25  # of the limit: from here on targets tell pictures apart


def diagnose(entropy: float, kl: float, marginal_entropy: float, out_dim: int, rows: int) -> Diagnosis:
    """Names the state of a run from one step's means over its targets (nats).

    out_dim: K. rows: targets behind the means, 2 × the batch; they can tell at most ln min(K, rows). The thresholds
    above were set on recorded runs: docs/calibration.md.
    """
    limit, flat = math.log(max(2, min(out_dim, rows))), math.log(out_dim)
    information, used = marginal_entropy - entropy, math.exp(marginal_entropy)
    tells = f"targets tell {information:.2f} of {limit:.2f} nats about their picture"
    same = information < NO_INFORMATION * limit
    if same and entropy > UNIFORM_ENTROPY * flat:
        return Diagnosis(
            "uniform", f"Every target is nearly uniform: entropy {entropy:.2f} of ln K = {flat:.2f}; {tells}."
        )
    if used < max(2.0, FEW_PROTOTYPES * min(out_dim, rows)):
        return Diagnosis("dominant", f"Only about {used:.1f} of {out_dim} prototypes are ever asked for; {tells}.")
    if same and (used < SOME_PROTOTYPES * min(out_dim, rows) or kl < NO_DIVERGENCE):
        return Diagnosis(
            "dominant", f"Every picture gets the same target, on about {used:.0f} of {out_dim} prototypes; {tells}."
        )
    if information < ENOUGH_INFORMATION * limit:
        return Diagnosis("not_learning", f"Not learning yet, or not any more: {tells}, and no collapse shows.")
    return Diagnosis("healthy", f"About {used:.0f} of {out_dim} prototypes share the pictures; {tells}.")
