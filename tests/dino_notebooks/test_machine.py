"""How many threads and steps a notebook gets: on machines and in containers of all sizes, made by monkeypatching.

Run: pytest tests/dino_notebooks/test_machine.py
"""

import os
import re
from pathlib import Path

import pytest

from dino_notebooks import machine, steps


@pytest.mark.parametrize(("fast", "count", "expected"), [("", 600, 600), ("0", 600, 600), ("1", 600, 20), ("1", 30, 5)])
def test_steps_are_fewer_in_fast_mode(fast: str, count: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.FAST, fast)
    assert steps(count) == expected


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (8, 7)])
def test_a_core_stays_free(cores: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: cores)
    assert machine.threads() == expected


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 8), (None, 8), ("6400000 100000", 8)],
)
def test_a_containers_quota_counts(
    quota: str | None, expected: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Eight cores, of which a container may use a share."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "cpu.max")
    if quota:
        (tmp_path / "cpu.max").write_text(quota + "\n")
    assert machine.cores() == expected


def test_setup_says_what_it_works_with(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "threads", lambda: 1)
    machine.setup()
    assert re.fullmatch(r"PyTorch \S+ on .*1 of \d+ cores\.\n", capsys.readouterr().out)
