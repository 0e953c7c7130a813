"""k-NN against scikit-learn's classifier, the linear probe against its logistic regression, retrieval against a loop.

Run: pytest tests/dino_lite/test_evaluate.py
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dino_lite.evaluate import knn_accuracy, linear_probe, retrieval_accuracy

Split = tuple[Tensor, Tensor, Tensor, Tensor]


def blobs(train: int, test: int, labels: list[int], dim: int = 6, spread: float = 2.0, seed: int = 0) -> Split:
    """Unit features and labels, training rows first: one blob a label, wide enough to overlap."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(len(labels), (train + test,), generator=generator)
    centers = torch.randn(len(labels), dim, generator=generator)
    noise = torch.randn(train + test, dim, generator=generator)
    x = F.normalize(centers[classes] + spread * noise, dim=-1)
    y = torch.tensor(labels)[classes]
    return x[:train], y[:train], x[train:], y[train:]


def sklearn_knn(train_x: Tensor, train_y: Tensor, test_x: Tensor, k: int, temperature: float) -> Tensor:
    """The classes that scikit-learn finds; its cosine distance is 1 - cosine."""
    from sklearn.neighbors import KNeighborsClassifier

    def vote(distance: np.ndarray) -> np.ndarray:
        return np.exp((1 - distance) / temperature)

    model = KNeighborsClassifier(min(k, len(train_x)), weights=vote, metric="cosine", algorithm="brute")
    return torch.from_numpy(model.fit(train_x.double().numpy(), train_y.numpy()).predict(test_x.double().numpy()))


# --- k-NN ---------------------------------------------------------------------------------------------------

LABELS = [[0, 1], [0, 1, 2, 3, 4], [3, 7, 40, 41], [9]]


@pytest.mark.parametrize("labels", LABELS, ids=str)
@pytest.mark.parametrize(("k", "temperature"), [(1, 0.07), (5, 0.07), (20, 0.07), (20, 0.5), (200, 0.1), (9999, 1.0)])
@pytest.mark.parametrize("seed", range(3))
def test_knn_as_sklearn(labels: list[int], k: int, temperature: float, seed: int) -> None:
    train_x, train_y, test_x, test_y = blobs(150, 60, labels, seed=seed)
    expected = sklearn_knn(train_x, train_y, test_x, k, temperature)
    share = float((expected == test_y).double().mean())
    assert knn_accuracy(train_x, train_y, test_x, test_y, k, temperature) == pytest.approx(share, abs=1e-9)
    assert share < 1 or len(labels) == 1  # the blobs overlap: a perfect score would hide much
    # and picture by picture: with sklearn's answers as labels, all are right
    assert knn_accuracy(train_x, train_y, test_x, expected, k, temperature) == 1


def test_knn_votes_by_similarity_and_not_by_number() -> None:
    """One very near neighbour of class 1 outvotes two far ones of class 0; at a high temperature it does not."""
    angle = torch.tensor([1.2, -1.2, 0.1])
    train_x, train_y = torch.stack([angle.cos(), angle.sin()], 1), torch.tensor([0, 0, 1])
    query = torch.tensor([[1.0, 0.0]])
    for temperature, winner in ((0.07, 1), (10.0, 0)):
        assert knn_accuracy(train_x, train_y, query, torch.tensor([winner]), 3, temperature) == 1
        assert knn_accuracy(train_x, train_y, query, torch.tensor([1 - winner]), 3, temperature) == 0


def test_knn_defaults_are_the_papers() -> None:
    data = blobs(400, 200, [0, 1, 2, 3, 4], seed=5)
    assert knn_accuracy(*data) == knn_accuracy(*data, k=20, temperature=0.07)
    assert knn_accuracy(*data) not in {knn_accuracy(*data, k=1), knn_accuracy(*data, temperature=5.0)}


def test_knn_of_more_rows_than_fit_at_once() -> None:
    data = blobs(300, 2500, [0, 1, 2], seed=1)
    expected = sklearn_knn(*data[:3], 20, 0.07)
    assert knn_accuracy(*data) == pytest.approx(float((expected == data[3]).double().mean()), abs=1e-9)


def test_knn_of_a_class_that_training_never_saw_is_wrong() -> None:
    train_x, train_y, test_x, _ = blobs(50, 10, [0, 1])
    assert knn_accuracy(train_x, train_y, test_x, torch.full((10,), 7)) == 0


