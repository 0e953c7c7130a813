"""VectorIndex: "flat" against a sort in torch, "hnsw" by its recall; what was saved, damaged and refused.

Run: pytest tests/dino_lite/test_index.py
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dino_lite.index import FORMAT, HEAD, VectorIndex

KINDS = ("flat", "hnsw")
REFUSED = r"is damaged|is not a vector index"


def noise(count: int, dim: int, seed: int = 0) -> Tensor:
    """Rows of any length."""
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) * 3


def named(count: int, first: int = 0) -> list[str]:
    return [f"picture {number} 🐱" for number in range(first, first + count)]


def filled(kind: str = "flat", count: int = 60, dim: int = 8) -> VectorIndex:
    index = VectorIndex(dim, kind)
    index.add(noise(count, dim), named(count))
    return index


def exact(queries: Tensor, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """All cosines in float64, sorted."""
    cosines = F.normalize(queries.double(), dim=1) @ F.normalize(rows.double(), dim=1).T
    order = cosines.argsort(1, descending=True)[:, :k]
    return cosines.gather(1, order), order


# --- search -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "dim", "k"), [(500, 64, 10), (37, 5, 37), (1, 3, 1), (300, 1, 2)])
def test_flat_is_exact(count: int, dim: int, k: int) -> None:
    """Cosines of rows that are no unit rows; in two parts, as they come."""
    rows, queries = noise(count, dim), noise(7, dim, seed=1)
    index = VectorIndex(dim)
    index.add(rows[: count // 2 + 1], named(count // 2 + 1))
    if count > 1:
        index.add(rows[count // 2 + 1 :], named(count - count // 2 - 1, count // 2 + 1))
    similarities, found = index.search(queries, k)
    expected, order = exact(queries, rows, k)
    assert (len(index), index.names) == (count, named(count))
    assert (similarities.dtype, found.dtype, found.shape) == (torch.float32, torch.int64, (7, k))
    torch.testing.assert_close(similarities.double(), expected, rtol=0, atol=1e-6)
    if dim > 1:  # of one number each the cosines are 1 or -1: nothing but ties
        assert torch.equal(found, order)


def test_hnsw_finds_nearly_all() -> None:
    """Measured here: 0.75 of the ten nearest of 3,000 random rows with the narrow search, 1.0 with the wide one."""
    rows, queries = noise(3000, 32), noise(50, 32, seed=1)
    index = VectorIndex(32, "hnsw", search_width=400)
    index.add(rows, named(3000))
    _, order = exact(queries, rows, 10)

    def recall() -> float:
        similarities, found = index.search(queries, 10)
        assert bool((similarities.diff(dim=1) <= 0).all())
        cosines = (F.normalize(queries, dim=1)[:, None] * F.normalize(rows, dim=1)[found]).sum(-1)
        torch.testing.assert_close(similarities, cosines, rtol=0, atol=1e-5)
        return float((found[:, :, None] == order[:, None]).any(1).double().mean())

    assert recall() > 0.99
    index.search_width = 10
    assert 0.5 < recall() < 0.99  # so the width is used


def test_a_graph_is_the_same_every_time(tmp_path: Path) -> None:
    """One thread builds it, whatever torch is set to."""
    for name in ("a", "b"):
        filled("hnsw", 2000).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_length_does_not_matter(kind: str, scale: float) -> None:
    """A square of 1e30 is no float32."""
    index, queries = VectorIndex(8, kind), noise(3, 8, seed=1)
    index.add(noise(60, 8) * scale, named(60))
    found, expected = index.search(queries / scale, 5), filled(kind).search(queries, 5)
    torch.testing.assert_close(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rows(kind: str) -> None:
    """A thousand of them: every one is found once, though a graph may have no way from some to the others."""
    index, row = VectorIndex(4, kind, links=2), torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    index.add(row.repeat(1000, 1), named(1000))
    index.add(-row, ["opposite"])
    similarities, found = index.search(row, 1001)
    assert sorted(found[0].tolist()) == list(range(1001))
    torch.testing.assert_close(similarities[0, :1000], torch.ones(1000))
    assert float(similarities.max()) <= 1.0
    assert (int(found[0, -1]), float(similarities[0, -1])) == (1000, pytest.approx(-1.0))


def test_half_precision_and_gradients() -> None:
    """What a network on a GPU gives: it is compared as float32 and nothing is kept of its graph."""
    index = filled()
    similarities, _ = index.search(noise(2, 8).bfloat16().requires_grad_(), 1)
    assert not similarities.requires_grad
    assert float(similarities.min()) > 0.999  # each query is a row of the index, rounded


@pytest.mark.parametrize("first", ["torch", "faiss"])
def test_threads_of_torch_and_faiss(first: str) -> None:
    """Both libraries bring an OpenMP: in one process both work, and the index leaves torch its number of threads.

    On Linux the two share what was loaded first, so that faiss's setting changes torch's too.
    """
    code = f"""if True:
        import {first}
        import torch
        from dino_lite.index import VectorIndex
        torch.set_num_threads(2)
        x = torch.randn(20000, 64)
        before = x @ x[:100].T
        for kind in ("flat", "hnsw"):
            index = VectorIndex(64, kind)
            index.add(x[:3000], [str(i) for i in range(3000)])
            index.search(x[:100], 10)
            assert torch.get_num_threads() == 2
        torch.testing.assert_close(x @ x[:100].T, before)"""
    process = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


def test_on_macos_faiss_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """There two OpenMPs with threads crash; tried by its setting alone, on whatever machine this is."""
    import faiss

    index, asked = filled(), []
    monkeypatch.setattr(faiss, "omp_set_num_threads", asked.append)
    monkeypatch.setattr(sys, "platform", "darwin")
    before = faiss.omp_get_max_threads()
    index.search(noise(1, 8), 1)
    assert asked == [1, before]


# --- saved and read back ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded(kind: str, tmp_path: Path) -> None:
    """The same answers, names and settings; and more rows can be added."""
    index, queries = filled(kind), noise(5, 8, seed=1)
    index.search_width = 33
    index.save(tmp_path / "my.index")
    loaded = VectorIndex.load(str(tmp_path / "my.index"))
    assert (loaded.names, loaded.dim, loaded.kind, loaded.search_width) == (index.names, 8, kind, 33)
    for a, b in zip(loaded.search(queries, 9), index.search(queries, 9), strict=True):
        assert torch.equal(a, b)
    assert [path.name for path in tmp_path.iterdir()] == ["my.index"]
    for each in (index, loaded):
        each.add(noise(5, 8, seed=2), named(5, 60))
    assert torch.equal(loaded.search(queries, 65)[1], index.search(queries, 65)[1])
    with pytest.raises(ValueError, match="comes twice"):
        loaded.add(noise(1, 8), named(1))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_index_is_saved_too(kind: str, tmp_path: Path) -> None:
    VectorIndex(3, kind).save(tmp_path / "empty")
    assert repr(VectorIndex.load(tmp_path / "empty")) == f"VectorIndex({kind}, 0 × 3)"


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_byte_is_found(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before faiss reads anything; each place of a small file, a few bits of it."""
    import faiss

    path = tmp_path / "index"
    filled(kind, count=5, dim=2).save(path)
    whole = path.read_bytes()
    monkeypatch.setattr(faiss, "deserialize_index", lambda data: pytest.fail("faiss read a damaged file"))
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=REFUSED) as caught:
            VectorIndex.load(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncated_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "index"
    filled(kind, count=5, dim=2).save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=REFUSED):
            VectorIndex.load(path)
    path.write_bytes(whole + b"more")
    with pytest.raises(ValueError, match="is damaged"):
        VectorIndex.load(path)


