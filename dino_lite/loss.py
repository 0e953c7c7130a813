"""The DINO loss as pure functions: logits in, probabilities or one number out, nothing remembered.

V views (2 global, then L local) of B pictures over K prototypes. The teacher sees the two global views, the
student all of them; for every picture the student predicts the teacher's view of *another* crop of it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from dino_lite.distributed import all_reduce_logsumexp, all_reduce_mean


def teacher_probs(teacher_logits: Tensor, center: Tensor, temperature: float) -> Tensor:
    """The target distributions P_t (2, B, K): minus the centre, divided by τt, softmax (paper §3.1, Algorithm 1).

    teacher_logits: (2, B, K). center: (K,). Centering takes away what the teacher prefers for *every* picture,
    so that no prototype can win them all; sharpening (a low temperature) keeps P_t away from uniform.
    The result carries no gradient.
    """
    require_teacher_logits(teacher_logits, center)
    return F.softmax((teacher_logits.float() - center) / temperature, dim=-1).detach()


def dino_loss(student_logits: Tensor, teacher_probs: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy H(P_t, P_s) over all pairs of different views (paper Eq. 3, averaged).

    student_logits: (V, B, K), the two global views first. teacher_probs: (2, B, K). In slow motion:

        for q in 0, 1:                  # the teacher's view
            for v in 0 ... V-1:         # the student's view
                if v != q:              # a view never predicts itself
                    total += -(teacher_probs[q] * log_softmax(student_logits[v] / temperature)).sum(-1).mean()
        loss = total / (2 * V - 2)
    """
    views = len(student_logits)
    if student_logits.ndim != 3 or views < 2 or teacher_probs.shape != (2, *student_logits.shape[1:]):
        raise ValueError(
            "dino_loss needs student logits (V, B, K) with V >= 2 and teacher probabilities (2, B, K), "
            f"got {tuple(student_logits.shape)} and {tuple(teacher_probs.shape)}."
        )
    log_probs = F.log_softmax(student_logits.float() / temperature, dim=-1)
    # the sum over all 2V pairs factors into one product of sums; then take away the two same-view pairs
    all_pairs = (teacher_probs.sum(0) * log_probs.sum(0)).sum()
    same_view = (teacher_probs * log_probs[:2]).sum()
    return (same_view - all_pairs) / (student_logits.shape[1] * (2 * views - 2))


@torch.no_grad()
def update_center(center: Tensor, teacher_logits: Tensor, momentum: float) -> Tensor:
    """The centre after this batch, m·C + (1 - m)·mean of the teacher's raw logits (paper Eq. 4).

    center: (K,). teacher_logits: (2, B, K). The mean runs over both views, the batch and all processes. Use the
    old centre in the loss first, then update it: P_t must not depend on a centre that already contains it.
    """
    require_teacher_logits(teacher_logits, center)
    return momentum * center + (1 - momentum) * all_reduce_mean(teacher_logits.float().mean(dim=(0, 1)))


@torch.no_grad()
def sinkhorn_probs(teacher_logits: Tensor, temperature: float, iterations: int = 3) -> Tensor:
    """Targets (2, B, K) in which every prototype gets an equal share of the batch: Sinkhorn-Knopp (Table 15).

    teacher_logits: (2, B, K). Scales exp(t / τt) in turn so that each prototype's and each row's mass are even.
    """
    require_teacher_logits(teacher_logits)
    log_mass = (teacher_logits.float() / temperature).flatten(0, 1)  # logarithms: exp would over- or underflow
    for _ in range(iterations):
        log_mass = log_mass - all_reduce_logsumexp(log_mass)  # an equal share for every prototype
        log_mass = log_mass.log_softmax(dim=1)  # every row sums to 1
    return log_mass.exp().view_as(teacher_logits)


@torch.no_grad()
def batch_softmax_probs(teacher_logits: Tensor, temperature: float) -> Tensor:
    """Targets (2, B, K) by a softmax over the *batch*, then rows scaled to 1 (Table 15).

    teacher_logits: (2, B, K). One round of Sinkhorn-Knopp: prototypes first, rows last.
    """
    return sinkhorn_probs(teacher_logits, temperature, iterations=1)


def koleo_loss(features: Tensor) -> Tensor:
    """KoLeo: minus the mean log distance from each picture to the nearest other one (DINOv2, §4).

    features: (V, B, D), the student's before its head, B >= 2. Rows are brought to unit length. Small distances cost
    most, so pictures spread evenly over the sphere, which nearest neighbours need: without it features keep to few
    directions. Each view is taken alone, since two views of one picture should meet; so is each process and part.
    """
    if features.ndim != 3 or features.shape[1] < 2:
        raise ValueError(f"KoLeo needs features (V, B, D) of at least 2 pictures, got {tuple(features.shape)}.")
    x = F.normalize(features.float(), dim=-1)
    with torch.no_grad():
        cosine = x @ x.transpose(1, 2)
        cosine.diagonal(dim1=1, dim2=2).fill_(-2)  # nobody is its own neighbour
        nearest = cosine.argmax(dim=2, keepdim=True).expand_as(x)
    return -((x - x.gather(1, nearest)).norm(dim=-1) + 1e-8).log().mean()


def require_teacher_logits(teacher_logits: Tensor, center: Tensor | None = None) -> None:
    """ValueError unless teacher_logits is (2, B, K) and the centre (K,): others would broadcast to nonsense."""
    if teacher_logits.ndim != 3 or len(teacher_logits) != 2:
        raise ValueError(f"teacher_logits must be (2, B, K), the two global views, got {tuple(teacher_logits.shape)}.")
    if center is not None and center.shape != teacher_logits.shape[2:]:
        raise ValueError(
            f"The centre must be (K,), K = {teacher_logits.shape[2]}, a number a prototype, got {tuple(center.shape)}."
        )
