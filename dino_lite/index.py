"""A vector index: which of many features (N, D) are nearest to a query by cosine. Built on faiss.

`VectorIndex(D, "flat")` compares a query with every row and is exact. `VectorIndex(D, "hnsw")` walks a graph of
neighbours (Malkov and Yashunin, arXiv 1603.09320): it sees a small part of the rows and can miss some, which
`python -m bench.index` measures. On one machine the same rows give the same index, also in the graph's links.
"""

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dino_lite.checkpoint import atomic, first_line

KINDS = ("flat", "hnsw")
FORMAT = b"dino_lite index 1\n"  # a file: this line, SHA-256 of the rest, length of the header, header, faiss's bytes
HEAD = len(FORMAT) + 32 + 8  # bytes before the header


class VectorIndex:
    """Features by name, searched by cosine.

    dim: D. kind: "flat" or "hnsw". Of the graph: links (neighbours a row keeps), build_width and search_width (rows
    looked at while a row is added, while a query is answered; `search_width` can be changed later). More of each finds
    more and takes longer.
    """

    def __init__(
        self, dim: int, kind: str = "flat", links: int = 16, build_width: int = 100, search_width: int = 64
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f'kind must be "flat" or "hnsw", got {kind!r}.')
        for name, value, least in (
            ("dim", dim, 1),
            ("links", links, 2),
            ("build_width", build_width, 1),
            ("search_width", search_width, 1),
        ):
            _require_whole(name, value, least)
        self.dim, self.kind, self.search_width = dim, kind, search_width
        self.names: list[str] = []  # one a row, in the order they were added in
        self._known: set[str] = set()
        faiss = _faiss()
        if kind == "flat":
            self._index: Any = faiss.IndexFlatIP(dim)
        else:
            self._index = faiss.IndexHNSWFlat(dim, links, faiss.METRIC_INNER_PRODUCT)
            self._index.hnsw.efConstruction = build_width

    def __len__(self) -> int:
        """N, the number of rows."""
        return len(self.names)

    def __repr__(self) -> str:
        """One line: kind and shape."""
        return f"VectorIndex({self.kind}, {len(self)} × {self.dim})"

    def add(self, features: Tensor, names: Sequence[str]) -> None:
        """Add rows (N, D), of any length but 0, and a name for each that no other row has; or ValueError and nothing.

        Equal rows under different names are fine.
        """
        rows = self._unit_rows(features, "features")
        names = [names] if isinstance(names, str) else list(names)
        if len(names) != len(rows):
            raise ValueError(f"{len(rows)} rows of features need as many names, got {len(names)}.")
        if strangers := [name for name in names if not isinstance(name, str)]:
            raise ValueError(f"names must be strings, got {strangers[0]!r}.")
        known = set(self._known)
        for name in names:
            if name in known:
                raise ValueError(f"A name stands for one row, but {name!r} comes twice.")
            known.add(name)
        # a graph that two threads build has other links every time
        with _threads(1 if self.kind == "hnsw" else torch.get_num_threads()):
            self._index.add(rows)
        self._known = known
        self.names += names

    def search(self, queries: Tensor, k: int = 10) -> tuple[Tensor, Tensor]:
        """The k rows nearest to each query (Q, D): cosines (Q, k), highest first, and row numbers int64 (Q, k).

        Of a tie the order is faiss's. A query that is in the index finds itself. Both tensors are on the CPU.
        """
        rows = self._unit_rows(queries, "queries")
        if not len(self):
            raise ValueError("The index is empty: add features before you search.")
        if not _is_whole(k) or not 1 <= k <= len(self):
            raise ValueError(f"k must be a whole number from 1 to {len(self)}, the rows of the index, got {k!r}.")
        faiss, more = _faiss(), {}
        if self.kind == "hnsw":
            _require_whole("search_width", self.search_width, 1)
            more["params"] = faiss.SearchParametersHNSW(efSearch=max(self.search_width, k))
        with _threads(torch.get_num_threads()):
            cosines, found = self._index.search(rows, k, **more)
            # where many rows are equal, parts of a graph can have no way to the rest: faiss then finds less than k
            if len(lost := (found < 0).any(1).nonzero()[0]):
                cosines[lost], found[lost] = faiss.downcast_index(self._index.storage).search(rows[lost], k)
        return torch.from_numpy(cosines).clamp_(-1, 1), torch.from_numpy(found)

    def save(self, path: str | Path) -> None:
        """Write the index and its names to one file, in one step; ValueError when the disk does not take it."""
        header = {"dim": self.dim, "kind": self.kind, "search_width": self.search_width, "names": self.names}
        words = json.dumps(header).encode()
        body = len(words).to_bytes(8, "little") + words + _faiss().serialize_index(self._index).tobytes()
        with atomic(path) as temporary:
            temporary.write_bytes(FORMAT + hashlib.sha256(body).digest() + body)

    @classmethod
    def load(cls, path: str | Path) -> "VectorIndex":
        """What `save` wrote; ValueError for anything else. The checksum finds damage, not malice: load your own."""
        header, payload = _read(Path(path))
        try:
            index = cls(header["dim"], header["kind"], search_width=header["search_width"])
            found = _faiss().deserialize_index(payload)
            names = header["names"]
            if (type(found), found.d, found.ntotal) != (type(index._index), index.dim, len(names)):
                raise ValueError("its parts do not belong together")
        except Exception as error:  # a file of another make can be wrong in any way
            raise ValueError(f"{path} does not hold a vector index ({first_line(error)}).") from error
        index._index, index.names, index._known = found, names, set(names)
        return index

    def _unit_rows(self, rows: Tensor, name: str) -> np.ndarray:
        """Rows (N, D) as float32 of length 1, as faiss wants them."""
        if not isinstance(rows, Tensor) or rows.ndim != 2 or rows.shape[1] != self.dim or not len(rows):
            got = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
            raise ValueError(f"{name} must be a tensor (N, {self.dim}), N >= 1, got {got}.")
        x = rows.detach().cpu().float()
        if not bool(x.isfinite().all()):
            raise ValueError(f"{name} hold NaN or infinite values: was the network trained with a finite loss?")
        largest = x.abs().amax(1, keepdim=True)
        if not bool(largest.all()):
            raise ValueError(f"Row {int(largest[:, 0].argmin())} of {name} is zero: it has no direction to compare.")
        x = x / largest  # so that no square is too large or too small for a float
        return (x / x.norm(dim=1, keepdim=True)).contiguous().numpy()


