"""Checkpoints: all of the state and nothing that can run; every wrong file gets one sentence; writing is atomic.

The whole state going on bit for bit is in test_train.py. Run: pytest tests/dino_lite/test_checkpoint.py
"""

import dataclasses
import errno
import itertools
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from dino_lite import Dino, DinoConfig, load_checkpoint, save_checkpoint
from dino_lite.checkpoint import FORMAT, atomic, join, read, split

TINY = dataclasses.replace(
    DinoConfig.lab(), picture_size=16, global_size=16, local_size=8, dim=8, depth=1, heads=1,
    head_hidden=8, bottleneck=4, out_dim=10, batch_size=4, head_bn=True, norm_last_layer=False,
    blur_probs=(0.1, 0.2, 0.3),
)  # fmt: skip


def trained(steps: int = 2) -> Dino:
    """A run of a few steps."""
    dino = Dino(TINY, seed=3, device="cpu")
    for step in range(steps):
        images = torch.randint(0, 256, (4, 3, 16, 16), generator=torch.Generator().manual_seed(step), dtype=torch.uint8)
        dino.train_step(images, lr=0.01)
    return dino


def equal(a: Any, b: Any) -> bool:
    """The same nesting with the same keys (and their types), numbers, and tensors bit for bit."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def header(path: Path) -> dict[str, Any]:
    """The JSON at the head of a safetensors file, read by hand: 8 bytes of length, then text."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length])


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The file of a run of two steps."""
    save_checkpoint(trained(), tmp_path / "c.safetensors", data="emoji")
    return tmp_path / "c.safetensors"


# --- there and back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 2])
def test_everything_comes_back(tmp_path: Path, steps: int) -> None:
    """State, settings and seed, before the first step (an optimizer without moments) and later."""
    dino = trained(steps)
    save_checkpoint(dino, tmp_path / "c.safetensors")
    loaded = load_checkpoint(str(tmp_path / "c.safetensors"), "cpu")
    assert equal(loaded.state_dict(), dino.state_dict())
    assert loaded.config == dino.config
    assert (loaded.step, loaded.seed) == (steps, 3)


def test_the_file_is_tensors_and_json(saved: Path) -> None:
    """A header in JSON, then the tensors' plain numbers and nothing else."""
    head = header(saved)
    facts = head.pop("__metadata__")
    assert facts["format"] == FORMAT
    assert json.loads(facts["more"]) == {"data": "emoji"}
    assert DinoConfig.from_json(facts["config"]) == TINY
    assert {"center", "student.backbone.cls_token", "teacher.backbone.cls_token"} < head.keys()
    assert head["center"]["shape"] == [10]
    places = sorted(tuple(entry["data_offsets"]) for entry in head.values())
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(places))  # no gap for anything to hide in
    assert places[0][0] == 0
    assert places[-1][1] == saved.stat().st_size - 8 - struct.unpack("<Q", saved.read_bytes()[:8])[0]


def test_saving_does_not_disturb_the_run(tmp_path: Path) -> None:
    """A run that is saved after every step goes where an unsaved one goes."""
    quiet, saving = trained(0), trained(0)
    images = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    for _ in range(3):
        quiet.train_step(images)
        saving.train_step(images)
        save_checkpoint(saving, tmp_path / "c.safetensors")
    assert equal(quiet.state_dict(), saving.state_dict())


def test_a_nested_state() -> None:
    """split and join: number keys stay numbers, word keys words; numbers, None, texts and lists come back."""
    state = {
        "a": torch.ones(2),
        "state": {0: {"x": torch.zeros(3), "n": 0.1}, 17: {"x": torch.arange(2), "n": 1e-300}},
        "groups": [{"params": [0, 17], "lr": 0.1, "fused": True, "foreach": None}, {"params": []}],
        "nothing": {},
        "text": "ä\n",
    }
    tensors, rest = split(state)
    assert sorted(tensors) == ["a", "state.0.x", "state.17.x"]
    assert equal(join(tensors, json.loads(json.dumps(rest))), state)


# --- wrong files --------------------------------------------------------------------------------------------


def refused(path: Path, sentence: str) -> None:
    """load_checkpoint gives one ValueError of one line that names the file."""
    with pytest.raises(ValueError, match=sentence) as error:
        load_checkpoint(path, "cpu")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """No such file; a folder in its place."""
    refused(tmp_path / "none.safetensors", "There is no checkpoint")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "not a whole checkpoint")


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.1, 0.5, 0.999])
def test_truncated_file(saved: Path, share: float) -> None:
    """Cut off anywhere, in the header or in the numbers."""
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    refused(saved, "not a whole checkpoint")


def test_damaged_header_and_trailing_bytes(saved: Path) -> None:
    """A length beyond the file, JSON that is none, and bytes after the end."""
    data = saved.read_bytes()
    for wrong in (struct.pack("<Q", 2**62) + data[8:], data[:8] + b"?" + data[9:], data + b"more"):
        saved.write_bytes(wrong)
        refused(saved, "not a whole checkpoint")


def test_foreign_files(tmp_path: Path) -> None:
    """Another program's safetensors, torch's own format, a picture's bytes."""
    path = tmp_path / "c.safetensors"
    save_file({"weight": torch.ones(2)}, path)
    refused(path, "not a checkpoint that this dino_lite wrote")
    save_file({"weight": torch.ones(2)}, path, {"format": "pt"})
    refused(path, "not a checkpoint that this dino_lite wrote")
    torch.save(trained(0).state_dict(), path)
    refused(path, "not a whole checkpoint")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" * 100)
    refused(path, "not a whole checkpoint")


