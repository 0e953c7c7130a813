"""Pretrained weights of timm: from the cache without a network, from a hub on this machine, or a sentence in seconds.

Run: pytest tests/dino_lite/test_timm_weights.py
"""

import dataclasses
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import Tensor, nn

from dino_lite import Dino, DinoConfig, ViT, load_checkpoint, save_checkpoint, timm_weights
from dino_lite.network import build_backbone, without_weights
from dino_lite.timm_weights import WeightsNotFetched

SMALL, PLAIN = "test_vit.r160_in1k", "vit_tiny_patch16_224.augreg_in21k"  # timm keeps the second in JAX's format too
TINY = dataclasses.replace(
    DinoConfig.lab(), backbone=f"timm:{SMALL}", picture_size=32, global_size=32, n_local=0,
    head_hidden=8, bottleneck=4, out_dim=10, batch_size=4,
)  # fmt: skip
COMMIT = "0" * 40


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The hub's library, allowed to use the network, without anything in its cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "cache"


def weights(name: str, size: int, seed: int = 5) -> dict[str, Tensor]:
    """What a file of that model's weights might hold: a classifier of 1000 classes or 21843 is in it too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classes = timm.get_pretrained_cfg(name).num_classes
        return timm.create_model(name.partition(".")[0], img_size=size, num_classes=classes).state_dict()


def put(cache: Path, name: str, size: int, file: str = "model.safetensors") -> dict[str, Tensor]:
    """Lay weights into the cache as the hub's library does."""
    home = cache / f"models--timm--{name}"
    (home / "snapshots" / COMMIT).mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    path, found = home / "snapshots" / COMMIT / file, weights(name, size)
    save_file(found, path) if file.endswith("safetensors") else torch.save(found, path)
    return found


def same(model: nn.Module, expected: dict[str, Tensor]) -> bool:
    """Whether the backbone has these weights, but no classifier."""
    found = model.state_dict()
    return {k for k in expected if not k.startswith("head.")} == found.keys() and all(
        torch.equal(value, expected[name]) for name, value in found.items()
    )


