"""Before step 1: the few numbers that decide whether a run can work, and warnings where real users went wrong."""

import math

from dino_lite.batches import steps_per_epoch
from dino_lite.config import DinoConfig


def memory(momentum: float) -> float:
    """How many steps a moving average with this momentum looks back: 1 / (1 - m); infinite for m = 1."""
    return math.inf if momentum >= 1 else 1 / (1 - momentum)


def in_words(steps: float) -> str:
    """A number of steps, which may be infinite."""
    return "all" if math.isinf(steps) else f"{steps:.0f}"


def preflight(config: DinoConfig, count: int, steps: int) -> tuple[list[str], list[str]]:
    """Facts and warnings, a sentence each, about a run of `steps` steps on `count` pictures."""
    per_epoch = steps_per_epoch(config, count)
    teacher, center = memory(config.ema_momentum), memory(config.center_momentum)
    facts = [
        f"{count} pictures, batches of {config.batch_size}: {per_epoch} steps an epoch, "
        f"{steps} steps = {steps / per_epoch:.1f} epochs.",
        f"The teacher remembers {in_words(teacher)} steps (momentum {config.ema_momentum}), "
        f"the centre {in_words(center)} (momentum {config.center_momentum}).",
        f"Temperatures: teacher {config.teacher_temp}, student {config.student_temp}. "
        f"{config.out_dim} prototypes, {2 * config.batch_size} targets a step; ln K = {math.log(config.out_dim):.2f}.",
    ]
    warnings = [
        (per_epoch < 2, "One epoch is one batch, so batches hardly differ: use a smaller batch or more pictures."),
        (
            teacher > steps / 2,
            f"The teacher remembers {in_words(teacher)} of {steps} steps and will hardly leave its random start: "
            f"train longer or lower ema_momentum to about {max(0.5, 1 - 10 / steps):.3g}.",
        ),
        (
            config.target == "center" and center > steps / 10,
            f"The centre remembers {in_words(center)} of {steps} steps and will lag behind the teacher: with momentum "
            "0.999 the paper's run collapses (appendix D).",
        ),
        (
            config.teacher_temp >= config.student_temp,
            f"The teacher's temperature ({config.teacher_temp}) is not below the student's ({config.student_temp}): "
            "nothing sharpens the targets, so they will become uniform and the loss will stay at ln K.",
        ),
        (
            config.target == "center"
            and 0.06 < config.teacher_temp < config.student_temp
            and config.warmup_teacher_temp > 0.06,
            "A teacher temperature above 0.06 from the start made the paper's run converge to ln K: let "
            "warmup_teacher_temp begin at 0.04.",
        ),
        (
            config.ema_momentum < 0.5,
            f"With a momentum of {config.ema_momentum} the teacher is nearly the student itself: with centering the "
            "run collapses (Table 7).",
        ),
        (
            config.target != "center" and config.out_dim > 64 * config.batch_size,
            f"{config.out_dim} prototypes cannot share {2 * config.batch_size} targets evenly: lower out_dim.",
        ),
    ]
    return facts, [sentence for wrong, sentence in warnings if wrong]