@pytest.mark.parametrize("options", [{"k": 0}, {"k": -1}, {"temperature": 0.0}, {"temperature": -0.07}], ids=str)
def test_knn_of_no_neighbours_or_no_temperature(options: dict[str, float]) -> None:
    """k = 0 would answer class 0 to everything, a temperature of 0 too: a score that looks like one."""
    with pytest.raises(ValueError, match=rf"{next(iter(options))} must be [^\n]*\.$"):
        knn_accuracy(*blobs(30, 10, [0, 1]), **options)  # type: ignore[arg-type]


def test_knn_of_features_of_two_networks() -> None:
    train_x, train_y, test_x, test_y = blobs(30, 10, [0, 1])
    with pytest.raises(ValueError, match=r"^[^\n]*\.$"):
        knn_accuracy(train_x, train_y, test_x[:, :-1], test_y)


@pytest.mark.parametrize("score", [knn_accuracy, linear_probe], ids=["knn", "probe"])
@pytest.mark.parametrize(
    "what", ["no rows", "labels short", "labels float", "labels negative", "NaN", "infinite", "flat"]
)
def test_bad_rows_get_one_sentence(score: object, what: str) -> None:
    x, y, test_x, test_y = blobs(30, 10, [0, 1])
    if what == "no rows":
        x, y = x[:0], y[:0]
    elif what == "labels short":
        y = y[:-1]
    elif what == "labels float":
        y = y.float()
    elif what == "labels negative":
        y = y - 1
    elif what == "flat":
        x = x.flatten()
    else:
        x = x.clone()
        x[3, 2] = math.nan if what == "NaN" else math.inf
    for data in ((x, y, test_x, test_y), (test_x, test_y, x, y)):
        with pytest.raises(ValueError, match=r"^(Features must be \(N, D\)|The features hold NaN)[^\n]*[.?]$"):
            score(*data)  # type: ignore[operator]


# --- linear probe -------------------------------------------------------------------------------------------


def sklearn_probe(train_x: Tensor, train_y: Tensor, test_x: Tensor, l2: float) -> Tensor:
    """Logistic regression on standardised features; sklearn's C multiplies the *sum* of the losses."""
    from sklearn.linear_model import LogisticRegression

    mean, std = train_x.mean(0), train_x.std(0)
    x, queries = (((part - mean) / std).double().numpy() for part in (train_x, test_x))
    model = LogisticRegression(C=1 / (l2 * len(x)), tol=1e-8, max_iter=5000)
    return torch.from_numpy(model.fit(x, train_y.numpy()).predict(queries))


@pytest.mark.parametrize("labels", LABELS[1:3], ids=str)
@pytest.mark.parametrize("l2", [1e-3, 0.1])
@pytest.mark.parametrize("seed", range(2))
def test_linear_probe_as_sklearn(labels: list[int], l2: float, seed: int) -> None:
    train_x, train_y, test_x, test_y = blobs(200, 80, labels, seed=seed)
    expected = sklearn_probe(train_x, train_y, test_x, l2)
    share = float((expected == test_y).double().mean())
    assert 0.3 < share < 1
    assert linear_probe(train_x, train_y, test_x, test_y, l2) == pytest.approx(share, abs=1e-9)
    assert linear_probe(train_x, train_y, test_x, expected, l2) == 1


# --- retrieval ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "noise"), [(3, 0.5), (40, 0.6), (1300, 0.3)])
@pytest.mark.parametrize("seed", range(2))
def test_retrieval_as_a_loop(rows: int, noise: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    gallery = F.normalize(torch.randn(rows, 5, generator=generator), dim=-1)
    query = F.normalize(gallery + noise * torch.randn(rows, 5, generator=generator), dim=-1)
    hits = 0
    for i, row in enumerate(query.double().numpy()):
        hits += int(np.argmax(gallery.double().numpy() @ row) == i)
    assert retrieval_accuracy(query, gallery) == pytest.approx(hits / rows, abs=1e-9)
    assert 0 < hits < rows or rows == 3


def test_retrieval_of_shuffled_rows() -> None:
    x = torch.eye(6)
    assert retrieval_accuracy(x, x) == 1
    assert retrieval_accuracy(x, x.roll(1, 0)) == 0
    assert retrieval_accuracy(x, x[[0, 1, 2, 4, 5, 3]]) == 0.5


@pytest.mark.parametrize(("query", "gallery"), [((3, 4), (4, 4)), ((3, 4), (3, 5)), ((12,), (12,)), ((2, 3, 4),) * 2])
def test_retrieval_of_what_does_not_match(query: tuple[int, ...], gallery: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^retrieval_accuracy compares row i with row i .*, got \(.*\) and \(.*\)\.$"):
        retrieval_accuracy(torch.zeros(query), torch.zeros(gallery))
