"""Where each picture goes on the map: PCA at once, UMAP from where the pictures are now, never turned for nothing."""

import numpy as np
import torch
from torch import Tensor

from dino_notebooks.machine import one_thread
from dino_notebooks.plots.places import umap_from

SAME = 1e-6  # columns that vary less do not vary
EPOCHS, WARM_EPOCHS = 200, 80  # of UMAP, from a PCA and from an earlier UMAP
MIDDLE = (0.5, 99.5)  # percentiles that fill the map: a few strays would squeeze all others together


def require_spread(rows: Tensor) -> None:
    """ValueError when all rows of features (N, D) are the same."""
    if float((rows.amax(0) - rows.amin(0)).max()) < SAME:
        raise ValueError(
            f"All {len(rows)} rows are the same, so there is no map: the network collapsed, or it is one picture."
        )


def pca_places(rows: Tensor) -> np.ndarray:
    """Features (N, D) → places (N, 2), the middle of them within -1 to 1. ValueError when there is no map.

    The larger side of each axis is positive, so that it cannot flip. From the covariance (D, D), which for thousands
    of rows takes a tenth of the time of a singular value decomposition of the rows.
    """
    require_spread(rows)
    with one_thread():
        centered = (rows - rows.mean(0)).double()
        axes = torch.linalg.eigh(centered.T @ centered).eigenvectors[:, -2:].flip(1)  # the largest come last
        places = (centered @ axes).numpy()
    places = np.pad(places, [(0, 0), (0, 2 - places.shape[1])])  # features of one number make a line
    far = places[np.abs(places).argmax(0), [0, 1]]
    return fitted(places * np.where(far < 0, -1, 1))


def umap_places(rows: Tensor, start: np.ndarray, warm: bool, seed: int = 0) -> np.ndarray:
    """Features (N, D) → places (N, 2) by UMAP on cosines, beginning at places (N, 2) and turned to match them.

    warm: `start` was a UMAP of much the same features. Holds the lock that all UMAPs of this process share.
    """
    with one_thread():
        found = umap_from(rows.numpy(), start, seed, WARM_EPOCHS if warm else EPOCHS)
    return turned(fitted(found), start)


def turned(places: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The places (N, 2) turned or mirrored as a whole so that they lie nearest to others (Procrustes).

    What glides then has really moved: the axes of a PCA may flip, and those of a UMAP mean nothing.
    """
    left, _, right = np.linalg.svd(places.T.astype(np.float64) @ to)
    return np.asarray(places @ (left @ right), dtype=np.float32)


def fitted(places: np.ndarray) -> np.ndarray:
    """Places (N, 2) in any units → float32, around 0, the wider side of their middle from -1 to 1."""
    low, high = np.percentile(places, MIDDLE, axis=0)
    return np.asarray((places - (low + high) / 2) * (2 / max(float((high - low).max()), 1e-9)), dtype=np.float32)


def as_bytes(places: np.ndarray) -> bytes:
    """Places as the page reads them: little-endian float32, x y x y ..., up is up."""
    return np.ascontiguousarray(places, dtype="<f4").tobytes()