HEADER = {"dim": 2, "kind": "flat", "search_width": 64, "names": ["a"]}


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (HEADER, b""),
        (HEADER, b"IxFI" + bytes(40)),
        (HEADER, b"not faiss at all"),
        (HEADER | {"dim": 3}, None),
        (HEADER | {"names": ["a", "b"]}, None),
        (HEADER | {"names": 7}, None),
        (HEADER | {"kind": "hnsw"}, None),
        (HEADER | {"kind": "ivf"}, None),
        (HEADER | {"search_width": "wide"}, None),
        ({}, None),
        ([1], None),
        ("{", None),
    ],
)
def test_foreign_contents_under_a_right_checksum(header: object, payload: bytes | None, tmp_path: Path) -> None:
    """A later version, or somebody's own writer."""
    path = tmp_path / "index"
    index = VectorIndex(2)
    index.add(noise(1, 2), ["a"])
    index.save(path)
    whole = path.read_bytes()[HEAD:]
    words = b"{" if header == "{" else json.dumps(header).encode()
    body = len(words).to_bytes(8, "little") + words
    body += whole[whole.index(b"}") + 1 :] if payload is None else payload
    path.write_bytes(FORMAT + hashlib.sha256(body).digest() + body)
    with pytest.raises(ValueError, match="does not hold a vector index") as caught:
        VectorIndex.load(path)
    assert "\n" not in str(caught.value)


