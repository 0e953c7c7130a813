"""What assignments 4 and 5 say of their own figures and numbers is so.

A figure's cell is run as it stands, and what it would draw is looked at.
Run: pytest tests/dino_notebooks/check/test_claims_of_assignments.py
"""

import math
from pathlib import Path
from statistics import pstdev

import jupytext
import pytest
import torch

import dino_lite
from dino_lite import evaluate
from dino_notebooks import check, steps
from dino_notebooks.assignments import with_stub_first
from dino_notebooks.check.collapse_and_evaluation import reports
from dino_notebooks.check.ema_and_schedules.step_slips import train_step

SOURCES = Path(__file__).parents[3] / "notebooks" / "src" / "exercises"


def cells_of(name):
    """The cells of an assignment."""
    return [cell.source for cell in jupytext.read(SOURCES / f"{name}.py", fmt="py:percent").cells]


def drawn_by(name, words, **given):
    """What the one cell with these words would draw or print, and the text after it."""
    cells = cells_of(name)
    (at,) = [i for i, source in enumerate(cells) if words in source]
    drawn = []
    names = {"torch": torch, "dino_lite": dino_lite, "check": check, "steps": steps, "display": drawn.append} | given
    names |= {"plot_lines": lambda panels, **_: panels, "plot_table": lambda tables, *_: tables}
    names["print"] = lambda *said: drawn.append(" ".join(map(str, said)))
    exec(cells[at], names)
    return drawn, cells[at + 1]


def test_a_slower_teacher_trembles_less_and_comes_later():
    (panels,), said = drawn_by("4_ema_and_schedules", "noise = 0.2", my_ema_update=dino_lite.ema_update)
    assert said.startswith("In the figure a teacher with a larger m trembles less, and comes later")
    quick, middle, slow = (panels["one weight"][f"teacher, m = {m}"] for m in (0.8, 0.95, 0.99))
    assert pstdev(quick[40:80]) > 2 * pstdev(middle[40:80]) > 4 * pstdev(slow[40:80])
    assert quick[110] > middle[110] > slow[110]
    assert slow[-1] < 0.75 < 0.9 < middle[-1]


def test_the_table_ends_with_a_prototype_for_each_picture():
    given = {"my_train_step": train_step, "teacher_probs": dino_lite.teacher_probs}
    (tables,), said = drawn_by("4_ema_and_schedules", "if check.train_step(my_train_step).ok", **given)
    assert "at step 0 prototype 3 has nearly everything" in said
    assert "a quarter for each of the four" in said
    assert tables["step 0"][:, 2].min() > 0.75
    assert tables["step 100"].argmax(1).tolist() == [5, 8, 11, 14]
    assert tables["step 100"].mean(0)[[5, 8, 11, 14]].tolist() == pytest.approx([0.25] * 4, abs=0.01)


def test_the_gain_over_pixels_shows_in_retrieval_and_not_in_the_groups():
    pictures = dino_lite.load_pictures("emoji", size=32)
    things = len(pictures) // 3
    given = {"my_retrieval_accuracy": evaluate.retrieval_accuracy, "my_knn_accuracy": evaluate.knn_accuracy}
    given |= {"pictures": pictures, "things": things, "some": torch.arange(0, things, 4)}
    lines, said = drawn_by("5_collapse_and_evaluation", '"pixels": [', **given)
    assert said.startswith("k-NN asks for groups, and pixels tell these about as well as the model does.")
    trained, pixels = ((float(line.split()[2]), float(line.split()[4])) for line in lines)
    assert trained[0] > 1.5 * pixels[0]
    assert abs(trained[1] - pixels[1]) < 0.02


def test_the_panel_can_be_used_where_it_is_recommended():
    setup = next(source for source in cells_of("5_collapse_and_evaluation") if "setup()" in source)
    assert "CollapseLab" in setup


@pytest.mark.slow
def test_information_is_at_most_the_logarithm_of_the_prototypes_in_use():
    """Also in report B, whose run has not lost all of it: the text calls it under way."""
    logs = reports.made(reports.REPORTS["report_b"].line).logs
    assert all(log.mutual_information <= math.log(log.effective_prototypes) + 1e-3 for log in logs)
    assert 2 < logs[-1].effective_prototypes < 4
    assert 0.6 < logs[-1].mutual_information < 1.1


def test_the_rescue_begins_with_the_patient_and_can_be_run_again():
    """As a student gets the cell: it compiles, and goes back first."""
    (cell,) = [one for one in cells_of("5_collapse_and_evaluation") if "my_rescue = None" in one]
    stub = with_stub_first(cell).split("### BEGIN SOLUTION")[0]
    compile(stub, "the answer cell", "exec")
    assert stub.startswith("session.rewind(150)")
