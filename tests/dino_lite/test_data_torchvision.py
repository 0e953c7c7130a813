"""The torchvision sets: tiny files in each set's own format, read by torchvision's own classes; no network.

Fashion-MNIST is also read for real, from Debian's copy of the original files, and compared with an independent
reader. Checksums are the one thing that had to be replaced: tiny files can't have the real ones.
Run: pytest tests/dino_lite/test_data_torchvision.py
"""

import gzip
import hashlib
import http.server
import pickle
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from dino_lite.data import TORCHVISION, load_pictures, resize_images
from dino_lite.data_fashion import DEBIAN, FILES
from dino_lite.data_torchvision import SOURCES, data_home


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty default folder, so that nothing depends on what this machine has downloaded before."""
    monkeypatch.setenv("DINO_LITE_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def md5(path: Path) -> str:
    """Checksum as torchvision writes it."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def noise(*shape: int) -> np.ndarray:
    """Random uint8 pixels, the same on every call."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def files_below(folder: Path) -> list[str]:
    """Everything in a folder, to see that nothing was written."""
    return sorted(str(path) for path in folder.rglob("*"))


# --- Fashion-MNIST for real ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def debian() -> Path:
    """Debian's files; without them these tests fail, they are not skipped."""
    if not (DEBIAN / f"{FILES[0]}.gz").exists():
        pytest.fail(f"no Fashion-MNIST in {DEBIAN}: apt-get install dataset-fashion-mnist")
    return DEBIAN


def read_idx(path: Path, header: int) -> np.ndarray:
    """The bytes after the header: 16 for pictures, 8 for labels."""
    return np.frombuffer(gzip.decompress(path.read_bytes())[header:], dtype=np.uint8)


@pytest.mark.parametrize(("split", "part", "n"), [("train", "train", 60000), ("test", "t10k", 10000)])
@pytest.mark.parametrize("by_root", [True, False])
def test_fashion_mnist_from_debian(debian: Path, split: str, part: str, n: int, by_root: bool) -> None:
    before = files_below(debian)
    pictures = load_pictures("fashion_mnist", size=28, root=debian if by_root else None, split=split)
    assert pictures.images.shape == (n, 3, 28, 28)
    pixels = torch.from_numpy(read_idx(debian / f"{part}-images-idx3-ubyte.gz", 16).reshape(n, 1, 28, 28).copy())
    assert torch.equal(pictures.images, pixels.expand(-1, 3, -1, -1))
    labels = read_idx(debian / f"{part}-labels-idx1-ubyte.gz", 8)
    np.testing.assert_array_equal(pictures.labels.numpy(), labels)
    assert pictures.labels.dtype == torch.int64
    assert pictures.label_names[:2] == ["T-shirt/top", "Trouser"]
    assert pictures.names[17] == f"fashion_mnist/{split}/17"
    assert files_below(debian) == before


def test_fashion_mnist_resized(debian: Path) -> None:
    small = load_pictures("fashion_mnist", size=28, split="test")[:300]
    large = load_pictures("fashion_mnist", size=32, split="test")[:300]
    assert torch.equal(large.images, resize_images(small.images, 32))


# --- tiny sets in the original formats ----------------------------------------------------------------------


def fashion_files(folder: Path, packed: bool = False, n: int = 5) -> np.ndarray:
    """The four files with n pictures each; returns the pictures (n,28,28)."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels, labels = noise(n, 28, 28), np.arange(n, dtype=np.uint8) % 10
    for name in FILES:
        shape, body = ((n, 28, 28), pixels) if "images" in name else ((n,), labels)
        data = bytes([0, 0, 8, len(shape)]) + b"".join(s.to_bytes(4, "big") for s in shape) + body.tobytes()
        path = folder / f"{name}.gz" if packed else folder / name
        path.write_bytes(gzip.compress(data) if packed else data)
    return pixels


class OldDtype:
    """uint8 as Python 2's numpy pickled it in the real CIFAR files: numpy warns when it reads that."""

    def __reduce__(self) -> tuple:
        return np.dtype, ("u1", 0, 1)


