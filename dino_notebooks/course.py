"""`dino-notebooks assignments DIR`: a course folder for nbgrader, ready to release, collect and grade."""

from pathlib import Path

from dino_notebooks.assignments import HERE, WORDS, lecturer_cell
from dino_notebooks.build import build

CONFIG = '''"""nbgrader's settings for this course.

Grading runs what students wrote: do it in a container or a virtual machine.
"""

import os

os.environ |= {"DINO_NB_DRIVER": "inline", "DINO_NB_JOURNAL": "off", "OMP_NUM_THREADS": "1"}  # for the kernels

c = get_config()
c.CourseDirectory.course_id = "dino"
c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc*", "__pycache__", "feedback", "*.py"]
c.ClearSolutions.code_stub = {"python": "HERE"}
c.ClearSolutions.text_stub = "WORDS"
c.ExecutePreprocessor.timeout = 300  # seconds a cell; one that hangs costs its own points, and the next goes on
'''


def write_course(sources: Path, course: Path, seed: int = 1) -> list[str]:
    """A course folder for nbgrader: its settings, and source/ with every assignment. Returns the assignments' names.

    sources: notebooks/src. seed: of the random numbers in the hidden tests. ValueError where there is a course already.
    """
    scripts = sorted((sources / "exercises").glob("*.py"))
    if not scripts:
        raise ValueError(f"There are no assignments in {sources / 'exercises'}.")
    if course.exists() and not course.is_dir():
        raise ValueError(f"{course} is a file: name a new folder for the course.")
    if course.is_dir() and any(course.iterdir()):
        raise ValueError(f"{course} is not empty, and a course in it would be lost: name a new folder.")
    for script in scripts:
        folder = course / "source" / script.stem
        folder.mkdir(parents=True)
        text = build(script.read_text(encoding="utf-8"), lambda found: lecturer_cell(found, seed))
        (folder / f"{script.stem}.ipynb").write_text(text, encoding="utf-8", newline="\n")
    settings = CONFIG.replace("HERE", HERE).replace("WORDS", WORDS)
    (course / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    return [script.stem for script in scripts]
