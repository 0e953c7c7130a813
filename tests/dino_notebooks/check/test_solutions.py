"""What the fourth hint shows is an answer: it runs in the notebook as it stands, and its check takes it.

And the titles of the first three assignments add up to the minutes that they promise.
Run: pytest tests/dino_notebooks/check/test_solutions.py
"""

import copy
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dino_lite.collapse import entropy
from dino_lite.colors import GREY_WEIGHTS, IMAGENET_MEAN, IMAGENET_STD
from dino_notebooks import check
from dino_notebooks.source import Source

SOURCES = sorted((Path(__file__).parents[3] / "notebooks" / "src" / "exercises").glob("*.py"))
FIRST_THREE = [name for names in list(check.ASSIGNMENTS.values())[:3] for name in names]
IN_THE_NOTEBOOK = {
    "torch": torch,
    "F": F,
    "nn": nn,
    "copy": copy,
    "Tensor": Tensor,
    "Any": Any,
    "entropy": entropy,  # written one exercise before
    "GREY_WEIGHTS": GREY_WEIGHTS,
    "IMAGENET_MEAN": IMAGENET_MEAN,
    "IMAGENET_STD": IMAGENET_STD,
}


@pytest.mark.parametrize("name", [name for name in FIRST_THREE if name != "uniform_loss"])
def test_the_solution_is_an_answer(name: str) -> None:
    one = getattr(check, name)
    solution = one.hint(4)
    assert isinstance(solution, Source)
    names = dict(IN_THE_NOTEBOOK)
    exec(solution.code, names)
    function = re.search(r"^def (\w+)", solution.code, re.MULTILINE)[1]
    for seed in range(3):
        assert one(names[function], seed=seed).ok


@pytest.mark.parametrize("source", SOURCES[:3], ids=lambda one: one.stem)
def test_minutes_add_up(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    promised = int(re.search(r"(\d+) minutes", text)[1])
    parts = sum(int(found) for found in re.findall(r"^# ## .*\((\d+) minutes", text, re.MULTILINE))
    assert abs(promised - parts) < 3


@pytest.mark.parametrize(("source", "following"), list(pairwise(SOURCES[:4])), ids=lambda one: one.stem)
def test_each_assignment_ends_with_the_next(source: Path, following: Path) -> None:
    assert f"({following.stem}.ipynb)" in source.read_text(encoding="utf-8").split("# %%")[-1]
