"""A knob for a well-known slip: `center_gain`, which is 1 in every correct DINO.

Pseudo-code in circulation says `C = α*C + (1 - β)*mean`, with the teacher's momentum for α and the centre's for β. The
centre then heads for (1 - β) / (1 - α) times the mean of the teacher's output: 25 times, for 0.996 and 0.9.
"""

from dataclasses import replace

import torch
from torch import Tensor

from dino_lite import Dino, StepLog
from dino_lite.knobs import Knobs

CENTER_GAIN = "center_gain"
GAINS = (0.0, 1000.0)


def step_with_gain(dino: Dino, images: Tensor, knobs: Knobs) -> StepLog:
    """`Dino.train_step`, after which the centre is m·C + gain·(1 - m)·mean."""
    gain, before = knobs[CENTER_GAIN], dino.center
    log = dino.train_step(images, **{name: value for name, value in knobs.items() if name != CENTER_GAIN})
    if gain != 1.0:
        dino.center = torch.lerp(knobs["center_momentum"] * before, dino.center, gain)
    return replace(log, knobs={**log.knobs, CENTER_GAIN: gain})
