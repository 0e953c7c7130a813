"""VectorIndex: how much of the exact answer the graph finds, and how long a query takes, beside exact search.

    python -m bench.index

Recall@10: the share of the ten nearest rows, by exact search in torch, that the index finds. Features: what the
shipped model makes of the 3,348 emoji, and 100,000 made-up rows in clusters. A query is a row moved by
noise, so that it is not in the index. Queries come one after the other, as from a person who searches.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.rounds import alternate, machine
from dino_lite import features, load_pictures, pretrained
from dino_lite.index import VectorIndex

K, QUERIES = 10, 200
NOISE = 0.3  # its length, as a share of the mean distance of a row from the mean row
WIDTHS = (16, 64, 256)


def emoji() -> Tensor:
    """Features (3348, 96) of the bundled pictures from the shipped model."""
    return features(pretrained(), load_pictures("emoji"))


def made_up(count: int = 100_000, dim: int = 192, clusters: int = 1000) -> Tensor:
    """Unit rows (count, dim) around random centres: the noise is as long as the centre."""
    generator = torch.Generator().manual_seed(0)
    centers = F.normalize(torch.randn(clusters, dim, generator=generator), dim=1)
    chosen = torch.randint(clusters, (count,), generator=generator)
    return F.normalize(centers[chosen] + torch.randn(count, dim, generator=generator) / dim**0.5, dim=1)


def queries_near(rows: Tensor) -> Tensor:
    """Some of the rows, each moved by noise, unit rows (QUERIES, dim)."""
    generator = torch.Generator().manual_seed(1)
    chosen = rows[torch.randperm(len(rows), generator=generator)[:QUERIES]]
    spread = (rows - rows.mean(0)).norm(dim=1).mean()
    noise = F.normalize(torch.randn(chosen.shape, generator=generator), dim=1)
    return F.normalize(chosen + NOISE * spread * noise, dim=1)


def recall(found: Tensor, exact: Tensor) -> float:
    """Share of the exact rows (Q, k) that were found (Q, k), 0 to 1."""
    return float((found[:, :, None] == exact[:, None]).any(1).double().mean())


def one_by_one(search: Callable[[Tensor], Any], queries: Tensor) -> Callable[[], Any]:
    """A function that asks for every query alone."""
    return lambda: [search(query) for query in queries.split(1)]


def exact_search(rows: Tensor) -> Callable[[Tensor], Any]:
    """The K nearest by a product with every row, in torch."""
    return lambda query: (query @ rows.T).topk(K)


def table(title: str, rows: Tensor, rounds: int) -> None:
    """Measure and print what an index of these rows finds and takes."""
    queries, names = queries_near(rows), [str(number) for number in range(len(rows))]
    exact = (queries @ rows.T).topk(K).indices
    print(f"\n{title}: {len(rows):,} × {rows.shape[1]}\n")
    print("| | built in, s | recall@10 | ms a query (range of the rounds) |\n|---|---|---|---|")
    line("torch, exact", "", 1.0, one_by_one(exact_search(rows), queries), rounds)
    for kind, widths in (("flat", (1,)), ("hnsw", WIDTHS)):
        index, start = VectorIndex(rows.shape[1], kind), time.perf_counter()
        index.add(rows, names)
        built = f"{time.perf_counter() - start:.2f}"
        for width in widths:
            index.search_width = width
            score = recall(index.search(queries, K)[1], exact)
            name = kind if kind == "flat" else f"hnsw, search_width {width}"
            line(name, built, score, one_by_one(partial(index.search, k=K), queries), rounds)


def line(name: str, built: str, score: float, ask: Callable[[], Any], rounds: int) -> None:
    """Time one contender and print its row of the table."""
    times = [1000 * seconds / QUERIES for seconds in alternate({name: ask}, rounds)[name]]
    span = f"{statistics.median(times):.3f} ({min(times):.3f} to {max(times):.3f})"
    print(f"| {name} | {built} | {score:.3f} | {span} |", flush=True)


def main(rounds: int = 5) -> None:
    """Measure and print."""
    print(f"{machine()}, faiss {version('faiss-cpu')}; {QUERIES} queries, {rounds} rounds")
    table("emoji, shipped model", emoji(), rounds)
    table("made up, in clusters", made_up(), rounds)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
