"""Assignments through nbgrader, without a browser: written, released, handed in right and wrong, graded.

Run: pytest tests/dino_notebooks/test_course.py
"""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from dino_notebooks.assignments import HERE, WORDS, lecturer_cell, strict, student_cell
from dino_notebooks.build import build
from dino_notebooks.cli import main

ROOT = Path(__file__).parent.parent.parent
NAMES = sorted(path.stem for path in (ROOT / "notebooks" / "src" / "exercises").glob("*.py"))
FIRST, LOSS, RUNS = NAMES[0], NAMES[2], NAMES[4]
Notebook = nbformat.NotebookNode

SCRIPT = '''# %% [markdown]
# # Title

# %% part="answer" exercise="double"
def my_double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    y = 2 * x
    return y
    ### END SOLUTION


# %% part="test" exercise="double" points=3
check.double(my_double)

# %% part="answer" exercise="bug"
### BEGIN SOLUTION
def my_bug(x):
    return x + 1


### END SOLUTION
### BEGIN STUB
# def my_bug(x):
#     return x - 1
### END STUB

# %% [markdown] part="words" exercise="why" points=2
# Because.
'''


def cells(script: str, prepare: Callable[[dict], dict]) -> list[Notebook]:
    """The cells of a script as a student or a grader gets them."""
    return nbformat.reads(build(script, prepare), as_version=4).cells


# --- the form of a cell --------------------------------------------------------------------------------------


def test_a_student_gets_stubs() -> None:
    _, answer, test, bug, words = cells(SCRIPT, student_cell)
    assert answer.source == f'def my_double(x):\n    """Twice x."""\n    {HERE}'
    assert test.source == "check.double(my_double)"
    assert bug.source == f"def my_bug(x):\n    return x - 1\n\n\n{HERE}"
    assert words.source == WORDS


def test_a_grader_gets_solutions_and_hidden_tests() -> None:
    _, answer, test, bug, words = cells(SCRIPT, lambda found: lecturer_cell(found, seed=7))
    assert "y = 2 * x" in answer.source
    assert "### BEGIN HIDDEN TESTS\n_ = check.double(my_double, strict=True, seed=7)\n### END" in test.source
    assert bug.source.index("x - 1") < bug.source.index("### BEGIN SOLUTION") < bug.source.index("x + 1")
    assert "STUB" not in bug.source
    assert words.source == "Because."
    assert test.metadata.nbgrader == {
        "grade": True,
        "grade_id": "test_double",
        "locked": True,
        "points": 3,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }


@pytest.mark.parametrize(
    "marks",
    ['part="nothing" exercise="a"', 'part="test" exercise="a"', 'part="answer"', 'part="answer" exercise="a" points=2'],
)
def test_wrong_marks_are_named(marks: str) -> None:
    with pytest.raises(ValueError, match="A cell has part="):
        build(f"# %% {marks}\nx = 1\n", student_cell)


@pytest.mark.parametrize(
    "source", ["x = 1", "check.a(b)\ncheck.a(c)", "check.a(b, strict=True)", "check.a(lambda x: x)"]
)
def test_a_test_is_one_plain_check(source: str) -> None:
    with pytest.raises(ValueError, match="A test is one line"):
        strict(source, 1)


