"""The exercise on the vote of the nearest neighbours (paper §3.2, appendix F)."""

import math

import torch
import torch.nn.functional as F
from torch import Generator

from dino_lite import evaluate
from dino_notebooks.check.collapse_and_evaluation.neighbours import (
    first_left_out,
    last_one_counts,
    mean_of_votes,
    neighbour_cases,
    one_case,
    right_weight,
    row_for_label,
    vote,
)
from dino_notebooks.check.exercise import Exercise, Function, Mistake, Rule


def few_rows_fail(function: Function) -> bool:
    """Whether fewer rows than k stop it, or give another answer."""
    a, b, c, d, *_ = one_case(Generator().manual_seed(0), 7, 2, 5, 2, 3, 0.3)
    wanted = evaluate.knn_accuracy(a, b, c, d, 50, 0.3)
    return not math.isclose(float(function(a, b, c, d, 50, 0.3)), wanted, abs_tol=1e-3)


def labels_fail(function: Function) -> bool:
    """Whether labels with gaps, some of them in no test row, stop it, or give another answer."""
    train_x, train_y, test_x, test_y, *_ = one_case(Generator().manual_seed(1), 13, 2, 20, 3, 5, 0.3)
    labels = torch.tensor([1, 4, 12])
    case = train_x, labels[train_y], test_x[test_y < 2], labels[test_y[test_y < 2]], 5, 0.3
    return not math.isclose(float(function(*case)), evaluate.knn_accuracy(*case), abs_tol=1e-3)


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
        Mistake(
            "The temperature changes nothing in your votes. If it is in the formula, look at the brackets: "
            "(cosine - 1) / temperature.",
            vote(lambda c, tau: torch.exp(c)),
        ),
        Mistake(
            "The temperature is always the same. It comes as an argument.",
            vote(lambda c, tau: right_weight(c, 0.07)),
            (vote(lambda c, tau: right_weight(c, 0.1)),),
        ),
        Mistake(
            "When two neighbours have one label, only one vote counts: use scatter_add_, or add up in a loop.",
            last_one_counts,
        ),
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
            "But it fails where labels have gaps: of 1, 4 and 12, say, or where the largest is in no test row. The "
            "largest label in train_y says how many places the votes need.",
            labels_fail,
            "labels 1, 4 and 12 in train_y, 1 and 4 in test_y",
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
