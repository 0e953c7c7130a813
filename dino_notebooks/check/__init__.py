"""`check.dino_loss(my_dino_loss)`: says at once whether an answer is right, and if not, what to look at.

    from dino_notebooks import check
    check.teacher_probs(my_teacher_probs)      right or not, the mistake by its name, and the smallest example of it
    check.teacher_probs.hint()                 a hint; again for the next; after three, a solution

Nothing here raises for a wrong answer, unless `strict=True` is asked for, as graders do. Reading order:

    exercise.py    what a check knows: the right function, inputs, the usual mistakes, hints
    judge.py       asks, and finds the mistake; compare.py: whether two outputs say the same
    examples.py    the smallest failing example, in words
    result.py      what is said, as text and as HTML
    checks.py      Check: the object that is called
    choice.py      questions with one right answer; runs.py: runs to be steered; draws.py: random numbers for cases
    views/ vit_and_head/ loss_and_center/ ema_and_schedules/ collapse_and_evaluation/     the exercises
"""

# ruff: noqa: F401 (what is imported here is check.NAME)

from dino_notebooks.check import collapse_and_evaluation, ema_and_schedules, loss_and_center, views, vit_and_head
from dino_notebooks.check.collapse_and_evaluation import (
    best_retrieval,
    collapse_uniformly,
    effective_prototypes,
    knn_accuracy,
    mask_iou,
    mass_mask,
    mutual_information,
    report_a,
    report_b,
    report_c,
    report_d,
    rescue,
    retrieval_accuracy,
)
from dino_notebooks.check.ema_and_schedules import (
    cosine,
    ema_update,
    lab_momentum,
    linear_warmup,
    memory,
    remaining,
    train_step,
    two_averages,
    warmup_cosine,
)
from dino_notebooks.check.loss_and_center import (
    all_pairs,
    cross_entropy,
    dino_loss,
    entropy,
    kl_divergence,
    log_softmax,
    teacher_probs,
    uniform_loss,
    update_center,
)
from dino_notebooks.check.views import (
    box_overlap,
    composite,
    contrast,
    crop,
    multi_crop,
    normalize,
    solarize,
    view_pairs,
)
from dino_notebooks.check.vit_and_head import (
    add_tokens,
    attention,
    head_logits,
    make_teacher,
    patchify,
    projection,
    split_heads,
    token_count,
)

ASSIGNMENTS = {  # title → names of its checks, in their order
    "1 · Views": [one.name for one in views.CHECKS],
    "2 · ViT and head": [one.name for one in vit_and_head.CHECKS],
    "3 · Loss, temperatures and centre": [one.name for one in loss_and_center.CHECKS],
    "4 · EMA and schedules": [one.name for one in ema_and_schedules.CHECKS],
    "5 · Collapse and evaluation": [one.name for one in collapse_and_evaluation.CHECKS],
}
