"""A check never raises for a wrong answer, whatever a function gives back: infinity, complex numbers, words, nothing.

Run: pytest tests/dino_notebooks/check/test_nasty_outputs.py
"""

import math

import numpy as np
import pytest
import torch

from dino_notebooks import check
from dino_notebooks.check.checks import Check

CHECKS = [one for one in vars(check).values() if isinstance(one, Check)]
NASTY = {
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "nan": math.nan,
    "a tensor of nan": torch.full((3, 2), math.nan),
    "an empty tensor": torch.empty(0, 4),
    "an empty list": [],
    "an empty tuple": (),
    "a huge whole number": 10**400,
    "a complex number": 1 + 2j,
    "complex tensor": torch.ones(2, 3, dtype=torch.complex64),
    "complex array": np.ones(3, dtype=complex),
    "bool": True,
    "bool tensor": torch.tensor([True, False]),
    "words": "0.5",
    "words in a list": ["a", "b"],
    "nothing in a list": [None, 1.0],
    "ragged lists": [[1.0, 2.0], [3.0]],
    "lists of tensors": [torch.ones(2), "a"],
    "with a gradient": torch.ones(3, 2, requires_grad=True) * 2,
    "a list with gradients": [torch.ones(2, requires_grad=True)],
    "nested tuples": ((torch.ones(2), (1.0,)), (torch.ones(1), ((2,),))),
    "array of objects": np.array([None, "a", {}], dtype=object),
    "array of words": np.array(["a", "b"]),
    "a dict": {"a": 1.0},
    "a set": {1, 2},
    "a generator": (x for x in ()),
    "an exception": ValueError("<b>"),
    "a class": int,
    "sparse": torch.eye(3).to_sparse(),
    "on no device": torch.ones(2, device="meta"),
    "quarter precision": torch.ones(2).to(torch.float8_e4m3fn),
    "a network": torch.nn.Linear(2, 2),
}


@pytest.mark.parametrize("what", NASTY)
@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.name)
def test_a_nasty_output_is_refused_in_words(one: Check, what: str) -> None:
    result = one(lambda *given: NASTY[what])
    assert not result.ok
    assert len(result.message) > 20
    assert repr(result)
    assert result._repr_html_()


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.name)
def test_what_is_handed_in_itself_may_be_nasty(one: Check) -> None:
    for answer in NASTY.values():
        assert not one(answer).ok
