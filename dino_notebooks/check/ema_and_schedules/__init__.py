"""Averages over steps, schedules, and the order of a step (assignment 4).

In the order of the assignment.
"""

from dino_notebooks.check.checks import Check
from dino_notebooks.check.ema_and_schedules import (
    average_slips,
    averages,
    learning_rate,
    memories,
    schedules,
    step_slips,
    warmups,
)

remaining = Check.of(memories.REMAINING)
memory = Check.of(memories.MEMORY)
lab_momentum = memories.LAB_MOMENTUM
ema_update = Check.of(averages.EMA_UPDATE)
cosine = Check.of(schedules.COSINE)
linear_warmup = Check.of(warmups.LINEAR_WARMUP)
warmup_cosine = Check.of(learning_rate.WARMUP_COSINE)
two_averages = Check.of(average_slips.TWO_AVERAGES)
train_step = Check.of(step_slips.TRAIN_STEP)

CHECKS = (remaining, memory, lab_momentum, ema_update, cosine, linear_warmup, warmup_cosine, two_averages, train_step)
