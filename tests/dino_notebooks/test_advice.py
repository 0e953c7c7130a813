"""The sentence that says why a run is where it is, and what to do.

Run: pytest tests/dino_notebooks/test_advice.py
"""

from typing import Any

import pytest
from made_logs import logs

from dino_lite import DinoConfig
from dino_notebooks.session.advice import PATIENCE, advice, harmful, memory
from dino_notebooks.session.run_line import require_knobs, usual_knobs
from dino_notebooks.session.scenes import SCENES, scene
from dino_notebooks.session.snapshot import Change

USUAL = usual_knobs(DinoConfig.lab())
WIDTH = 64
SPREAD = 1 / 8  # 1/√64: as far apart as features can be


def say(state: str, steps: int = 200, std: float = SPREAD, changes: tuple[Change, ...] = (), **knobs: Any) -> str:
    """The advice for a run of so many steps."""
    return advice(state, USUAL | knobs, USUAL, logs(steps, feature_std=std), changes, WIDTH)


@pytest.mark.parametrize("each", SCENES, ids=lambda each: each.name)
def test_every_bad_scene_is_explained_by_its_own_knob_and_no_good_one_is(each: Any) -> None:
    knobs = each.apply(USUAL)
    require_knobs(knobs)
    fault = harmful(knobs, USUAL)
    if each.good:
        assert fault is None or each.name == "the paper's numbers"
        return
    assert fault is not None
    words = {
        "centering": "centering is off",
        "sharpening": "sharpening is off",
        "ema": "EMA is off",
        "ema_momentum": "teacher remembers",
        "center_momentum": "centre remembers",
        "teacher_temp": "temperature (0.3)",
        "center_gain": "25 times",
    }
    assert any(words[knob] in fault[0] for knob in each.knobs if knob in words), fault


def test_knobs_of_a_scene_count_and_no_others() -> None:
    assert scene("no centering").apply(USUAL) == USUAL | {"centering": False}
    with pytest.raises(ValueError, match="There is no scene 'cat'; the scenes are the recipe"):
        scene("cat")
    assert len({each.name for each in SCENES}) == len(SCENES)


def test_a_healthy_run_needs_no_advice() -> None:
    assert say("healthy") == ""
    assert say("healthy", ema=False).startswith("Still healthy, but the EMA is off")


def test_a_collapse_is_put_down_to_a_knob_with_its_cure() -> None:
    assert "Switch sharpening on." in say("uniform", sharpening=False)
    assert "Switch centering on." in say("dominant", centering=False)
    assert "Switch the EMA on." in say("dominant", ema=False, centering=False)  # the graver one first
    assert "Lower τt" in say("uniform", teacher_temp=0.09)


def test_the_centres_knobs_do_not_count_where_there_is_no_centre() -> None:
    assert "centering" not in say("dominant", centering=False, target="sinkhorn")
    assert harmful(USUAL | {"center_momentum": 0.999, "target": "sinkhorn"}, USUAL) is None
    assert harmful(USUAL | {"center_momentum": 0.999}, USUAL) is not None


def test_sharpness_is_relative_to_the_students_temperature() -> None:
    assert harmful(USUAL | {"teacher_temp": 0.08}, USUAL) is not None
    assert harmful(USUAL | {"teacher_temp": 0.08, "student_temp": 0.2}, USUAL) is None


def test_a_run_whose_features_live_is_waited_for_and_then_given_up() -> None:
    undone = (Change(100, "centering", False), Change(150, "centering", True))
    assert f"takes up to {PATIENCE}" in say("dominant", 160, changes=undone)
    assert "has not come back" in say("dominant", 150 + PATIENCE + 1, changes=undone)


def test_a_run_whose_features_are_gone_is_told_where_to_rewind_to() -> None:
    undone = (Change(100, "ema", False), Change(150, "ema", True))
    run = [*logs(100, diagnosis="healthy"), *logs(160, feature_std=0.004, diagnosis="dominant")[100:]]
    said = advice("dominant", USUAL, USUAL, run, undone, WIDTH)
    assert "will hardly come back" in said
    assert "3% of what it could be" in said
    assert "to step 100 or earlier" in said


def test_early_steps_are_not_alarming() -> None:
    assert say("not_learning", 10).startswith("Early in a run")
    assert advice("not_learning", USUAL, USUAL, [], (), WIDTH) == "Press play."


@pytest.mark.parametrize(
    ("momentum", "words"),
    [(0.0, "about 1 step"), (0.99, "about 100 steps"), (0.999, "about 1000 steps"), (1.0, "for ever")],
)
def test_a_memory_in_words(momentum: float, words: str) -> None:
    assert memory(momentum) == words
