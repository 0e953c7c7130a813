"""What most probably brought a run where it is, and what to do: from its diagnosis, its knobs and its history.

The rules come from recorded runs of the lab recipe: docs/calibration.md.
"""

import math
import statistics
from collections.abc import Sequence

from dino_lite import StepLog
from dino_lite.knobs import Knobs
from dino_notebooks.live_picture import RECENT
from dino_notebooks.session.slip import CENTER_GAIN
from dino_notebooks.session.snapshot import Change

DEAD = 0.3  # of 1/√D: with features closer together than this no run came back within the next 240 steps
PATIENCE = 240  # steps: all runs that came back did so within as many after their knobs were put right
CLOSE_TEMPERATURES = 0.7  # τt / τs: above, the target is hardly sharper than the student


def advice(
    state: str, knobs: Knobs, usual: Knobs, logs: Sequence[StepLog], changes: Sequence[Change], width: int
) -> str:
    """A sentence or two for the panel; empty when there is nothing to say.

    width: D, of the features. changes: the knobs' record, oldest first.
    """
    if not logs:
        return "Press play."
    fault = harmful(knobs, usual)
    if state == "healthy":
        return f"Still healthy, but {fault[0]}: watch what happens." if fault else ""
    if fault:
        return f"Most probably because {fault[0]}. {fault[1]}"
    if state == "not_learning":
        return "Early in a run this is usual. If it stays so, raise the learning rate, or wait: it has no warm-up."
    since = logs[-1].step + 1 - max((change.step for change in changes), default=0)
    spread = statistics.mean(log.feature_std for log in logs[-RECENT:]) * math.sqrt(width)
    if spread < DEAD:
        before = max((change.step for change in changes if logs_healthy(logs, change.step)), default=0)
        return (
            "The knobs are as they should be, but it will hardly come back: the network itself gives nearly the same "
            f"feature for every picture (their spread is {100 * spread:.0f}% of what it could be). "
            f"Rewinding is quicker: to step {before} or earlier."
        )
    if since < PATIENCE:
        return f"The knobs are as they should be since {since} steps: coming back takes up to {PATIENCE}."
    return "The knobs are as they should be, but it has not come back. Rewind to before the change."


def harmful(knobs: Knobs, usual: Knobs) -> tuple[str, str] | None:
    """The first knob known to break a run: what is wrong with it, and the cure; None when all are well."""
    centers = knobs["target"] == "center"
    sharp = knobs["teacher_temp"] if knobs["sharpening"] else knobs["student_temp"]
    for wrong, what, cure in (
        (not knobs["ema"], "the EMA is off, so the teacher is a copy of the student", "Switch the EMA on."),
        (
            centers and not knobs["centering"],
            "centering is off, so that nothing stops a few prototypes from winning every picture",
            "Switch centering on.",
        ),
        (
            not knobs["sharpening"],
            "sharpening is off, so that centering alone pulls every target towards uniform",
            "Switch sharpening on.",
        ),
        (
            sharp > CLOSE_TEMPERATURES * knobs["student_temp"],
            f"the teacher's temperature ({sharp:g}) is not well below the student's ({knobs['student_temp']:g}), so "
            "that its targets are not sharp",
            "Lower τt, to about 0.4 of τs.",
        ),
        (
            centers and knobs[CENTER_GAIN] > 2,
            f"the centre is {knobs[CENTER_GAIN]:g} times what it should be, so that it pushes prototypes about",
            "Set its gain to 1.",
        ),
        (
            centers and knobs["center_momentum"] >= 0.99,
            f"the centre remembers {memory(knobs['center_momentum'])} and comes too late",
            "Lower the centre's momentum to 0.9.",
        ),
        (
            knobs["ema_momentum"] < 0.9,
            f"the teacher remembers only {memory(knobs['ema_momentum'])}, so that it is nearly the student",
            f"Raise its momentum to {usual['ema_momentum']:g}.",
        ),
        (
            knobs["ema_momentum"] > 0.9995,
            f"the teacher remembers {memory(knobs['ema_momentum'])}, so that it hardly moves",
            f"Lower its momentum to {usual['ema_momentum']:g}.",
        ),
        (
            knobs["lr"] > 4 * usual["lr"],
            f"the learning rate is {knobs['lr'] / usual['lr']:.0f} times the recipe's",
            f"Lower it to {usual['lr']:.2g}.",
        ),
        (
            knobs["lr"] < usual["lr"] / 10,
            "the learning rate is so low that the run stands still",
            f"Raise it to {usual['lr']:.2g}.",
        ),
    ):
        if wrong:
            return what, cure
    return None


def memory(momentum: float) -> str:
    """How long an average with this momentum remembers, in words."""
    steps = 1 / max(1e-9, 1 - momentum)
    return "for ever" if momentum >= 1 else f"about {steps:.0f} step{'s' if round(steps) != 1 else ''}"


def logs_healthy(logs: Sequence[StepLog], step: int) -> bool:
    """Whether pictures were told apart just before a step."""
    return 0 < step <= len(logs) and logs[step - 1].diagnosis in ("healthy", "not_learning")
