"""A run as a line of text: out, in, and everything that is no run line.

Run: pytest tests/dino_notebooks/test_run_line.py
"""

import random
import time

import pytest

from dino_notebooks.session.run_line import EXAMPLE, LONGEST_RUN, Run, grouped, read_line, require_knobs
from dino_notebooks.session.snapshot import Change

KNOBS = {
    "student_temp": lambda r: r.uniform(0.01, 1),
    "teacher_temp": lambda r: r.uniform(0.01, 1),
    "center_momentum": lambda r: r.random(),
    "ema_momentum": lambda r: r.random(),
    "lr": lambda r: 10 ** r.uniform(-6, 0),
    "weight_decay": lambda r: r.random(),
    "center_gain": lambda r: r.uniform(0, 50),
    "centering": lambda r: r.random() < 0.5,
    "sharpening": lambda r: r.random() < 0.5,
    "ema": lambda r: r.random() < 0.5,
    "freeze_last_layer": lambda r: r.random() < 0.5,
    "target": lambda r: r.choice(["center", "sinkhorn", "batch_softmax"]),
}


def random_changes(seed: int, count: int) -> tuple[Change, ...]:
    """Changes of all kinds of knobs, in order, several of them at one step."""
    r = random.Random(seed)
    steps = sorted(r.randrange(count // 2 + 1) for _ in range(count))
    names = [r.choice(list(KNOBS)) for _ in steps]
    return tuple(Change(step, name, KNOBS[name](r)) for step, name in zip(steps, names, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read_back_to_the_last_bit(seed: int) -> None:
    run = Run("lab", seed, 900, random_changes(seed, 200))
    back = read_line(run.line())
    assert (back.recipe, back.seed, back.steps) == ("lab", seed, 900)
    assert list(grouped(back.changes)) == list(grouped(run.changes))
    assert back.line() == run.line()


def test_a_line_can_be_read_by_people() -> None:
    changes = (Change(150, "centering", False), Change(350, "centering", True), Change(350, "teacher_temp", 0.07))
    line = Run("lab", 3, 420, changes).line()
    assert line == "dino-run/1 lab seed=3 steps=420; 150 centering=off; 350 centering=on teacher_temp=0.07"


def test_of_several_changes_at_one_step_the_last_counts() -> None:
    changes = (Change(5, "lr", 0.1), Change(5, "lr", 0.2), Change(5, "ema", False), Change(5, "lr", 0.3))
    assert Run("lab", 0, 9, changes).line() == "dino-run/1 lab seed=0 steps=9; 5 lr=0.3 ema=off"


def test_room_around_a_line_does_not_matter() -> None:
    assert read_line(f"\n  {EXAMPLE} ; \n") == read_line(EXAMPLE)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "not a run line"),
        ("hello", "not a run line"),
        ("__import__('os').system('touch /tmp/owned')", "not a run line"),
        ("dino-run/2 lab seed=0 steps=5", "not a run line"),
        ("dino-run/1 lab seed=-1 steps=5", "not a run line"),
        ("dino-run/1 lab seed=0 steps=５", "not a run line"),  # a digit, but not one of ours
        ("dino-run/1 lab seed=0 steps=5\x00", "not a run line"),
        ("dino-run/1 ../../etc seed=0 steps=5", "not a run line"),
        ("dino-run/1 cat seed=0 steps=5", "no recipe 'cat'"),
        ("dino-run/1 lab seed=0 steps=999999999", f"at most {LONGEST_RUN:,}"),
        ("dino-run/1 lab seed=0 steps=5; 3 lr=__import__", "no value for lr"),
        ("dino-run/1 lab seed=0 steps=5; 3 lr=1e999", "lr must be a finite number"),
        ("dino-run/1 lab seed=0 steps=5; 3 lr=nan", "lr must be"),
        ("dino-run/1 lab seed=0 steps=5; 3 lr=inf", "lr must be a finite number"),
        ("dino-run/1 lab seed=0 steps=5; 3 lr=on", "lr must be a number"),
        ("dino-run/1 lab seed=0 steps=5; 3 ema=0.5", "ema must be True or False"),
        ("dino-run/1 lab seed=0 steps=5; 3 target=0.5", "target must be one of"),
        ("dino-run/1 lab seed=0 steps=5; 3 teacher_temp=0", "teacher_temp must be"),
        ("dino-run/1 lab seed=0 steps=5; 3 center_gain=1e9", "center_gain must be"),
        ("dino-run/1 lab seed=0 steps=5; 3 out_dim=9", "no knob 'out_dim'"),
        ("dino-run/1 lab seed=0 steps=5; 3 __class__=9", "no knob '__class__'"),
        ("dino-run/1 lab seed=0 steps=5; 3 lr", "does not"),
        ("dino-run/1 lab seed=0 steps=5; lr=0.1", "does not"),
        ("dino-run/1 lab seed=0 steps=5; 3 lr=0.1 <script>", "does not"),
        ("dino-run/1 lab seed=0 steps=5; 4 lr=0.1; 3 lr=0.2", "from the first step to the last"),
        ("dino-run/1 lab seed=0 steps=5; 6 lr=0.1", "ends at step 5"),
        ("x" * 600_000, "at most 500,000 characters"),
    ],
)
def test_anything_else_gets_a_sentence(line: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        read_line(line)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_hostile_line_is_refused_at_once() -> None:
    """Nothing that a regular expression could chew on for ever. The limit is generous: such a thing takes years."""
    begin = time.monotonic()
    for line in (
        "dino-run/1 lab seed=0 steps=5; 3" + " lr=1" * 90_000 + "!",
        "dino-run/1 " + "a" * 400_000,
        ";" * 400_000,
    ):
        with pytest.raises(ValueError, match="run line"):
            read_line(line)
    assert time.monotonic() - begin < 60


def test_a_line_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="one line of text"):
        read_line(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("knobs", [{"center_gain": True}, {"center_gain": "1"}, {"lr": float("inf")}, {"tau": 1.0}])
def test_knobs_that_a_steered_run_cannot_have(knobs: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|no knob"):
        require_knobs(knobs)
