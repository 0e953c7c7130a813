"""Knobs in words, and the marks that their changes leave on the time axis."""

from collections.abc import Sequence
from dataclasses import dataclass

from dino_lite.knobs import Knobs
from dino_notebooks.drawing.axes import text_width
from dino_notebooks.session.snapshot import Change, Value

SYMBOLS = {
    "student_temp": "τs",
    "teacher_temp": "τt",
    "center_momentum": "m",
    "ema_momentum": "λ",
    "weight_decay": "wd",
    "center_gain": "gain of the centre",
    "ema": "EMA",
    "freeze_last_layer": "frozen prototypes",
    "batch_softmax": "batch softmax",
}
RARE = ("weight_decay", "freeze_last_layer", "center_gain")  # of which one hears only when they are not as usual
LONGEST = 28  # letters of a note
NEAR = 5  # steps between two changes of one knob that count as one: a slider that is dragged
APART = 4.0  # px between two marks: closer ones would become a block


def knob_words(knob: str, value: Value) -> str:
    """A knob and its value: "τt 0.04", "centering off"."""
    name = SYMBOLS.get(knob, knob)
    if isinstance(value, bool):
        return f"{name} {'on' if value else 'off'}"
    if isinstance(value, str):
        return f"{name} {SYMBOLS.get(value, value)}"
    return f"{name} {value:.6g}" if "momentum" in knob else f"{name} {value:.3g}"


def knob_line(knobs: Knobs, usual: Knobs) -> str:
    """The knobs in a line; those that differ from the usual ones have a ▸ and say what is usual."""
    parts = []
    for knob, value in knobs.items():
        if knob in RARE and value == usual.get(knob):
            continue
        words = knob_words(knob, value)
        if knob in usual and usual[knob] != value:
            was = knob_words(knob, usual[knob]).removeprefix(SYMBOLS.get(knob, knob)).strip()
            words = f"▸ {words} (usual {was})"
        parts.append(words.replace(" ", "\N{NO-BREAK SPACE}"))  # a knob stays on one line
    return " · ".join(parts)


def merged(changes: Sequence[Change], near: float = NEAR) -> list[Change]:
    """The changes, with those of one knob that follow one another within `near` steps as one: the last of them."""
    kept: list[Change] = []
    newest: dict[str, int] = {}  # knob → its place in `kept`
    for change in changes:
        place = newest.get(change.knob)
        if place is not None and change.step - kept[place].step <= near:
            kept[place] = change
        else:
            newest[change.knob] = len(kept)
            kept.append(change)
    return sorted(kept, key=lambda change: change.step)


def told(changes: Sequence[Change]) -> list[tuple[int, str]]:
    """(step, words) for each step with changes, newest first; many changes at one step are only counted."""
    words: dict[int, list[str]] = {}
    for change in reversed(changes):
        words.setdefault(change.step, []).append(knob_words(change.knob, change.value))
    whole = {step: ", ".join(parts) for step, parts in words.items()}
    return [
        (s, whole[s] if len(parts) == 1 or len(whole[s]) <= LONGEST else f"{parts[0]} +{len(parts) - 1}")
        for s, parts in words.items()
    ]


@dataclass(frozen=True)
class Note:
    """Words for a place on the time axis, with their middle at x px."""

    x: float
    words: str


def fitting(notes: Sequence[Note], left: float, right: float, gap: float = 6.0) -> tuple[list[Note], list[Note]]:
    """Those notes that fit between two edges (px) without overlapping, the first in the sequence first; the rest.

    Words begin at their place, like a flag, or where there is no room end there, or are about it.
    """
    taken: list[tuple[float, float]] = []
    fit: list[Note] = []
    rest: list[Note] = []
    for note in notes:
        half = text_width(note.words) / 2
        for x in (note.x + half, note.x - half, note.x):
            if (
                left <= x - half
                and x + half <= right
                and all(x + half + gap <= a or b + gap <= x - half for a, b in taken)
            ):
                taken.append((x - half, x + half))
                fit.append(Note(x, note.words))
                break
        else:
            rest.append(note)
    return fit, rest


def spaced(places: Sequence[float], apart: float = APART) -> list[float]:
    """Those places (px) that are at least `apart` from one another, the last in the sequence first."""
    kept: list[float] = []
    for x in reversed(places):
        if all(abs(x - other) >= apart for other in kept):
            kept.append(x)
    return kept
