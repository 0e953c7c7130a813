"""Assignments: one source each, notebooks/src/exercises/*.py, for what students get and what a grader needs.

A cell says what it is in its first line, and what nbgrader wants to know is made from it:

    # %% part="answer" exercise="entropy"             the student writes here
    def my_entropy(probs):
        ### BEGIN SOLUTION
        return ...
        ### END SOLUTION

    # %% part="test" exercise="entropy" points=2      check.entropy(my_entropy), which shows what is wrong
    # %% [markdown] part="words" exercise="why" points=2    a model answer in words; points are given by hand

Between BEGIN STUB and END STUB an answer cell may hold, as comments, what students begin with: a wrong function to
mend, say. A grader's test has the same check once more, hidden: strict, and with random numbers of its own.
"""

import re
from typing import Any

Cell = dict[str, Any]  # cell_type, source, metadata

HERE = "# Write your code here."
WORDS = "*Write your answer here.*"
SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION$", re.MULTILINE | re.DOTALL)
STUB = re.compile(r"\n*^### BEGIN STUB\n(.*?)^### END STUB$\n*", re.MULTILINE | re.DOTALL)
KINDS = {  # part → nbgrader's marks
    "answer": {"grade": False, "locked": False, "solution": True},
    "test": {"grade": True, "locked": True, "solution": False},
    "words": {"grade": True, "locked": False, "solution": True},
}


def lecturer_cell(found: Cell, seed: int = 1) -> Cell:
    """A cell as a grader needs it: with its solution, and behind a test the hidden, strict one."""
    part, source = found["metadata"].get("part"), found["source"]
    if part == "answer":
        source = with_stub_first(source)
    if part == "test":
        source += f"\n### BEGIN HIDDEN TESTS\n_ = {strict(source, seed)}\n### END HIDDEN TESTS"
    return marked(found, source)


def student_cell(found: Cell) -> Cell:
    """A cell as a student gets it: what nbgrader makes of the grader's."""
    part, source = found["metadata"].get("part"), found["source"]
    if part == "answer":
        source = SOLUTION.sub(lambda region: region[1] + HERE, with_stub_first(source))
    return marked(found, WORDS if part == "words" else source)


def with_stub_first(source: str) -> str:
    """What students begin with goes before the solution, which then replaces it."""
    found = STUB.search(source)
    if found is None:
        return source
    stub = "".join(line.removeprefix("# ").removeprefix("#") for line in found[1].splitlines(keepends=True))
    return f"{stub.rstrip()}\n\n\n{STUB.sub('', source).strip()}"


def strict(source: str, seed: int) -> str:
    """`check.name(answer)`, the one line of a test, as a grader asks it."""
    if not re.fullmatch(r"check\.\w+\(\w+\)", source):
        raise ValueError(f"A test is one line, check.NAME(answer), and this one is: {source!r}.")
    return f"{source[:-1]}, strict=True, seed={seed})"


def marked(found: Cell, source: str) -> Cell:
    """The cell with this source, and with nbgrader's marks for our own."""
    metadata = dict(found["metadata"])
    part, exercise, points = (metadata.pop(key, None) for key in ("part", "exercise", "points"))
    if part is not None:
        if part not in KINDS or exercise is None or (points is None) == KINDS[part]["grade"]:
            raise ValueError(f"A cell has part={part!r} exercise={exercise!r} points={points!r}: see assignments.py.")
        name = f"test_{exercise}" if part == "test" else exercise
        metadata["nbgrader"] = {"grade_id": name, "schema_version": 3, "task": False} | KINDS[part]
        metadata["nbgrader"] |= {} if points is None else {"points": points}
    return {"cell_type": found["cell_type"], "source": source, "metadata": metadata}