@pytest.mark.parametrize("place", ["a file", "a folder with something in it"])
def test_a_course_is_never_overwritten(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    course = tmp_path / "course"
    if place == "a file":
        course.write_text("mine")
    else:
        (course / "submitted").mkdir(parents=True)
    assert main(["assignments", str(course)]) == 2
    assert str(course) in capsys.readouterr().err
    assert course.is_file() or list(course.iterdir()) == [course / "submitted"]


# --- the whole way -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with every assignment released."""
    folder = tmp_path_factory.mktemp("class") / "course"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert main(["assignments", str(folder), "--seed", "5"]) == 0
    nbgrader(folder, "generate_assignment", "--assignment", LOSS)
    nbgrader(folder, "generate_assignment", "--assignment", RUNS)
    return folder


def nbgrader(course: Path, *arguments: str, fails: bool = False) -> str:
    """One command in the course folder; what it said."""
    done = subprocess.run(  # noqa: PLW1510 (the exit status is looked at below)
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        env=os.environ
        | {
            "HOME": str(course.parent),
            "JUPYTER_PREFER_ENV_PATH": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # nbgrader calls alembic by name
        },
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert (done.returncode != 0) == fails, done.stderr[-3000:]
    return done.stderr


def hand_in(course: Path, student: str, name: str, of: str, change: dict[str, str] | None = None) -> None:
    """Put a notebook from source/ or release/ into submitted/, with some cells changed by their names."""
    notebook = nbformat.read(course / of / name / f"{name}.ipynb", as_version=4)
    left = dict(change or {})
    for cell in notebook.cells:
        cell.source = left.pop(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    assert not left
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


def points(course: Path, name: str) -> dict[str, dict[str, float]]:
    """Student → test → points, of an assignment that was graded."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            one.student.id: {grade.name: grade.score for notebook in one.notebooks for grade in notebook.grades}
            for one in book.assignment_submissions(name)
        }


def worth(course: Path, name: str) -> dict[str, float]:
    """Test → points that it can give; words are left out, which a person grades."""
    found = nbformat.read(course / "source" / name / f"{name}.ipynb", as_version=4).cells
    marks = [cell.metadata.nbgrader for cell in found if "nbgrader" in cell.metadata]
    return {mark.grade_id: mark.points for mark in marks if mark.grade and not mark.solution}


def test_what_is_released_is_what_students_have(course: Path) -> None:
    """nbgrader's own clearing gives the notebooks in notebooks/exercises: stubs, and nothing of the solutions."""
    for name in (LOSS, RUNS):
        released = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
        ours = nbformat.read(ROOT / "notebooks" / "exercises" / f"{name}.ipynb", as_version=4)
        assert [cell.source for cell in released.cells] == [cell.source for cell in ours.cells]


def test_a_course_holds_no_answers_to_exam_questions(course: Path) -> None:
    """What is released are the notebooks and nothing else; no file of the course has a line of docs/exam_answers.md."""
    released = [path.relative_to(course) for path in (course / "release").rglob("*") if path.is_file()]
    assert all(path.suffix == ".ipynb" and path.parts[1] == path.stem for path in released)
    assert len(released) >= 2
    told = [line for line in (ROOT / "docs" / "exam_answers.md").read_text().splitlines()[4:] if len(line) > 40]
    for path in course.rglob("*.*"):
        if path.suffix in (".ipynb", ".py", ".md", ".html"):
            text = path.read_text()
            assert not [line for line in told if line in text], path


@pytest.mark.parametrize("name", NAMES)
def test_no_solution_is_given_away(name: str) -> None:
    """No mark is in the student's notebook, and no line of a solution; of one that mends a bug, not all lines."""
    script = (ROOT / "notebooks" / "src" / "exercises" / f"{name}.py").read_text()
    text = (ROOT / "notebooks" / "exercises" / f"{name}.ipynb").read_text()
    assert not [word for word in ("BEGIN", "HIDDEN", "strict=True") if word in text]
    for ours, theirs in zip(cells(script, lecturer_cell), cells(script, student_cell), strict=True):
        if "### BEGIN SOLUTION" in ours.source:
            before, solution = ours.source.split("### END SOLUTION")[0].split("### BEGIN SOLUTION")
            lines = {line for line in solution.splitlines() if line.strip()}
            told = lines & set(theirs.source.splitlines())
            assert told < lines if before.strip().count("\n") > 1 and "return" in before else not told, theirs.source


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_full_empty_partly_right_and_tampered_submissions(course: Path) -> None:
    tests = worth(course, LOSS)
    hand_in(course, "full", LOSS, "source")
    hand_in(course, "empty", LOSS, "release")
    wrong = "def my_update_center(center, teacher_logits, momentum):\n    return teacher_logits.detach().mean((0, 1))"
    hand_in(course, "partly", LOSS, "source", {"update_center": wrong})
    hand_in(course, "tampered", LOSS, "source", {"update_center": wrong, "test_update_center": "assert True"})
    nbgrader(course, "autograde", "--assignment", LOSS)
    found = points(course, LOSS)
    assert {test: found["full"][test] for test in tests} == tests
    assert set(found["empty"].values()) == {0.0}
    for student in ("partly", "tampered"):
        assert {test: found[student][test] for test in tests} == tests | {"test_update_center": 0.0}
    nbgrader(course, "generate_feedback", "--assignment", LOSS)
    page = (course / "feedback" / "partly" / LOSS / f"{LOSS}.html").read_text()
    assert "It is the mean of this batch alone." in page
    nbgrader(course, "export")
    rows = csv.DictReader((course / "grades.csv").read_text().splitlines())
    total = {row["student_id"]: float(row["score"]) for row in rows if row["assignment"] == LOSS}
    assert total == {student: sum(grades.values()) for student, grades in found.items()}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_loop_costs_its_points_and_a_crash_its_submission(course: Path) -> None:
    name = FIRST
    nbgrader(course, "generate_assignment", "--assignment", name)
    tests = worth(course, name)
    hand_in(course, "full", name, "source")
    hand_in(course, "loop", name, "source", {"contrast": "def my_contrast(x, factor):\n    while True:\n        pass"})
    hand_in(course, "crash", name, "source", {"contrast": "import os\n\nos._exit(1)"})
    settings = course / "nbgrader_config.py"
    usual = settings.read_text()
    settings.write_text(usual.replace("timeout = 300", "timeout = 25"))  # the loop would take the five minutes
    said = nbgrader(course, "autograde", "--assignment", name, fails=True)
    settings.write_text(usual)
    assert "'crash'" in said
    found = points(course, name)
    assert {test: found["full"][test] for test in tests} == tests
    assert {test: found["loop"][test] for test in tests} == tests | {"test_contrast": 0.0}
    assert not (course / "autograded" / "crash" / name).exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_behaviour_is_graded(course: Path) -> None:
    """The assignment whose answers are runs: they are made again, without a thread, and right ones get their points."""
    hand_in(course, "full", RUNS, "source")
    nbgrader(course, "autograde", "--assignment", RUNS)
    tests = worth(course, RUNS)
    assert {test: points(course, RUNS)["full"][test] for test in tests} == tests


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in (LOSS, RUNS, FIRST)])
def test_every_other_assignment_is_solved_by_its_solutions(name: str, course: Path) -> None:
    hand_in(course, "full", name, "source")
    nbgrader(course, "generate_assignment", "--assignment", name)
    nbgrader(course, "autograde", "--assignment", name)
    tests = worth(course, name)
    assert {test: points(course, name)["full"][test] for test in tests} == tests


def test_the_search_for_cheats_lists_no_clean_notebook_and_finds_a_cheat() -> None:
    """The pattern in docs/teaching.md, on every assignment as it is handed out and as it is solved."""
    guide = (ROOT / "docs" / "teaching.md").read_text()
    pattern = re.search(r"grep -lP '(.+)' submitted", guide)
    assert pattern
    for name in NAMES:
        script = (ROOT / "notebooks" / "src" / "exercises" / f"{name}.py").read_text()
        for cell in cells(script, lecturer_cell) + cells(script, student_cell):
            if cell.cell_type == "code":
                own = cell.source.split("### BEGIN HIDDEN TESTS")[0]
                assert not [line for line in own.splitlines() if re.search(pattern[1], line)]
    for cheat in ("check.Check.__call__ = lambda *a, **k: None", "import sys; sys.modules['dino_notebooks.check'] = x"):
        assert re.search(pattern[1], cheat)


@pytest.mark.parametrize("name", NAMES)
def test_points_are_those_that_the_text_promises(name: str) -> None:
    """The first cell says how many points there are in all, and each title those of its exercise."""
    found = cells((ROOT / "notebooks" / "src" / "exercises" / f"{name}.py").read_text(), lecturer_cell)
    total = sum(cell.metadata.nbgrader.get("points", 0) for cell in found if "nbgrader" in cell.metadata)
    assert f"{total} points" in found[0].source
