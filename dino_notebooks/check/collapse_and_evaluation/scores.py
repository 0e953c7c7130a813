"""Exercises on what features are worth: the vote of the nearest neighbours, and retrieval (paper §3.2, appendix F)."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_lite import evaluate
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule


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


def few_rows_fail(function: Function) -> bool:
    """Whether fewer rows than k stop it, or give another answer."""
    a, b, c, d, *_ = one_case(Generator().manual_seed(0), 7, 2, 5, 2, 3, 0.3)
    wanted = evaluate.knn_accuracy(a, b, c, d, 50, 0.3)
    return not math.isclose(float(function(a, b, c, d, 50, 0.3)), wanted, abs_tol=1e-3)


def votes_overflow(function: Function) -> bool:
    """Whether votes at a small temperature become infinite, so that the first class wins."""
    train_x = F.normalize(torch.tensor([[1.0, 0.3], [1.0, 0.1]]), dim=-1)
    case = train_x, torch.tensor([0, 1]), torch.tensor([[1.0, 0.0]]), torch.tensor([1])
    return float(function(*case, 2, 0.005)) < 0.5


KNN_ACCURACY = Exercise(
    name="knn_accuracy",
    right=evaluate.knn_accuracy,
    cases=neighbour_cases,
    argument_names=("train_x", "train_y", "test_x", "test_y", "k", "temperature"),
    mistakes=(
        Mistake(
            "All k neighbours have the same vote. A nearer one should count more: what is the temperature for?",
            vote(lambda c, tau: torch.ones_like(c)),
        ),
        Mistake(
            "The votes are the cosines themselves. They hardly differ among near neighbours: the vote is an "
            "exponential of the cosine.",
            vote(lambda c, tau: c),
        ),
        Mistake("The temperature is missing in the votes.", vote(lambda c, tau: torch.exp(c))),
        Mistake(
            "The cosine is multiplied by the temperature, and should be divided by it.",
            vote(lambda c, tau: torch.exp(c * tau)),
        ),
        Mistake(
            "The votes are made of distances. The neighbours are the same, but a vote is made of the cosine.",
            vote(lambda c, tau: torch.exp(-(2 - 2 * c).clamp_min(0).sqrt() / tau)),
        ),
        Mistake(
            "Nearer neighbours have the *smaller* vote: the sign in the exponential is wrong.",
            vote(lambda c, tau: torch.exp(-c / tau)),
        ),
        Mistake(
            "It asks the rows that are furthest away. A large cosine means near, as a small distance does.",
            vote(right_weight, nearest=False),
        ),
        Mistake("One neighbour too many votes.", vote(right_weight, more=1)),
        Mistake("One neighbour too few votes.", vote(right_weight, more=-1)),
        Mistake(
            "The nearest row is left out. That is right where rows are asked about themselves; here the test rows are "
            "other pictures.",
            first_left_out,
        ),
        Mistake("Only the nearest row is asked, whatever k is.", vote(right_weight, more=-(10**6))),
        Mistake("All training rows vote, whatever k is.", vote(right_weight, more=10**6)),
        Mistake("The class with the fewest votes wins: argmin for argmax.", vote(right_weight, decide=torch.argmin)),
        Mistake(
            "The votes of a class are averaged. A class with many near neighbours should win over one with a single "
            "nearer one: add the votes up.",
            mean_of_votes,
        ),
        Mistake(
            "The number of the nearest row is compared with the class. What are the *labels* of these rows?",
            row_for_label,
        ),
        Mistake(
            "Training and test rows are exchanged: the test rows are asked about the training rows.",
            lambda a, b, c, d, k, tau: evaluate.knn_accuracy(c, d, a, b, k, tau),
        ),
        Mistake(
            "It is the share of wrong answers. Accuracy is the share of right ones.",
            lambda *case: 1 - evaluate.knn_accuracy(*case),
        ),
        Mistake(
            "It is a number of right answers. Accuracy is their share, 0 to 1.",
            lambda *case: evaluate.knn_accuracy(*case) * len(case[3]),
        ),
    ),
    rules=(
        Rule(
            "But it fails with fewer training rows than k. Then all of them vote: ask topk for no more than there are.",
            few_rows_fail,
        ),
        Rule(
            "But at a small temperature the votes overflow: exp(1/0.005) is infinite, and two infinite votes are a "
            "tie. Take 1, the largest cosine there is, away from the cosine first; no winner changes by that.",
            votes_overflow,
        ),
    ),
    hints=(
        "For each test row: how similar is it to every training row, which k are the most similar, and what are their "
        "labels? Then add up votes for each class.",
        "cosine, index = (test_x @ train_x.T).topk(k, dim=1), since unit rows have their cosine as product. A vote is "
        "exp((cosine - 1) / temperature), for the class train_y[index].",
        "votes = torch.zeros(len(test_x), classes); votes.scatter_add_(1, train_y[index], weights); the mean of "
        "votes.argmax(1) == test_y. With min(k, len(train_x)) it works for few rows, too.",
    ),
)