class Mine:
    """An object whose unpickling would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path, str]]:
        """What pickle calls to bring it back."""
        return Path.write_text, (self.path, "pickle was here")


def test_pickles_are_not_executed(tmp_path: Path) -> None:
    """A pickle and a torch file with a harmful object, called like a checkpoint, do nothing."""
    trap = tmp_path / "trap"
    for name, write in (("a.safetensors", lambda p: p.write_bytes(pickle.dumps(Mine(trap)))),
                        ("b.safetensors", lambda p: torch.save(Mine(trap), p))):  # fmt: skip
        write(tmp_path / name)
        refused(tmp_path / name, "not a whole checkpoint")
        assert not trap.exists()
    pickle.loads((tmp_path / "a.safetensors").read_bytes())
    assert trap.exists()  # the trap does work


HOSTILE: dict[str, dict[str, str | None]] = {
    "no config": {"config": None},
    "no state": {"state": None},
    "config of another kind": {"config": "[1, 2]"},
    "config with code": {"config": "{\"dim\": \"__import__('os').system('touch trap')\"}"},
    "config of another size": {"config": dataclasses.replace(TINY, dim=16).to_json()},
    "config with an unknown field": {"config": '{"colour": "red"}'},
    "config that fills the memory": {"config": dataclasses.replace(TINY, dim=2**40, heads=1).to_json()},
    "config that is cut off": {"config": TINY.to_json()[:100]},
    "state that is a list": {"state": "[]"},
    "state that is a number": {"state": "1"},
    "state that is empty": {"state": "{}"},
    "state with wrong kinds": {"state": '{"step": {}, "seed": [], "center": 1, "student": 2}'},
    "state that is no JSON": {"state": "{step: 1}"},
    "state nested without end": {"state": "[" * 100_000},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_header(saved: Path, change: dict[str, str | None]) -> None:
    """A file of our format with anything else in its header: one sentence."""
    facts, tensors = read(saved)
    changed = {name: text for name, text in (facts | change).items() if text is not None}
    save_file(tensors, saved, changed)
    refused(saved, "does not hold a run that can go on")


@pytest.mark.parametrize("wrong", ["missing", "shape", "kind"])
def test_tensors_of_another_network(saved: Path, wrong: str) -> None:
    """A parameter that is missing, has another shape, or numbers of another kind (which torch converts)."""
    facts, tensors = read(saved)
    name = "teacher.backbone.cls_token"
    if wrong == "kind":
        tensors[name] = tensors[name].double()
        save_file(tensors, saved, facts)
        assert next(load_checkpoint(saved, "cpu").teacher.parameters()).dtype == torch.float32
        return
    tensors[name] = torch.zeros(1, 1, 9)
    if wrong == "missing":
        del tensors[name]
    save_file(tensors, saved, facts)
    refused(saved, "does not hold a run that can go on")


def test_missing_device(saved: Path) -> None:
    """That is not the file's fault, and the sentence does not say so."""
    with pytest.raises(ValueError, match="There is no device 'abacus'"):
        load_checkpoint(saved, "abacus")


# --- atomic writing -----------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    """All files of a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def test_writing_replaces_whole(tmp_path: Path) -> None:
    """Until the block ends the old text stands; then the new one, and nothing else is left."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path  # the same disk: only there a rename is one step
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, OSError(errno.ENOSPC, "No space left on device")])
def test_writing_that_dies_half_way(tmp_path: Path, error: Any) -> None:
    """The old file stays whole, the half is gone; a full disk is a sentence, other errors go on."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with atomic(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(ValueError if isinstance(error, OSError) else error):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("place", ["write_bytes", "fsync", "replace"])
def test_full_disk_at_each_place(saved: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """ENOSPC while writing, forcing to disk or renaming: one sentence, the old checkpoint loads."""

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = saved.read_bytes()
    monkeypatch.setattr(Path if place == "write_bytes" else os, place, full)
    with pytest.raises(ValueError, match=r"could not be written \(No space left on device\): .* untouched"):
        save_checkpoint(trained(1), saved)
    monkeypatch.undo()
    assert saved.read_bytes() == before
    assert names(saved.parent) == ["c.safetensors"]
    assert load_checkpoint(saved, "cpu").step == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_disk_that_is_really_full(saved: Path) -> None:
    """The temporary file leads to /dev/full, where the kernel itself says that there is no space."""
    before = saved.read_bytes()
    (saved.parent / f".{saved.name}.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(ValueError, match="No space left on device"):
        save_checkpoint(trained(1), saved)
    assert saved.read_bytes() == before
    assert names(saved.parent) == ["c.safetensors"]


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is made; one sentence."""
    with pytest.raises(ValueError, match=r"could not be written \(No such file or directory\)"):
        save_checkpoint(trained(0), tmp_path / "gone" / "c.safetensors")
    assert names(tmp_path) == []


def test_halves_of_killed_writes_do_no_harm(saved: Path) -> None:
    """What a killed process left beside it, even under our own number, is not taken for a checkpoint."""
    for name in (f".c.safetensors.{os.getpid()}.part", ".c.safetensors.1.part"):
        (saved.parent / name).write_bytes(b"half")
    assert load_checkpoint(saved, "cpu").step == 2
    save_checkpoint(trained(1), saved)
    assert load_checkpoint(saved, "cpu").step == 1