# --- from the cache: the guard in conftest.py fails a test that reaches for the network ----------------------------


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_weights_in_the_cache_need_no_network(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, offline: bool, file: str
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    expected = put(empty_cache, SMALL, 32, file)
    assert same(build_backbone(TINY), expected)
    assert same(Dino(TINY, seed=3, device="cpu").teacher.backbone, expected)


def test_weights_that_timm_reads_in_a_way_of_its_own(empty_cache: Path) -> None:
    """The original of these is a file of JAX's, which timm has a reader for; the hub's is like all others."""
    assert timm.get_pretrained_cfg(PLAIN).custom_load
    expected = put(empty_cache, PLAIN, 224)
    backbone = build_backbone(DinoConfig(backbone=f"timm:{PLAIN}", n_local=0))
    assert same(backbone, expected)
    assert same(ViT.from_timm(backbone), expected)


def test_a_checkpoint_has_all_its_weights(empty_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Loaded where the pretrained ones are not: a run that began with them goes on, under the same settings."""
    put(empty_cache, SMALL, 32)
    dino = Dino(TINY, seed=3, device="cpu")
    with torch.no_grad():
        dino.student.backbone.pos_embed.add_(1)
    save_checkpoint(dino, tmp_path / "c.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "nothing"))
    for name in ("hf_hub_download", "get_session"):
        monkeypatch.setattr(huggingface_hub, name, lambda *_, name=name, **__: pytest.fail(f"{name} was called"))
    loaded = load_checkpoint(tmp_path / "c.safetensors", "cpu")
    assert loaded.config == dino.config
    for a, b in ((loaded.student, dino.student), (loaded.teacher, dino.teacher)):
        assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    save_checkpoint(loaded, tmp_path / "again.safetensors")
    assert load_checkpoint(tmp_path / "again.safetensors", "cpu").config.backbone == f"timm:{SMALL}"


@pytest.mark.parametrize(
    ("backbone", "plain"),
    [
        ("vit", "vit"),
        ("timm:vit_tiny_patch16_224", "timm:vit_tiny_patch16_224"),
        ("timm:vit_small_patch16_224.dino", "timm:vit_small_patch16_224"),
        ("timm:hf-hub:timm/vit.dino", "timm:hf-hub:timm/vit.dino"),  # its settings are there too
        ("timm:local-dir:/tmp/my.run", "timm:local-dir:/tmp/my.run"),
    ],
)
def test_without_weights(backbone: str, plain: str) -> None:
    config = dataclasses.replace(TINY, backbone=backbone)
    assert without_weights(config) == dataclasses.replace(config, backbone=plain)


# --- from a hub -----------------------------------------------------------------------------------------------


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as a hub does for a small file; `files` holds those of one repository."""

    files: dict[str, bytes]
    asked: list[str]

    def do_HEAD(self) -> None:
        """Headers, and for GET the file."""
        self.asked.append(f"{self.command} {self.path}")
        name = self.path.rpartition("/")[2]
        found = self.path == f"/timm/{SMALL}/resolve/main/{name}" and name in self.files
        body = self.files[name] if found else b""
        self.send_response(200 if found or self.path == "/" else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        if not found:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_GET = do_HEAD

    def log_message(self, *args: Any) -> None:
        """Nothing on standard error."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """A hub on this machine, with an empty repository."""
    handler = type("ThisHub", (Hub,), {"files": {}, "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        usual = constants.ENDPOINT
        for name, value in list(vars(constants).items()):  # it, and the pattern of a file's address
            if isinstance(value, str) and (value == usual or value.startswith(usual + "/{")):
                monkeypatch.setattr(constants, name, value.replace(usual, address))
        yield handler
        huggingface_hub.close_session()
        server.shutdown()


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_fetched_once(hub: type[Hub], tmp_path: Path, file: str) -> None:
    expected = put(tmp_path / "made", SMALL, 32, file)
    (made,) = (tmp_path / "made").rglob(file)
    hub.files[file] = made.read_bytes()
    assert same(build_backbone(TINY), expected)
    assert f"GET /timm/{SMALL}/resolve/main/{file}" in hub.asked
    hub.asked.clear()
    assert same(build_backbone(TINY), expected)
    assert hub.asked == []


def test_a_hub_that_does_not_have_it(hub: type[Hub]) -> None:
    with pytest.raises(WeightsNotFetched, match=r"could not be fetched \(.*404.*\): they need the network once"):
        build_backbone(TINY)


# --- without any ----------------------------------------------------------------------------------------------


def failure(config: DinoConfig = TINY) -> tuple[WeightsNotFetched, float]:
    """What is raised, and after how many seconds."""
    start = time.perf_counter()
    with pytest.raises(WeightsNotFetched) as caught:
        build_backbone(config)
    return caught.value, time.perf_counter() - start


@pytest.mark.offline
def test_no_network_is_said_in_seconds() -> None:
    """timm and the hub's library alone try for 46 seconds."""
    error, seconds = failure(dataclasses.replace(TINY, backbone="timm:vit_small_patch16_224.dino"))
    assert seconds < 10
    assert "could not be fetched (tests run without a network (" in error.what
    assert str(error) == (
        f"{error.what}: they need the network once. Without a tag, vit_small_patch16_224 has random ones."
    )
    assert "\n" not in str(error)
    with pytest.raises(ValueError, match="could not be fetched"):
        Dino(TINY, device="cpu")


def test_offline_by_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a look at the network."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert failure()[0].what == f"The weights of {SMALL} could not be fetched (HF_HUB_OFFLINE is set)"


def test_a_network_that_swallows_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an answer nor an error, whatever time limit is set: as the look-up of a name can be."""
    over = threading.Event()

    class Session:
        """Never answers."""

        def head(self, *_: Any, **__: Any) -> None:
            over.wait(60)

    monkeypatch.setattr(huggingface_hub, "get_session", Session)
    monkeypatch.setattr(timm_weights, "PATIENCE", 0.2)
    error, seconds = failure()
    over.set()
    assert "(no answer in 0.2 seconds)" in error.what
    assert seconds < 5


@pytest.mark.parametrize("name", ["vit_of_no_make.dino", "vit_small_patch16_224.no_such_tag", "resnet18"])
def test_what_timm_does_not_know_is_not_looked_for(name: str) -> None:
    with pytest.raises(ValueError, match=f"timm could not build '{name}'") as caught:
        build_backbone(dataclasses.replace(TINY, backbone=f"timm:{name}"))
    assert not isinstance(caught.value, WeightsNotFetched)
