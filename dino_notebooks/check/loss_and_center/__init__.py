"""From logits to targets, the centre, and the cross-entropy over pairs (assignment 3).

In the order of the assignment.
"""

from dino_notebooks.check.checks import Check
from dino_notebooks.check.loss_and_center import (
    centers,
    information,
    loss_values,
    losses,
    pair_slips,
    slips,
    softmaxes,
    targets,
)

log_softmax = Check.of(softmaxes.LOG_SOFTMAX)
teacher_probs = Check.of(targets.TEACHER_PROBS)
entropy = Check.of(information.ENTROPY)
kl_divergence = Check.of(information.KL_DIVERGENCE)
uniform_loss = loss_values.UNIFORM_LOSS
update_center = Check.of(centers.UPDATE_CENTER)
dino_loss = Check.of(losses.DINO_LOSS)
cross_entropy = Check.of(slips.CROSS_ENTROPY)
all_pairs = Check.of(pair_slips.ALL_PAIRS)

CHECKS = (
    log_softmax,
    teacher_probs,
    entropy,
    kl_divergence,
    uniform_loss,
    update_center,
    dino_loss,
    cross_entropy,
    all_pairs,
)
