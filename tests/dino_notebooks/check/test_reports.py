"""Diagnose the curve: each report's run shows what its answer claims, and every wrong answer gets its reason.

Run: pytest tests/dino_notebooks/check/test_reports.py   (about 35 s on one thread; without training: -m "not slow")
"""

from pathlib import Path

import pytest

from dino_notebooks import check
from dino_notebooks.check.collapse_and_evaluation import reports
from dino_notebooks.check.collapse_and_evaluation.reports import ANSWERS, REPORTS
from dino_notebooks.session.run_line import read_line

NOTEBOOK = Path(__file__).parents[3] / "notebooks/src/exercises/5_collapse_and_evaluation.py"


def test_every_wrong_answer_has_its_reason():
    for name, report in REPORTS.items():
        (right,) = set(ANSWERS) - set(report.against)
        assert ANSWERS[right][1] == report.fault, name
        assert all(len(reason) > 40 for reason in report.against.values())
        assert len(set(report.against.values())) >= len(report.against) - 1  # one reason may speak against two


def test_a_fault_is_set_in_its_run_and_nothing_else():
    for report in REPORTS.values():
        changed = {change.knob for change in read_line(report.line).changes}
        assert changed == set(report.fault)


def test_the_notebook_lists_the_answers_and_says_where_the_reports_come_from():
    text = NOTEBOOK.read_text()
    assert all(f'# - `"{answer}"`' in text for answer in ANSWERS)
    for thread in ("dino/issues/43", "esvit/issues/7", "dino/issues/235", "dinov2/issues/143"):
        assert thread in text


@pytest.mark.parametrize("answer", [None, "", ..., "uniform", 3, "healthy"])
def test_no_answer_is_told_what_can_be_answered(answer):
    result = check.report_a(answer)  # found out without a run
    assert not result.ok
    assert all(option in result.message for option in ANSWERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", REPORTS)
def test_the_run_shows_what_the_right_answer_claims(name):
    report, judge = REPORTS[name], getattr(check, name)
    (right,) = set(ANSWERS) - set(report.against)
    assert reports.right_answer(report) == right
    result = judge(f"  {right.upper()} ")
    assert result.ok
    assert result.message == report.because
    for wrong, reason in report.against.items():
        result = judge(wrong)
        assert not result.ok
        assert result.message == reason
    assert repr(judge.hint(4)) == f"Solution: {report.because}"


@pytest.mark.slow
def test_what_is_said_of_the_curves_is_true():
    """The words of reasons and hints, in numbers, with room for another machine's rounding."""
    ends = {name: reports.made(report.line).logs[-20:] for name, report in REPORTS.items()}
    mean = {
        (name, what): sum(getattr(log, what) for log in logs) / len(logs)
        for name, logs in ends.items()
        for what in ("loss", "entropy", "kl", "mutual_information", "effective_prototypes")
    }
    ceiling = 5.545  # ln 256
    assert mean["report_a", "entropy"] > 0.97 * ceiling
    assert mean["report_a", "kl"] < 0.05
    assert mean["report_a", "mutual_information"] < 0.05
    assert mean["report_a", "effective_prototypes"] > 240
    assert mean["report_b", "effective_prototypes"] < 10
    assert mean["report_b", "entropy"] < 1
    b = reports.made(REPORTS["report_b"].line).logs
    used = [sum(log.effective_prototypes for log in b[i : i + 10]) / 10 for i in range(0, len(b), 10)]
    assert used[5] > 40  # before the fault
    assert used[8] > 20  # twenty steps and more after it: no cliff
    assert 4 < mean["report_c", "loss"] < 0.93 * ceiling
    assert mean["report_c", "kl"] < 0.15
    assert mean["report_c", "mutual_information"] < 0.2
    assert 60 < mean["report_c", "effective_prototypes"] < 200
    assert mean["report_d", "mutual_information"] > 1.5
    assert mean["report_d", "kl"] > 0.5 * mean["report_d", "loss"]
    assert abs(mean["report_d", "loss"] - ceiling) < 0.5
    assert mean["report_d", "effective_prototypes"] > 60


@pytest.mark.slow
@pytest.mark.parametrize("name", REPORTS)
def test_curves_do_not_give_the_knobs_away(name):
    plot = reports.curves(name)
    words = " ".join(text.get_text() for ax in plot.axes for text in [*ax.texts, ax.title])
    assert "ln K" in words
    for knob in ("temp", "momentum", "centering", "lr"):
        assert knob not in words + plot.finding
