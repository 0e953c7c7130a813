"""Make it happen: right runs are taken, and every run that breaks a rule or misses the goal is told which.

What breaks a rule is refused before anything is trained. Run: pytest tests/dino_notebooks/check/test_behaviour.py
(about a minute on one thread; without training: -m "not slow")
"""

from pathlib import Path
from types import SimpleNamespace

import pytest

from dino_notebooks import CollapseLab, Session, check
from dino_notebooks.check.collapse_and_evaluation import behaviour
from dino_notebooks.check.result import WrongAnswer

NOTEBOOK = Path(__file__).parents[3] / "notebooks/src/exercises/5_collapse_and_evaluation.py"
ILL = "dino-run/1 lab seed=0 steps={}; 60 teacher_temp=0.3"  # the beginning of the run to be rescued
BACK = "teacher_temp=0.04"


@pytest.fixture(autouse=True)
def no_training(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is not marked slow must not train."""
    if not request.node.get_closest_marker("slow"):
        monkeypatch.setattr(Session, "run", lambda *_: pytest.fail("it trains"))


REFUSED = [
    ("collapse_uniformly", None, "It takes a run"),
    ("collapse_uniformly", "sharpening=False", "can't be read as a run"),
    ("collapse_uniformly", "dino-run/1 lab seed=0 steps=100; 50 sharpness=off", "There is no knob"),
    ("collapse_uniformly", "dino-run/1 small seed=0 steps=100; 50 sharpening=off", "recipe 'small'"),
    ("collapse_uniformly", "dino-run/1 lab seed=0 steps=201; 50 sharpening=off", "201 steps, and 200 are allowed"),
    ("collapse_uniformly", "dino-run/1 lab seed=0 steps=150", "No knob is moved"),
    (
        "collapse_uniformly",
        "dino-run/1 lab seed=0 steps=150; 50 sharpening=off lr=0.001",
        "2 knobs are moved (sharpening, lr)",
    ),
    (
        "collapse_uniformly",
        "dino-run/1 lab seed=0 steps=150; 50 teacher_temp=0.1; 70 teacher_temp=0.3",
        "teacher_temp is moved 2 times",
    ),
    ("rescue", "", "It takes a run"),
    ("rescue", f"dino-run/1 lab seed=1 steps=400; 60 teacher_temp=0.3; 150 {BACK}", "seed 1"),
    ("rescue", ILL.format(150), "go on from there"),
    ("rescue", f"{ILL.format(451)}; 150 {BACK}", "451 steps, and 450 are allowed"),
    ("rescue", f"dino-run/1 lab seed=0 steps=400; 60 teacher_temp=0.2; 150 {BACK}", "another run"),
    ("rescue", f"{ILL.format(400)}; 120 {BACK}", "another run"),
    ("rescue", "dino-run/1 lab seed=0 steps=400", "another run"),
    ("rescue", f"dino-run/1 lab seed=0 steps=400; 30 lr=0.0015; 60 teacher_temp=0.3; 150 {BACK}", "another run"),
    ("rescue", ILL.format(400), "teacher_temp is not"),
    ("rescue", f"{ILL.format(400)}; 150 teacher_temp=0.01", "teacher_temp is not"),
    ("rescue", f"{ILL.format(400)}; 150 teacher_temp=0.01; 380 {BACK}", "For the last 50 steps"),
    ("rescue", f"{ILL.format(400)}; 150 {BACK} target=sinkhorn", "target is not"),
    ("rescue", f"{ILL.format(400)}; 150 {BACK}; 380 lr=0.0; 390 lr=0.0015", "lr is not"),
    ("best_retrieval", 0.07, "It takes a run"),
    ("best_retrieval", "dino-run/1 small seed=0 steps=300; 0 ema=off", "recipe 'small'"),
    ("best_retrieval", "dino-run/1 lab seed=4 steps=300; 0 ema=off target=sinkhorn", "seed 4"),
    ("best_retrieval", "dino-run/1 lab seed=0 steps=290; 0 ema=off target=sinkhorn", "ends at step 290"),
    ("best_retrieval", "dino-run/1 lab seed=0 steps=600; 0 ema=off target=sinkhorn", "600 steps, and 300"),
    ("best_retrieval", "dino-run/1 lab seed=0 steps=300; 0 target=sinkhorn", "EMA is on in the first step"),
    ("best_retrieval", "dino-run/1 lab seed=0 steps=300; 0 ema=on; 1 ema=off", "EMA is on in the first step"),
    ("best_retrieval", "dino-run/1 lab seed=0 steps=300; 10 ema=off target=sinkhorn", "EMA is on in the first step"),
    ("best_retrieval", "dino-run/1 lab seed=0 steps=300; 0 ema=off; 200 ema=on", "switched on at step 200"),
]


@pytest.mark.parametrize(("name", "answer", "words"), REFUSED)
def test_a_broken_rule_is_named_without_training(name, answer, words):
    result = getattr(check, name)(answer)
    assert not result.ok
    assert words in result.message


def test_the_notebook_has_the_run_to_be_rescued_and_the_numbers():
    text = NOTEBOOK.read_text()
    assert f'ill = "{behaviour.ILL}"' in text
    assert f"at least {behaviour.TELLS} nats" in text
    assert f"at most {behaviour.MORE} steps more" in text
    assert f"the last {behaviour.WELL} steps" in text
    assert f"a run of {behaviour.LENGTH} steps" in text
    assert "at steps 200, 250 and 300, and it has to be at least twice" in text
    assert (behaviour.SCORED, behaviour.TIMES) == ((200, 250, 300), 2)


class Panel:
    """Something with a session, as CollapseLab has one."""

    def __init__(self, session):
        self.session = session


def test_a_panel_is_taken_as_its_session():
    assert "No knob is moved" in check.collapse_uniformly(Panel(Session("lab", seed=0))).message
    assert "ends at step 0" in check.rescue(Panel(Session("lab", seed=0))).message
    assert "It takes a run: the Session, the panel" in check.rescue(Panel("dino-run/1 lab")).message


def test_the_real_panel_is_taken():
    panel = CollapseLab(driver="ticks", name="handed in")
    assert "No knob is moved" in check.collapse_uniformly(panel).message
    panel.stop()


@pytest.mark.slow
def test_a_uniform_collapse_is_taken_as_a_session_or_a_line():
    session = Session("lab", seed=3)
    session.set(teacher_temp=0.3)
    session.advance(steps=40)
    assert check.collapse_uniformly(session).ok
    assert check.collapse_uniformly(f" {session.run_line()}; ", strict=True, seed=7).ok  # not made again


@pytest.mark.slow
@pytest.mark.parametrize(
    ("knob", "words"),
    [("centering=off", "has collapsed, but not uniformly"), ("lr=0.0015", "has not collapsed, or not yet")],
)
def test_another_end_is_no_uniform_collapse(knob, words):
    line = f"dino-run/1 lab seed=0 steps=60; 0 {knob}"
    result = check.collapse_uniformly(line)
    assert not result.ok
    assert words in result.message
    with pytest.raises(WrongAnswer, match=words):
        check.collapse_uniformly(line, strict=True)


@pytest.mark.slow
def test_a_run_whose_loss_is_no_number_is_refused():
    result = check.collapse_uniformly("dino-run/1 lab seed=0 steps=100; 0 lr=1e30")
    assert not result.ok
    assert "can't be made again. The loss is nan at step 1" in result.message


@pytest.mark.slow
def test_a_rescue_is_taken():
    assert check.rescue(f"{ILL.format(400)}; 150 teacher_temp=0.01; 250 {BACK}").ok


@pytest.mark.slow
def test_to_undo_and_wait_is_no_rescue():
    result = check.rescue(f"{ILL.format(205)}; 150 {BACK}")
    assert not result.ok
    assert "has not come back: uniform" in result.message
    assert f"mean of the last 20 steps; it takes {behaviour.TELLS}" in result.message


@pytest.mark.slow
def test_a_run_that_learns_without_a_slow_teacher_is_taken():
    assert check.best_retrieval("dino-run/1 lab seed=0 steps=300; 0 ema=off target=sinkhorn").ok


def test_the_score_has_to_be_clearly_above_that_of_random_weights(monkeypatch):
    """With made scores, since a run of 300 steps takes long: a collapse, a lucky last measurement, and a good run."""
    scores = [(0, 0.02), (50, 0.02), (100, 0.02), (150, 0.02)]
    for last, right in (((0.02, 0.02, 0.02), False), ((0.02, 0.02, 0.07), False), ((0.05, 0.04, 0.03), True)):
        now = SimpleNamespace(score=(*scores, *zip((200, 250, 300), last, strict=True)))
        seen = SimpleNamespace(now=now, floor=0.02, reason="It says why.")
        missing = behaviour.finds(SimpleNamespace(snapshot=lambda seen=seen: seen))
        assert (missing is None) == right
        assert right or "times that of random weights (0.020)" in missing
