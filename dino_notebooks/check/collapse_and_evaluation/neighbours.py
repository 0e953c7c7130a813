"""Rows with labels for the exercise on k-NN, and how votes of neighbours go wrong."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Function


def neighbour_cases(generator: Generator) -> list[Arguments]:
    """(training rows, labels, test rows, labels, k, τ): classes that overlap, so that each vote decides something.

    Where k is large beside the number of rows, neighbours are near and far, so that it shows how they are weighed.
    """
    return [
        one_case(generator, *sizes)
        for sizes in (
            (7, 2, 3, 2, 3, 0.3),
            (13, 2, 150, 3, 11, 3.0),
            (17, 3, 150, 2, 9, 2.0),
            (37, 3, 150, 4, 15, 0.5),
            (41, 4, 150, 3, 7, 0.1),
        )
    ]


def one_case(
    generator: Generator, train: int, width: int, tests: int, classes: int, k: int, temperature: float
) -> Arguments:
    """Random unit rows; three of four test rows are of the class that wins, so that no wrong winner goes unseen.

    Test rows whose plain majority is a tie are left out: there it would be chance what an unweighted vote gives.
    """
    train_x, test_x = (F.normalize(torch.randn(n, width, generator=generator), dim=-1) for n in (train, 8 * tests))
    train_y = torch.randint(classes, (train,), generator=generator)
    train_y[:classes] = torch.arange(classes)
    nearest = train_y[(test_x @ train_x.T).topk(k).indices]
    votes = F.one_hot(nearest, classes).sum(1).sort(dim=1, descending=True).values
    test_x = test_x[votes[:, 0] > votes[:, 1]][:tests]
    test_y = winner(train_x, train_y, test_x, k, temperature)
    test_y[::4] = torch.randint(classes, (len(test_y[::4]),), generator=generator)
    return train_x, train_y, test_x, test_y, k, temperature


def winner(train_x: Tensor, train_y: Tensor, test_x: Tensor, k: int, tau: float) -> Tensor:
    """The right class of each test row."""
    cosine, index = (test_x @ train_x.T).topk(k, dim=1)
    votes = torch.zeros(len(test_x), int(train_y.max()) + 1)
    return votes.scatter_add_(1, train_y[index], right_weight(cosine, tau)).argmax(1)


def vote(weigh: Function, nearest: bool = True, more: int = 0, decide: Function = torch.argmax) -> Function:
    """A vote with weights of its own: `weigh(cosine, τ)`; of the nearest or the furthest k + more rows."""

    def does(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, k: int, tau: float) -> Tensor:
        cosine, index = (test_x @ train_x.T).topk(max(1, min(k + more, len(train_x))), dim=1, largest=nearest)
        votes = torch.zeros(len(test_x), int(train_y.max()) + 1)
        votes.scatter_add_(1, train_y[index], weigh(cosine, tau))
        return (decide(votes, 1) == test_y).double().mean()

    return does


def right_weight(cosine: Tensor, tau: float) -> Tensor:
    """The vote of a neighbour."""
    return torch.exp((cosine - 1) / tau)


def first_left_out(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, k: int, tau: float) -> Tensor:
    """The mistake of leaving out the nearest row, as one does when rows are asked about themselves."""
    cosine, index = (test_x @ train_x.T).topk(min(k + 1, len(train_x)), dim=1)
    votes = torch.zeros(len(test_x), int(train_y.max()) + 1)
    votes.scatter_add_(1, train_y[index[:, 1:]], right_weight(cosine[:, 1:], tau))
    return (votes.argmax(1) == test_y).double().mean()


def mean_of_votes(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, k: int, tau: float) -> Tensor:
    """The mistake of averaging the votes of a class."""
    cosine, index = (test_x @ train_x.T).topk(min(k, len(train_x)), dim=1)
    votes, count = torch.zeros(2, len(test_x), int(train_y.max()) + 1)
    votes.scatter_add_(1, train_y[index], right_weight(cosine, tau))
    count.scatter_add_(1, train_y[index], torch.ones_like(cosine))
    return ((votes / count.clamp_min(1)).argmax(1) == test_y).double().mean()


def row_for_label(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, k: int, tau: float) -> Tensor:
    """The mistake of taking the number of the nearest row for its class."""
    return ((test_x @ train_x.T).argmax(1) == test_y).double().mean()


def last_one_counts(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, k: int, tau: float) -> Tensor:
    """The mistake of adding by index, where of several neighbours with one label only the last counts."""
    cosine, index = (test_x @ train_x.T).topk(min(k, len(train_x)), dim=1)
    votes = torch.zeros(len(test_x), int(train_y.max()) + 1)
    votes[torch.arange(len(test_x))[:, None], train_y[index]] += right_weight(cosine, tau)
    return (votes.argmax(1) == test_y).double().mean()
