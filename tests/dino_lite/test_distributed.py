"""Two real processes that `torchrun` starts, with half the batch each, against one process: 5 steps to 1e-5.

They meet on this machine only (gloo on 127.0.0.1). The first runs are `python -m dino_lite train`; for the others this
file is itself the program that torchrun starts, see `work`. Run: pytest tests/dino_lite/test_distributed.py
"""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dino_lite import Dino, DinoConfig, Pictures, StepLog, load_checkpoint, train
from dino_lite.__main__ import main
from dino_lite.checkpoint import read
from dino_lite.collapse import feature_std
from dino_lite.distributed import (
    all_reduce_logsumexp,
    all_reduce_mean,
    all_reduce_sum,
    any_process,
    pick_device,
    rank,
    start_processes,
    stop_processes,
    world_size,
)

TINY = dataclasses.replace(
    DinoConfig.lab(), picture_size=16, global_size=16, local_size=8, n_local=1, patch_size=8, dim=16, depth=2, heads=2,
    head_hidden=16, bottleneck=8, out_dim=24, batch_size=8,
)  # fmt: skip
STEPS = 5
SAME = ("loss", "entropy", "kl", "marginal_entropy", "mutual_information", "center_norm", "feature_std")
CONFIGS = {
    "sinkhorn": dataclasses.replace(TINY, target="sinkhorn", n_local=0),
    "batch_softmax": dataclasses.replace(TINY, target="batch_softmax"),
    "in parts": dataclasses.replace(TINY, accumulate=2, norm_last_layer=False),
}


