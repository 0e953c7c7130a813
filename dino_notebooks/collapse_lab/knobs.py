"""All knobs of a steered run as one column of controls."""

from collections.abc import Callable, Iterable

import ipywidgets as widgets

from dino_lite.knobs import Knobs
from dino_notebooks.session.slip import CENTER_GAIN
from dino_notebooks.session.snapshot import Value
from dino_notebooks.widgets.controls import ChoiceControl, NumberControl, SwitchControl
from dino_notebooks.widgets.ranges import Range

RANGES = (
    Range(
        "student_temp",
        "τs",
        "student temperature",
        0.02,
        1.0,
        "Low: it must commit itself. High: it may hedge.",
        "log",
    ),
    Range(
        "teacher_temp",
        "τt",
        "teacher temperature",
        0.01,
        1.0,
        "Sharpens the target: it has to be lower than τs.",
        "log",
    ),
    Range(
        "center_momentum",
        "m",
        "centre momentum",
        0.0,
        0.9999,
        "The centre remembers 1/(1 - m) steps.",
        "memory",
    ),
    Range(
        "ema_momentum",
        "λ",
        "teacher momentum",
        0.0,
        0.9999,
        "The teacher remembers 1/(1 - λ) steps.",
        "memory",
    ),
    Range("lr", "lr", "learning rate", 1e-6, 0.05, "How far one step goes.", "log"),
    Range(
        CENTER_GAIN,
        "g",
        "gain of the centre",
        0.0,
        100.0,
        "1 in a correct DINO; the α/β slip in pseudo-code makes it 25.",
    ),
)
SWITCHES = {
    "centering": ("centering", "Subtract the centre from the teacher's output."),
    "sharpening": ("sharpening", "Use τt for the target; off, it is τs."),
    "ema": ("EMA teacher", "A slow average; off, the student's copy."),
}
TARGETS = {"center": "centre", "sinkhorn": "Sinkhorn-Knopp", "batch_softmax": "batch softmax"}
TARGET_WORDS = "What keeps the prototypes even."
STEERED = (*(range_.name for range_ in RANGES), *SWITCHES, "target")

Control = NumberControl | SwitchControl | ChoiceControl


class KnobPanel(widgets.Box):
    """A control for each knob; `changed(name, value)` is called when a person changes one.

    hide, lock: names of knobs that are not shown, or cannot be changed. ValueError for a name that no knob has.
    """

    def __init__(
        self,
        usual: Knobs,
        changed: Callable[[str, Value], None],
        hide: Iterable[str] = (),
        lock: Iterable[str] = (),
    ) -> None:
        self.hidden, self.locked = require_names("hide", hide), require_names("lock", lock)
        self.controls: dict[str, Control] = {}
        for name, (words, sentence) in SWITCHES.items():
            self.controls[name] = SwitchControl(words, sentence, usual[name], _tell(changed, name))
        self.controls["target"] = ChoiceControl(
            "target", TARGETS, TARGET_WORDS, usual["target"], _tell(changed, "target")
        )
        for range_ in RANGES:
            self.controls[range_.name] = NumberControl(range_, usual[range_.name], _tell(changed, range_.name))
        for name in self.locked:
            self.controls[name].lock()
        self._rare = self.controls[CENTER_GAIN]
        for control in self.controls.values():
            control.layout.width, control.layout.flex = "auto", "1 1 226px"
            control.layout.margin = "0 10px 6px 0"
        shown = [each for name, each in self.controls.items() if name not in self.hidden]
        super().__init__(shown, layout={"flex_flow": "row wrap", "align_content": "flex-start"})
        self.show(usual)

    def show(self, knobs: Knobs) -> None:
        """Show values that came from elsewhere: a scene, a rewind, a run line."""
        for name, control in self.controls.items():
            control.show(knobs[name])
        self._rare.layout.display = "none" if knobs[CENTER_GAIN] == 1.0 else None  # no DINO has it but the slip's

    def lock(self, locked: bool) -> None:
        """Let nobody change anything, or those that are not locked for good."""
        for name, control in self.controls.items():
            control.lock(locked or name in self.locked)


def require_names(what: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names as a tuple; ValueError for one that no knob has."""
    chosen = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in chosen if name not in STEERED]
    if unknown:
        raise ValueError(f"{what}: there is no knob {unknown[0]!r}; the knobs are {', '.join(STEERED)}.")
    return chosen


def all_but(*knobs: str) -> tuple[str, ...]:
    """The names of all other knobs: `lock=all_but("teacher_temp")`. ValueError for a name that no knob has."""
    free = require_names("all_but", knobs)
    return tuple(name for name in STEERED if name not in free)


def _tell(changed: Callable[[str, Value], None], name: str) -> Callable[[Value], None]:
    return lambda value: changed(name, value)