class OldArray:
    """An array with such a dtype."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __reduce__(self) -> tuple:
        return np.array, (self.array.tolist(), OldDtype())


def cifar_files(root: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> np.ndarray:
    """CIFAR's pickles, 2 pictures a file; returns them all as (n,3,32,32), training ones first."""
    cls, fine = (datasets.CIFAR10, False) if name == "cifar10" else (datasets.CIFAR100, True)
    folder = root / cls.base_folder
    folder.mkdir(parents=True)
    files = [file for file, _ in cls.train_list + cls.test_list]
    pixels = noise(2 * len(files), 3, 32, 32)
    for number, file in enumerate(files):
        rows = pixels[2 * number : 2 * number + 2].reshape(2, 3072)
        entry = {"data": OldArray(rows), "fine_labels" if fine else "labels": [number, 7]}
        (folder / file).write_bytes(pickle.dumps(entry))
    (folder / cls.meta["filename"]).write_bytes(pickle.dumps({cls.meta["key"]: [f"c{i}" for i in range(10)]}))
    for parts in ("train_list", "test_list"):
        monkeypatch.setattr(cls, parts, [[file, md5(folder / file)] for file, _ in getattr(cls, parts)])
    monkeypatch.setattr(cls, "meta", cls.meta | {"md5": md5(folder / cls.meta["filename"])})
    return pixels


def stl10_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """STL-10's binary files: 3 training, 2 test and 4 unlabeled pictures; returns them as (9,3,96,96)."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    pixels = noise(9, 3, 96, 96)
    stored = pixels.transpose(0, 1, 3, 2)  # column by column
    for name, part in {"train": stored[:3], "test": stored[3:5], "unlabeled": stored[5:]}.items():
        (folder / f"{name}_X.bin").write_bytes(part.tobytes())
    (folder / "train_y.bin").write_bytes(bytes([1, 10, 2]))
    (folder / "test_y.bin").write_bytes(bytes([3, 4]))
    (folder / "class_names.txt").write_text("\n".join(f"class {i}" for i in range(10)))
    for parts in ("train_list", "test_list"):
        new = [[file, md5(folder / file)] for file, _ in getattr(datasets.STL10, parts)]
        monkeypatch.setattr(datasets.STL10, parts, new)
    return pixels


def flower_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six flowers, each of one grey: picture i has the grey 20 i; two a split."""
    folder = root / "flowers-102"
    (folder / "jpg").mkdir(parents=True)
    for i in range(1, 7):
        Image.new("RGB", (40, 30), (20 * i,) * 3).save(folder / "jpg" / f"image_{i:05}.jpg")
    savemat(folder / "imagelabels.mat", {"labels": np.array([1, 2, 3, 4, 5, 102])})
    savemat(
        folder / "setid.mat",
        {"trnid": np.array([6, 1]), "valid": np.array([2, 3]), "tstid": np.array([4, 5])},
    )
    sums = {"label": ("imagelabels.mat", md5(folder / "imagelabels.mat"))}
    sums |= {"setid": ("setid.mat", md5(folder / "setid.mat"))}
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", datasets.Flowers102._file_dict | sums)


def pet_files(root: Path) -> None:
    """Two pets for training and one for testing: a pet left, an outline of 2 px, background right."""
    folder = root / "oxford-iiit-pet"
    (folder / "images").mkdir(parents=True)
    (folder / "annotations" / "trimaps").mkdir(parents=True)
    trimap = np.full((32, 64), 2, dtype=np.uint8)
    trimap[:, :32], trimap[:, 32:34] = 1, 3
    for name in ("Abyssinian_1", "yorkshire_terrier_2", "Abyssinian_3"):
        Image.new("RGB", (64, 32), (200, 100, 50)).save(folder / "images" / f"{name}.jpg")
        Image.fromarray(trimap).save(folder / "annotations" / "trimaps" / f"{name}.png")
    (folder / "annotations" / "trainval.txt").write_text("Abyssinian_1 1 1 1\nyorkshire_terrier_2 2 2 1\n")
    (folder / "annotations" / "test.txt").write_text("Abyssinian_3 1 1 1\n")


