"""Where each picture goes on a map of the embedding: UMAP, or PCA when there are too few pictures for it."""

import threading
import warnings

import numpy as np
import torch
from torch import Tensor

from dino_notebooks.machine import one_thread
from dino_notebooks.plots.neighbours import checked_rows

FEWEST = 10  # pictures that UMAP can make a map of
LOCK = threading.Lock()  # numba may end the process when two threads use UMAP at once (umap #665, numba #8563)


def layout(rows: Tensor | np.ndarray, seed: int = 0, method: str = "umap") -> np.ndarray:
    """Features (N, D) → places (N, 2), by "umap" (cosine) or "pca". The same rows and seed give the same places.

    The first UMAP of a process takes some ten seconds longer than the next. Fewer than ten pictures get a PCA.
    """
    if method not in ("umap", "pca"):
        raise ValueError(f'method must be "umap" or "pca", got {method!r}.')
    table = checked_rows(torch.as_tensor(rows)).numpy()
    if len(table) < 2:
        raise ValueError("A map needs at least two pictures, got one.")
    if np.ptp(table, axis=0).max() < 1e-6:
        raise ValueError(
            f"All {len(table)} rows are the same, so there is no map: the network collapsed, or it is one picture."
        )
    if method == "umap" and len(table) < FEWEST:
        warnings.warn(f"UMAP needs {FEWEST} pictures, got {len(table)}: this map is a PCA.", stacklevel=2)
        method = "pca"
    places = _pca(table)
    return umap_from(table, places, seed) if method == "umap" else places


def _pca(table: np.ndarray) -> np.ndarray:
    """The two directions of most variance; the larger side of each is positive, so that it cannot flip."""
    centered = table - table.mean(axis=0)
    left, scale, _ = np.linalg.svd(centered, full_matrices=False)
    places = np.zeros((len(table), 2), dtype=np.float32)
    kept = min(2, len(scale))
    places[:, :kept] = (left * scale)[:, :kept]
    side = np.sign(places[np.abs(places).argmax(axis=0), [0, 1]])
    return places * np.where(side == 0, 1, side)


def umap_from(table: np.ndarray, start: np.ndarray, seed: int = 0, epochs: int = 200) -> np.ndarray:
    """UMAP on the cosine between rows (N, D), beginning at places (N, 2); more than 200 epochs move little.

    The neighbours are found here, by one matrix product: for fewer than 4096 rows umap would call a Python function
    for each pair. Holds the lock that all UMAPs of this process share.
    """
    near, far = _cosine_neighbours(torch.from_numpy(table), min(15, len(table) - 1))
    begin = 10 * start / max(float(np.abs(start).max()), 1e-9)
    begin = begin + np.random.default_rng(seed).normal(0, 1e-3, begin.shape)  # twins must be able to part
    # one_thread: numba shares torch's OpenMP, and would leave it all cores
    with LOCK, one_thread(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        warnings.filterwarnings("ignore", r"precomputed_knn\[2\].* is not an NNDescent object", UserWarning)
        from umap import UMAP  # seconds: numba compiles

        reducer = UMAP(
            n_neighbors=near.shape[1],
            min_dist=0.3,  # room for the pictures
            metric="cosine",
            precomputed_knn=(near, far, None),
            init=begin.astype(np.float32),
            n_epochs=epochs,
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(reducer.fit_transform(table), dtype=np.float32)


def _cosine_neighbours(rows: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Each row's k nearest, itself first, and how far they are, 1 - cosine: (N, k) and (N, k)."""
    unit = torch.nn.functional.normalize(rows, dim=1)
    near, far = [], []
    for start in range(0, len(unit), 1024):
        distance = (1 - unit[start : start + 1024] @ unit.T).clamp_min(0)
        own = torch.arange(start, start + len(distance))
        distance[torch.arange(len(distance)), own] = -1  # also before a twin of the row
        values, places = distance.topk(k, largest=False)
        near.append(places)
        far.append(values.clamp_min(0))
    return torch.cat(near).numpy(), torch.cat(far).numpy()