def _read(path: Path) -> tuple[dict[str, Any], np.ndarray]:
    """Header and faiss's bytes (uint8) of a file whose checksum is right."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"There is no index {path}.") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror or error}).") from error
    if not data.startswith(FORMAT):
        raise ValueError(f"{path} is not a vector index that this dino_lite wrote.")
    body = memoryview(data)[len(FORMAT) + 32 :]
    if len(data) < HEAD or hashlib.sha256(body).digest() != data[len(FORMAT) : len(FORMAT) + 32]:
        raise ValueError(f"{path} is damaged (its checksum is wrong): use another copy of it, or build it again.")
    end = 8 + int.from_bytes(body[:8], "little")
    try:
        header = json.loads(bytes(body[8:end]))
    except ValueError as error:
        raise ValueError(f"{path} does not hold a vector index ({first_line(error)}).") from error
    return header, np.frombuffer(body[end:], np.uint8)


def _faiss() -> Any:
    """The package; it is slow to load."""
    try:
        import faiss
    except ImportError as error:
        raise ValueError(f"VectorIndex needs faiss ({error}): pip install faiss-cpu.") from None
    return faiss


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many threads for faiss in here, and as many as before afterwards.

    faiss brings an OpenMP of its own beside torch's. On Linux the one that was loaded first serves both, so that a
    number set for faiss is torch's too and has to be put back. On macOS two that both start threads crash
    (faiss-wheels issue 73; not tried by us): there faiss gets one.
    """
    faiss = _faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1 if sys.platform == "darwin" else count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require_whole(name: str, value: Any, least: int) -> None:
    if not _is_whole(value) or value < least:
        raise ValueError(f"{name} must be a whole number from {least} on, got {value!r}.")