def test_other_files(tmp_path: Path) -> None:
    """None there, a folder, an empty file, another kind of file."""
    with pytest.raises(ValueError, match="There is no index"):
        VectorIndex.load(tmp_path / "none")
    with pytest.raises(ValueError, match="cannot be read"):
        VectorIndex.load(tmp_path)
    for data in (b"", b"\x89PNG\r\n", FORMAT.replace(b"1", b"2") + bytes(99)):
        (tmp_path / "other").write_bytes(data)
        with pytest.raises(ValueError, match="is not a vector index that this dino_lite wrote"):
            VectorIndex.load(tmp_path / "other")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index"
    filled(count=5).save(path)
    old = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ValueError, match="could not be written \\(No space left on device\\)"):
        filled(count=9).save(path)
    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "names", "sentence"),
    [
        (torch.ones(2, 7), named(2), r"features must be a tensor \(N, 8\), N >= 1, got \(2, 7\)"),
        (torch.ones(8), named(1), r"got \(8,\)"),
        (torch.ones(0, 8), [], r"got \(0, 8\)"),
        ([[1.0] * 8], named(1), "got list"),
        (torch.full((2, 8), float("nan")), named(2), "NaN or infinite"),
        (torch.full((2, 8), float("inf")), named(2), "NaN or infinite"),
        (torch.eye(8)[:3] * torch.tensor([1, 0, 1])[:, None], named(3), "Row 1 of features is zero"),
        (torch.ones(2, 8), named(3), "2 rows of features need as many names, got 3"),
        (torch.ones(2, 8), "ab", "2 rows of features need as many names, got 1"),
        (torch.ones(2, 8), ["a", 7], "names must be strings, got 7"),
        (torch.ones(2, 8), ["a", "a"], "'a' comes twice"),
        (torch.ones(2, 8), ["a", named(1)[0]], "comes twice"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_rows_add_nothing(kind: str, rows: Tensor, names: list[str], sentence: str) -> None:
    index = filled(kind)
    with pytest.raises(ValueError, match=sentence):
        index.add(rows, names)
    assert len(index) == 60
    assert set(index.search(noise(1, 8), 60)[1][0].tolist()) == set(range(60))
    index.add(torch.ones(1, 8), ["a"])  # the name is still free


@pytest.mark.parametrize("kind", KINDS)
def test_bad_searches(kind: str) -> None:
    index = filled(kind)
    for queries in (torch.ones(8), torch.ones(1, 9), torch.zeros(1, 8), torch.full((1, 8), torch.nan), None):
        with pytest.raises(ValueError, match="queries"):
            index.search(queries, 1)  # type: ignore[arg-type]
    for k in (0, -1, 61, 2.0, True, None):
        with pytest.raises(ValueError, match="k must be a whole number from 1 to 60"):
            index.search(noise(1, 8), k)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="The index is empty"):
        VectorIndex(8, kind).search(noise(1, 8), 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"dim": 0}, "dim must be a whole number from 1"),
        ({"dim": 2.0}, "dim must be"),
        ({"dim": 8, "kind": "ivf"}, 'kind must be "flat" or "hnsw", got'),
        ({"dim": 8, "kind": "hnsw", "links": 1}, "links must be a whole number from 2"),
        ({"dim": 8, "kind": "hnsw", "build_width": 0}, "build_width must be"),
        ({"dim": 8, "search_width": 0}, "search_width must be"),
    ],
)
def test_bad_settings(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        VectorIndex(**arguments)  # type: ignore[arg-type]


def test_bad_search_width_later() -> None:
    """It can be set at any time, so it is looked at when it is used."""
    index = filled("hnsw")
    index.search_width = 0
    with pytest.raises(ValueError, match="search_width must be a whole number from 1"):
        index.search(noise(1, 8), 1)


def test_without_faiss_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ValueError, match=r"VectorIndex needs faiss .*: pip install faiss-cpu"):
        VectorIndex(8)