def imagenette_files(root: Path, variant: str = "imagenette2-160", grey: int = 90) -> None:
    """One picture a class and split, two classes."""
    for split in ("train", "val"):
        for wnid in ("n02102040", "n01440764"):
            folder = root / variant / split / wnid
            folder.mkdir(parents=True)
            Image.new("RGB", (50, 40), (grey,) * 3).save(folder / "a.JPEG", "JPEG")


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pixels = torch.from_numpy(cifar_files(tmp_path, monkeypatch, name))
    train = load_pictures(name, size=32, root=tmp_path)
    test = load_pictures(name, size=32, root=tmp_path, split="test")
    assert torch.equal(torch.cat([train.images, test.images]), pixels)
    assert train.labels.tolist() == [label for i in range(len(train) // 2) for label in (i, 7)]
    assert test.names == [f"{name}/test/0", f"{name}/test/1"]
    assert train.label_names == [f"c{i}" for i in range(10)]
    assert train.masks is None
    assert torch.equal(load_pictures(name, size=16, root=tmp_path).images, resize_images(train.images, 16))


def test_stl10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.from_numpy(stl10_files(tmp_path, monkeypatch))
    load = partial(load_pictures, "stl10", size=96, root=tmp_path)
    assert torch.equal(load().images, pixels[:3])
    assert torch.equal(load(split="test").images, pixels[3:5])
    assert load().labels.tolist() == [0, 9, 1]
    assert load().label_names[9] == "class 9"
    unlabeled = load(split="unlabeled")
    assert torch.equal(unlabeled.images, pixels[5:])
    assert unlabeled.labels is unlabeled.label_names is None
    assert unlabeled.names[0] == "stl10/unlabeled/0"
    assert load(split="train+unlabeled").labels.tolist() == [0, 9, 1, -1, -1, -1, -1]
    (tmp_path / "stl10_binary" / "class_names.txt").unlink()  # torchvision doesn't insist on it
    assert load(split="test").label_names == ["0", "1", "2", "3"]


def test_flowers102(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flower_files(tmp_path, monkeypatch)
    greys = {}
    for split in ("train", "val", "test"):
        pictures = load_pictures("flowers102", size=16, root=tmp_path, split=split)
        assert pictures.images.shape == (2, 3, 16, 16)
        greys[split] = [round(float(image.float().mean()) / 20) for image in pictures.images]
    assert greys == {"train": [6, 1], "val": [2, 3], "test": [4, 5]}
    train = load_pictures("flowers102", size=16, root=tmp_path)
    assert train.labels.tolist() == [101, 0]
    assert train.label_names[0] == "pink primrose"
    assert len(train.label_names) == 102


def test_oxford_pets_and_their_masks(tmp_path: Path) -> None:
    pet_files(tmp_path)
    train = load_pictures("oxford_pets", size=16, root=tmp_path)
    assert train.images.shape == (2, 3, 16, 16)
    assert train.labels.tolist() == [0, 1]
    assert train.label_names == ["Abyssinian", "Yorkshire Terrier"]
    assert train.masks.dtype == torch.bool
    # 64 × 32 → its centre 32 × 32 → 16 × 16: pet in columns 0 to 7, its outline in column 8
    assert torch.equal(train.masks, (torch.arange(16) <= 8).expand(2, 16, 16))
    assert len(load_pictures("oxford_pets", size=16, root=tmp_path, split="test")) == 1
    assert load_pictures("oxford_pets", root=tmp_path, split="trainval").masks.shape == (2, 64, 64)


def test_imagenette(tmp_path: Path) -> None:
    imagenette_files(tmp_path)
    train = load_pictures("imagenette", size=32, root=tmp_path)
    assert train.images.shape == (2, 3, 32, 32)
    assert train.label_names == ["tench", "English springer"]
    assert train.labels.tolist() == [0, 1]
    assert load_pictures("imagenette", size=32, root=tmp_path, split="test").names[1] == "imagenette/test/1"
    assert len(load_pictures("imagenette", root=tmp_path, split="val")) == 2


@pytest.mark.parametrize(
    ("size", "there", "grey"),
    [
        (64, ("imagenette2-160", "imagenette2-320"), 50),
        (224, ("imagenette2-160", "imagenette2-320"), 100),
        (224, ("imagenette2-160",), 50),  # too small, but better than 300 MB more
        (64, ("imagenette2",), 150),
        (400, ("imagenette2-320", "imagenette2"), 150),
    ],
)
def test_imagenette_takes_the_smallest_that_is_large_enough(
    tmp_path: Path, size: int, there: tuple[str, ...], grey: int
) -> None:
    for variant in there:
        shade = {"imagenette2-160": 50, "imagenette2-320": 100, "imagenette2": 150}[variant]
        imagenette_files(tmp_path, variant, shade)
    pictures = load_pictures("imagenette", size=size, root=tmp_path)
    assert abs(float(pictures.images.float().mean()) - grey) < 3


# --- where the files are looked for -------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["FashionMNIST/raw", "FashionMNIST", "raw", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_fashion_files_wherever_they_lie(tmp_path: Path, place: str, packed: bool) -> None:
    root = tmp_path / "root"
    pixels = fashion_files(root / place, packed)
    before = files_below(root)
    root.chmod(0o555)  # read-only, for those who are not root
    pictures = load_pictures("fashion_mnist", size=28, root=root)
    root.chmod(0o755)
    assert torch.equal(pictures.images[:, 0], torch.from_numpy(pixels))
    assert files_below(root) == before


def test_the_cache_comes_before_debian(debian: Path, empty_cache: Path) -> None:
    fashion_files(empty_cache / "FashionMNIST" / "raw")
    assert len(load_pictures("fashion_mnist")) == 5


@pytest.mark.offline
def test_debian_is_no_answer_to_a_given_root(debian: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="could not be downloaded"):
        load_pictures("fashion_mnist", root=tmp_path)


@pytest.mark.offline
def test_three_of_four_files_are_not_enough(tmp_path: Path) -> None:
    fashion_files(tmp_path)
    (tmp_path / FILES[3]).unlink()
    with pytest.raises(ValueError, match="could not be downloaded"):
        load_pictures("fashion_mnist", root=tmp_path)


def test_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/reader")
    monkeypatch.setenv("DINO_LITE_DATA", "~/sets")
    assert data_home("/given") == Path("/given")
    assert data_home(None) == Path("/home/reader/sets")
    for unset in ("", None):
        monkeypatch.delenv("DINO_LITE_DATA") if unset is None else monkeypatch.setenv("DINO_LITE_DATA", unset)
        assert data_home(None) == Path("/home/reader/.cache/dino_lite")


def test_the_folder_of_the_files_itself_may_be_given(tmp_path: Path) -> None:
    pet_files(tmp_path)
    assert len(load_pictures("oxford_pets", size=16, root=tmp_path / "oxford-iiit-pet")) == 2


@pytest.mark.parametrize("depth", ["", "vision"])
def test_files_one_folder_deeper(tmp_path: Path, depth: str) -> None:
    """--root /data finds /data/vision/oxford-iiit-pet, but not in place of /data/oxford-iiit-pet."""
    pet_files(tmp_path / depth)
    if not depth:
        (tmp_path / "archive" / "oxford-iiit-pet").mkdir(parents=True)  # empty
    before = files_below(tmp_path)
    assert len(load_pictures("oxford_pets", size=16, root=tmp_path)) == 2
    assert files_below(tmp_path) == before


# --- download -----------------------------------------------------------------------------------------------


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A file server that doesn't log to standard error."""

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the local address that serves it."""
    folder = tmp_path / "server"
    folder.mkdir()
    handler = partial(QuietHandler, directory=str(folder))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def test_download_with_progress_bar(
    server: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder, address = server
    pixels = fashion_files(folder, packed=True)
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [address])
    resources = [(f"{name}.gz", md5(folder / f"{name}.gz")) for name in FILES]
    monkeypatch.setattr(datasets.FashionMNIST, "resources", resources)
    pictures = load_pictures("fashion_mnist", size=28, root=tmp_path / "new")
    assert torch.equal(pictures.images[:, 0], torch.from_numpy(pixels))
    assert "100%" in capfd.readouterr().err
    for path in folder.iterdir():
        path.unlink()
    assert len(load_pictures("fashion_mnist", root=tmp_path / "new")) == 5  # the second time from the folder


@pytest.mark.offline
@pytest.mark.parametrize("name", TORCHVISION)
def test_offline(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} could not be downloaded to {tmp_path}") as caught:
        load_pictures(name, root=tmp_path)
    sentence = str(caught.value)
    assert "without a network" in sentence  # the reason, from tests/conftest.py
    assert f"put the folder {SOURCES[name].folder} there, or pass root=" in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert socket.getdefaulttimeout() is None


@pytest.mark.offline
@pytest.mark.parametrize("name", TORCHVISION)
def test_a_root_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="could not be downloaded"):
        load_pictures(name, root=tmp_path / "file" / "sub")


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"no such page"), (200, b"<html>please log in to this network</html>")]
)
def test_a_wrong_answer_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    """A page that is gone, and a hotel's login page in place of the file."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        monkeypatch.setattr(datasets.CIFAR10, "url", f"http://127.0.0.1:{httpd.server_port}/cifar-10-python.tar.gz")
        try:
            with pytest.raises(ValueError, match=r"cifar10 could not be downloaded to .* \(.+\): put") as caught:
                load_pictures("cifar10", root=tmp_path)
        finally:
            httpd.shutdown()
            thread.join()
    assert "\n" not in str(caught.value)


# --- what else can go wrong ---------------------------------------------------------------------------------


def test_every_name_has_a_source() -> None:
    assert set(SOURCES) == set(TORCHVISION)
    assert all({"train", "test"} <= set(source.splits) for source in SOURCES.values())


@pytest.mark.parametrize("name", TORCHVISION)
def test_unknown_split(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} has the splits .*train.*, got split='dev'"):
        load_pictures(name, root=tmp_path, split="dev")


def truncate(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def broken_fashion(root: Path) -> None:
    """A file that ends too early."""
    fashion_files(root / "FashionMNIST" / "raw")
    truncate(root / "FashionMNIST" / "raw" / FILES[0])


def broken_gz(root: Path) -> None:
    """The same, packed."""
    fashion_files(root, packed=True)
    truncate(root / f"{FILES[0]}.gz")


def lost_pet(root: Path) -> None:
    """A picture that the list names, but that is not there."""
    pet_files(root)
    (root / "oxford-iiit-pet" / "images" / "Abyssinian_1.jpg").unlink()


def lost_list(root: Path) -> None:
    """An archive whose unpacking was interrupted."""
    pet_files(root)
    (root / "oxford-iiit-pet" / "annotations" / "trainval.txt").unlink()


def broken_trimap(root: Path) -> None:
    """A mask that can't be read."""
    pet_files(root)
    truncate(root / "oxford-iiit-pet" / "annotations" / "trimaps" / "Abyssinian_1.png")


def empty_imagenette(root: Path) -> None:
    """A folder without classes."""
    (root / "imagenette2-160" / "train").mkdir(parents=True)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("fashion_mnist", broken_fashion),
        ("fashion_mnist", broken_gz),
        ("oxford_pets", lost_pet),
        ("oxford_pets", lost_list),
        ("oxford_pets", broken_trimap),
        ("imagenette", empty_imagenette),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_broken_files(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    broken = rf"the files of {name} in .* are broken \(.+\): delete them and load again\.$"
    with pytest.raises(ValueError, match=broken) as caught:
        load_pictures(name, size=16, root=tmp_path)
    assert "\n" not in str(caught.value)


def test_without_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ValueError, match="cifar10 needs torchvision: pip install torchvision"):
        load_pictures("cifar10", root=tmp_path)
    assert len(load_pictures("emoji")) > 3000


def test_without_scipy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dino_lite.data_torchvision.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="flowers102 needs scipy"):
        load_pictures("flowers102", root=tmp_path)
