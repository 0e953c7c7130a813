"""The parts of multi-crop: from the numbers of a pixel to the pairs of the loss (assignment 1).

In the order of the assignment.
"""

from dino_notebooks.check.checks import Check
from dino_notebooks.check.views import boxes, composites, contrasts, crops, multicrop, pairs, pixels, solarizing

normalize = Check.of(pixels.NORMALIZE)
composite = Check.of(composites.COMPOSITE)
solarize = Check.of(solarizing.SOLARIZE)
contrast = Check.of(contrasts.CONTRAST)
crop = Check.of(crops.CROP)
view_pairs = Check.of(pairs.VIEW_PAIRS)
box_overlap = Check.of(boxes.BOX_OVERLAP)
multi_crop = Check.of(multicrop.MULTI_CROP)

CHECKS = (normalize, composite, solarize, contrast, crop, view_pairs, box_overlap, multi_crop)
