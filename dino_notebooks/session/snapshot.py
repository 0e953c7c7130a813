"""What a steered run shows at one moment: plain numbers, safe to read in any thread."""

from dataclasses import dataclass

from torch import Tensor

from dino_lite import StepLog
from dino_lite.knobs import Knobs

Value = float | bool | str
Track = tuple[tuple[int, float], ...]  # (step, number): what is not measured at every step


@dataclass(frozen=True)
class Change:
    """A knob that got a new value, from `step` on."""

    step: int
    knob: str
    value: Value


@dataclass(frozen=True)
class Future:
    """One way that a run went: a rewind leaves the old one behind and begins another."""

    name: str  # "A", "B", ...
    fork: int  # the step at which it left the one before; 0 for the first
    logs: tuple[StepLog, ...]  # from step 0 on, those before the fork included
    changes: tuple[Change, ...]
    distance: Track  # ‖θs - θt‖ / ‖θt‖
    score: Track  # retrieval across vendors, 0 to 1


@dataclass(frozen=True)
class Probe:
    """What the teacher says about a few pictures that stay the same for the whole run.

    n pictures are shown one by one; `use` is over more of them.
    """

    pictures: Tensor  # (n, 3, S, S) uint8, as the teacher sees them
    raw: Tensor  # (n, K) softmax(t / τs): neither centred nor sharpened
    centered: Tensor  # (n, K) softmax((t - C) / τs)
    target: Tensor  # (n, K) P_t as it is used now, by the knobs
    use: Tensor  # (K,) mean P_t over all probe pictures: how often each prototype is asked for


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment."""

    step: int  # steps done
    out_dim: int  # K
    knobs: Knobs  # in force for the next step
    usual: Knobs  # the recipe's own values
    now: Future  # the one that goes on
    others: tuple[Future, ...]  # those left behind, oldest first
    checkpoints: tuple[int, ...]  # the steps that the run can go back to
    probe: Probe
    chance: float  # retrieval by chance
    diagnosis: str  # "healthy", "uniform", "dominant" or "not_learning", over the last steps
    reason: str  # the diagnosis in a sentence
    advice: str  # what most probably caused it, and what to do

    @property
    def logs(self) -> tuple[StepLog, ...]:
        """Every step so far of the run that goes on."""
        return self.now.logs

    @property
    def floor(self) -> float | None:
        """Retrieval of the random network at step 0."""
        return self.now.score[0][1] if self.now.score else None
