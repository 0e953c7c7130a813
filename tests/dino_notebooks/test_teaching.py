"""docs/teaching.md keeps what it promises: the numbers of exercises and mistakes, names of checks and cells, run lines.

Compared with the assignments' sources, the checks and the notebooks. Run: pytest tests/dino_notebooks/test_teaching.py
"""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

from dino_notebooks import check
from dino_notebooks.check.exercise import Exercise
from dino_notebooks.collapse_lab.knobs import STEERED
from dino_notebooks.session.run_line import read_line

ROOT = Path(__file__).parent.parent.parent
GUIDE, ANSWERS = ((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("teaching", "exam_answers"))
SOURCES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "notebooks" / "src" / "exercises").glob("*.py"))]
GRADED = [found for text in SOURCES for found in re.findall(r'part="(test|words)" exercise="(\w+)" points=(\d+)', text)]


def section(title: str) -> str:
    """The text under a heading, up to the next one of its level."""
    return GUIDE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_exercises_and_points_are_counted() -> None:
    words = [name for part, name, _ in GRADED if part == "words"]
    total = sum(int(points) for *_, points in GRADED)
    by_hand = sum(int(points) for part, _, points in GRADED if part == "words")
    minutes = sum(
        int(found) for text in SOURCES for found in re.findall(r"^# ## .*\((\d+) minutes", text, re.MULTILINE)
    )
    assert f"{len(GRADED)} exercises, {minutes} minutes by their titles" in " ".join(GUIDE.split())
    assert f"{total} points, of which {by_hand} are" in " ".join(GUIDE.split())
    assert words == re.findall(r"`(\w+)` \(\d\)", section("Grading with nbgrader"))
    assert f"{len(GRADED)} exercises" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_mistakes_are_counted_and_their_checks_exist() -> None:
    modules = [import_module(found.name) for found in walk_packages(check.__path__, "dino_notebooks.check.")]
    exercises = {each.name: each for one in modules for each in vars(one).values() if isinstance(each, Exercise)}
    mistakes = sum(len(each.mistakes) for each in exercises.values())
    rules = sum(len(each.rules) for each in exercises.values())
    text = section("What students get wrong")
    promised = f"know {mistakes} wrong answers to {len(exercises)} functions, and {rules} rules"
    assert promised in " ".join(text.split())
    named = {name for inside in re.findall(r"\(((?:`\w+`(?:, )?)+)\)", text) for name in re.findall(r"\w+", inside)}
    assert len(named) >= 15
    assert named <= {name for _, name, _ in GRADED}
    assert all(hasattr(check, name) for name in named)
    assert len(re.findall(r"^\d+\. ", text, re.MULTILINE)) == 24


@pytest.mark.parametrize("text", [GUIDE, ANSWERS], ids=["teaching", "exam answers"])
def test_run_lines_and_code_can_be_read(text: str) -> None:
    lines = re.findall(r"dino-run/1 [^\"`\n]*", text)
    assert lines
    for line in lines:
        read_line(line)
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        compile(block, "teaching.md", "exec")
    for names in re.findall(r"all_but\(([^)]*)\)", text):
        assert set(re.findall(r'"(\w+)"', names)) <= set(STEERED)


def test_every_question_has_its_answer() -> None:
    questions = re.findall(r"^\*\*(\d+) · .*?\((\d+) points", section("Exam questions"), re.MULTILINE)
    assert [number for number, _ in questions] == re.findall(r"^\*\*(\d+)\.\*\*", ANSWERS, re.MULTILINE)
    assert sum(int(points) for _, points in questions) == 60
    assert "Sixty points" in GUIDE


def test_every_notebook_has_goals_and_links_lead_somewhere() -> None:
    numbers = re.findall(r"^\| (\d\d) \|", section("What a student can do afterwards"), re.MULTILINE)
    assert numbers == [path.name[:2] for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    for link in re.findall(r"\]\(([^)#]+)\)", GUIDE + ANSWERS):
        assert (ROOT / "docs" / link).is_file(), link
    for name in re.findall(r"`((?:tests|dino_notebooks|notebooks|bench)/[\w./]+)`", GUIDE):
        assert (ROOT / name).exists(), name


def test_all_knobs_of_the_panel_are_listed() -> None:
    text = " ".join(section("A task in the panel: hiding and locking knobs").split())
    (listed,) = re.findall(r"The knobs are (.*?)\.", text)
    assert set(re.findall(r"`(\w+)`", listed)) == set(STEERED)
