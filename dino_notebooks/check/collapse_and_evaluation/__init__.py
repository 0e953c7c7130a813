"""What targets and features tell, curves to be diagnosed, runs to be steered (assignment 5).

In the order of the assignment.
"""

from dino_notebooks.check.checks import Check
from dino_notebooks.check.collapse_and_evaluation import (
    behaviour,
    masks,
    overlap,
    reports,
    retrieval,
    scores,
    telling,
    usage,
)

effective_prototypes = Check.of(usage.EFFECTIVE_PROTOTYPES)
mutual_information = Check.of(telling.MUTUAL_INFORMATION)
retrieval_accuracy = Check.of(retrieval.RETRIEVAL_ACCURACY)
knn_accuracy = Check.of(scores.KNN_ACCURACY)
mask_iou = Check.of(overlap.MASK_IOU)
mass_mask = Check.of(masks.MASS_MASK)
report_a, report_b, report_c, report_d = reports.CHECKS.values()
collapse_uniformly = behaviour.collapse_uniformly
rescue = behaviour.rescue
best_retrieval = behaviour.best_retrieval

CHECKS = (
    effective_prototypes,
    mutual_information,
    retrieval_accuracy,
    knn_accuracy,
    mask_iou,
    mass_mask,
    report_a,
    report_b,
    report_c,
    report_d,
    collapse_uniformly,
    rescue,
    best_retrieval,
)