def noise() -> Pictures:
    """Twenty pictures, the same in every process."""
    images = torch.randint(0, 256, (20, 4, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Pictures(images, [f"{i}" for i in range(20)])


def trained(config: DinoConfig) -> tuple[Dino, list[StepLog]]:
    """A run of 5 steps."""
    dino = Dino(config, seed=3, device="cpu")
    return dino, list(train(config, noise(), steps=STEPS, resume=dino))


# --- what each of the two processes does ---------------------------------------------------------------------


def rows_of(number: int) -> Tensor:
    """Three rows that differ from process to process, some large enough to overflow exp."""
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(number)) * 60


def work(out: Path) -> None:
    """Under torchrun: small functions and whole runs; each process writes what it found."""
    start_processes("cpu")
    mine, found = rows_of(rank()), dict[str, Any]()
    found["place"] = [rank(), world_size()]
    found["sum"], found["mean"] = all_reduce_sum(mine).tolist(), all_reduce_mean(mine).tolist()
    found["untouched"] = torch.equal(mine, rows_of(rank()))
    found["logsumexp"] = all_reduce_logsumexp(mine).tolist()
    found["feature_std"] = float(feature_std(mine))
    found["any"] = [any_process(rank() == 1), any_process(False), any_process(True)]
    for name, config in CONFIGS.items():
        dino, logs = trained(config)
        found[name] = [{key: getattr(log, key) for key in SAME} for log in logs]
        torch.save({"student": dict(visible(dino.student)), "center": dino.center}, out / f"{name}.{rank()}.pt")
    for name, change in (("head_bn", dict(head_bn=True)), ("odd batch", dict(batch_size=9))):
        try:
            trained(dataclasses.replace(TINY, **change))
        except ValueError as error:
            found[name] = str(error)
    (out / f"{rank()}.json").write_text(json.dumps(found))
    stop_processes()


def visible(network: torch.nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters without the biases of keys: their gradient is rounding, which AdamW scales up to whole steps."""
    for name, p in network.named_parameters():
        if name.endswith("qkv.bias"):
            query, _, value = p.detach().chunk(3)
            yield from ((f"{name} (query)", query), (f"{name} (value)", value))
        else:
            yield name, p.detach()


# --- torchrun -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def torchrun(*command: str, processes: int = 2) -> Iterator[subprocess.Popen[str]]:
    """Start processes that meet on 127.0.0.1; whatever happens they are ended with the test."""
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    meet = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"]
    root = Path(__file__).parents[2]
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(root)}
    run = subprocess.Popen(
        [*start, *meet, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield run
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGTERM)  # torchrun then ends its own
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.communicate(timeout=40)
        run.kill()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures in two classes."""
    place, rng = tmp_path_factory.mktemp("noise") / "pictures", np.random.default_rng(0)
    for i in range(20):
        (place / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / "ab"[i % 2] / f"{'ab'[i % 2]}{i}.png")
    return place


def arguments(folder: Path, out: Path, steps: int) -> list[str]:
    """A run of the command line with the settings of TINY."""
    changed = [
        f"{field.name}={getattr(TINY, field.name)}"
        for field in dataclasses.fields(TINY)
        if getattr(TINY, field.name) != getattr(DinoConfig.lab(), field.name)
    ]
    fixed = ["--data", str(folder), "--device", "cpu", "--out", str(out), "--steps", str(steps), "--seed", "3"]
    return ["train", *fixed, "--log-every", "1", "--set", *changed]


def metrics(out: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_command_line_in_two_processes(folder: Path, tmp_path: Path) -> None:
    """Metrics, centre, networks and scores are those of one process; only the first process speaks and writes."""
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(arguments(folder, one, STEPS)) == 0
    with torchrun("-m", "dino_lite", *arguments(folder, two, STEPS)) as run:
        output, errors = run.communicate(timeout=200)
    assert run.returncode == 0, errors
    assert "Traceback" not in errors
    assert [line.split(":")[0] for line in output.splitlines() if line.startswith("step ")] == [
        f"step {i}" for i in range(STEPS)
    ]
    assert output.count("The run is in") == 1
    assert sorted(path.name for path in two.iterdir()) == sorted(path.name for path in one.iterdir())
    for a, b in zip(metrics(one), metrics(two), strict=True):
        assert a["step"] == b["step"]
        assert a["knobs"] == b["knobs"]
        assert a["diagnosis"] == b["diagnosis"]
        for name in SAME:
            assert a[name] == pytest.approx(b[name], abs=1e-5), name
    a, b = (load_checkpoint(out / "checkpoint.safetensors", "cpu") for out in (one, two))
    torch.testing.assert_close(a.center, b.center, rtol=0, atol=1e-5)
    for mine, other in ((a.student, b.student), (a.teacher, b.teacher)):
        for (name, p), (_, q) in zip(visible(mine), visible(other), strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}")
    scores = [json.loads((out / "summary.json").read_text()) for out in (one, two)]
    assert scores[0]["floors"] == scores[1]["floors"]
    assert read(one / "checkpoint.safetensors")[0] == read(two / "checkpoint.safetensors")[0]


@pytest.mark.slow
def test_two_processes_in_the_library(tmp_path: Path) -> None:
    """Sinkhorn-Knopp, batch softmax and a batch in parts give one process's numbers; sums run over both processes."""
    with torchrun(__file__, str(tmp_path)) as run:
        _, errors = run.communicate(timeout=200)
    assert run.returncode == 0, errors
    found = [json.loads((tmp_path / f"{number}.json").read_text()) for number in range(2)]
    assert [some.pop("place") for some in found] == [[0, 2], [1, 2]]
    assert found[0] == found[1]  # everything else is the same in both
    some, rows = found[0], torch.stack([rows_of(0), rows_of(1)])
    torch.testing.assert_close(torch.tensor(some["sum"]), rows.sum(0))
    torch.testing.assert_close(torch.tensor(some["mean"]), rows.mean(0))
    torch.testing.assert_close(torch.tensor(some["logsumexp"]), rows.flatten(0, 1).logsumexp(0))
    unit = torch.nn.functional.normalize(rows.flatten(0, 1), dim=-1)
    assert some["feature_std"] == pytest.approx(float(unit.std(dim=0).mean()), rel=1e-5)
    assert some["untouched"]
    assert some["any"] == [True, False, True]
    for name, config in CONFIGS.items():
        dino, logs = trained(dataclasses.replace(config, accumulate=1))
        for log, other in zip(logs, some[name], strict=True):
            for key in SAME:
                assert getattr(log, key) == pytest.approx(other[key], abs=1e-5), (name, key)
        for number in range(2):
            saved = torch.load(tmp_path / f"{name}.{number}.pt", weights_only=True)
            torch.testing.assert_close(saved["center"], dino.center, rtol=0, atol=1e-5)
            for parameter, p in visible(dino.student):
                torch.testing.assert_close(saved["student"][parameter], p, rtol=0, atol=1e-5)
    assert "head_bn in several processes needs GPUs" in some["head_bn"]
    assert some["odd batch"] == "The batch (9) must split evenly over 2 processes and 1 parts."


@pytest.mark.slow
def test_one_process_that_fails_ends_both(folder: Path, tmp_path: Path) -> None:
    """The first finds a run in the folder and stops; the second does not wait for it for ever."""
    (tmp_path / "metrics.jsonl").write_text("")
    begin = time.monotonic()
    with torchrun("-m", "dino_lite", *arguments(folder, tmp_path, STEPS)) as run:
        _, errors = run.communicate(timeout=120)
    assert run.returncode == 1  # torchrun's own for "a process failed"
    assert "already holds a run: add --resume" in errors
    assert time.monotonic() - begin < 120
    assert (tmp_path / "metrics.jsonl").read_text() == ""


@pytest.mark.slow
def test_interrupted_together(folder: Path, tmp_path: Path) -> None:
    """SIGINT to torchrun stops both after the same step, with a checkpoint; one process alone can go on from it."""
    out = tmp_path / "run"
    with torchrun("-m", "dino_lite", *arguments(folder, out, 100_000)) as run:
        assert run.stdout is not None
        while not (line := run.stdout.readline()).startswith("step 3"):
            assert line, run.communicate()[1]
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate(timeout=60)
    assert run.returncode != 0
    assert "Stopped after step" in output, errors
    dino = load_checkpoint(out / "checkpoint.safetensors", "cpu")
    assert dino.step == len(metrics(out)) >= 4
    assert main(["train", "--out", str(out), "--resume", "--device", "cpu", "--steps", str(dino.step + 2)]) == 0
    assert [log["step"] for log in metrics(out)] == list(range(dino.step + 2))


# --- without torchrun ---------------------------------------------------------------------------------------


def test_one_process_is_the_whole_group() -> None:
    """Nothing is reduced and no group is needed."""
    x = rows_of(0)
    assert (rank(), world_size()) == (0, 1)
    assert torch.equal(all_reduce_sum(x), x)
    assert torch.equal(all_reduce_mean(x), x)
    assert torch.equal(all_reduce_logsumexp(x), x.logsumexp(0))
    assert (any_process(True), any_process(False)) == (True, False)
    assert start_processes("cpu") == torch.device("cpu")
    stop_processes()


def test_pick_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for, or the best there is; one sentence for what is not there."""
    assert pick_device("cpu") == pick_device(torch.device("cpu")) == torch.device("cpu")
    for cuda, mps, best in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=cuda: found)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda found=mps: found)
        assert pick_device(None).type == best
    for missing in ("cuda:99", "abacus", "", "xla"):
        with pytest.raises(ValueError, match=f"There is no device '{missing}' on this machine: use --device cpu"):
            pick_device(missing)


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third of three processes on a machine with two GPUs."""
    for name, value in (("WORLD_SIZE", "3"), ("LOCAL_RANK", "2")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.modules["dino_lite.distributed"], "pick_device", lambda device: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="Process 2 finds no GPU of its own among 2: lower --nproc-per-node"):
        start_processes()


if __name__ == "__main__":
    work(Path(sys.argv[1]))
