"""What a check shows beside its message: an example that can be read, and of the case that the message speaks of.

Run: pytest tests/dino_notebooks/check/test_messages.py
"""

import copy

import numpy as np
import pytest
import torch
from test_all_checks import EXERCISES

from dino_notebooks import check
from dino_notebooks.check.examples import in_words
from dino_notebooks.check.exercise import Exercise, Mistake, Rule, Trouble
from dino_notebooks.check.judge import judge

FIRST_THREE = [name for names in list(check.ASSIGNMENTS.values())[:3] for name in names]
OURS = [one for one in EXERCISES if one.name in FIRST_THREE]


def doubling(*sizes: int, mistakes: tuple[Mistake, ...] = (), rules: tuple[Rule, ...] = ()) -> Exercise:
    """Double a vector: one case of each size, of the numbers from 1 on."""
    return Exercise(
        name="double",
        right=lambda x: 2 * x,
        cases=lambda generator: [(torch.arange(1.0, size + 1),) for size in sizes],
        mistakes=mistakes,
        hints=("", "", ""),
        argument_names=("x",),
        rules=rules,
    )


def wrong_by_size(**said):
    """An answer that gives something else for some sizes: n3=torch.zeros(3)."""
    return lambda x: said.get(f"n{len(x)}", 2 * x)


def test_the_first_case_that_can_be_read_is_shown() -> None:
    result = judge(doubling(2, 60, 3), wrong_by_size(n60=torch.zeros(60), n3=torch.ones(3)))
    assert "Work the example below" in result.message
    assert dict(result.example)["x"] == "[1., 2., 3.]"


def test_nothing_is_to_be_worked_through_that_is_not_shown() -> None:
    result = judge(doubling(2, 60), wrong_by_size(n60=torch.zeros(60)))
    assert "too large to be printed" in result.message
    assert "Work the example" not in result.message
    assert dict(result.example)["x"] == dict(result.example)["yours"] == "numbers of shape (60,)"


def test_a_message_on_nan_shows_the_nan() -> None:
    result = judge(doubling(2, 3), wrong_by_size(n2=torch.ones(2), n3=torch.full((3,), torch.nan)))
    assert "NaN" in result.message
    assert "nan" in dict(result.example)["yours"]


def test_a_message_on_a_shape_shows_that_shape() -> None:
    result = judge(doubling(2, 3), wrong_by_size(n2=torch.ones(2), n3=torch.ones(3, 1)))
    assert result.message == "The shape is (3, 1), and should be (3,)."
    assert dict(result.example)["x"] == "[1., 2., 3.]"


@pytest.mark.parametrize("other", [torch.zeros(3), torch.full((3,), torch.nan), torch.tensor(7.0)])
def test_a_mistake_is_known_whatever_is_done_where_it_gives_no_number(other) -> None:
    with_nan = Mistake("Tripled.", lambda x: 3 * x / (len(x) != 3))
    result = judge(doubling(2, 3, mistakes=(with_nan,)), lambda x: other if len(x) == 3 else 3 * x)
    assert result.message == "Tripled."


def test_a_mistake_must_be_wrong_where_the_answer_is() -> None:
    only_nan = Mistake("It gives NaN for 3.", lambda x: 2 * x + 0 / torch.tensor(float(len(x) != 3)))
    result = judge(doubling(2, 3, mistakes=(only_nan,)), wrong_by_size(n3=torch.zeros(3)))
    assert "The shape is right" in result.message


def test_other_forms_of_a_mistake_are_known() -> None:
    factor = Mistake("A wrong factor.", lambda x: 3 * x, also=(lambda x: 4 * x, lambda x: x))
    for answer in (lambda x: 3 * x, lambda x: 4 * x, lambda x: x):
        assert judge(doubling(2, mistakes=(factor,)), answer).message == "A wrong factor."


def test_an_exercise_may_say_itself_what_the_trouble_is() -> None:
    def refuse(function, arguments):
        raise Trouble("Not so.")

    assert judge(Exercise(**{**vars(doubling(2)), "right": lambda x: x, "ask": lambda f, a: f(*a)}), lambda x: x).ok
    exercise = doubling(2)
    told = Exercise(
        **{**vars(exercise), "ask": lambda f, a: f(*a) if f is exercise.right else refuse(f, a)},
    )
    assert judge(told, lambda x: x).message == "Not so."


def test_a_broken_rule_shows_its_input() -> None:
    rule = Rule("But it is odd.", lambda function: True, "the number 3")
    result = judge(doubling(2, rules=(rule,)), lambda x: 2 * x)
    assert result.message == "The values are right. But it is odd."
    assert result.example == (("tried with", "the number 3"),)


@pytest.mark.parametrize("exercise", OURS, ids=lambda one: one.name)
def test_every_rule_says_what_was_tried(exercise: Exercise) -> None:
    assert all(rule.tried for rule in exercise.rules)


@pytest.mark.parametrize("exercise", OURS, ids=lambda one: one.name)
def test_every_mistake_is_shown_with_numbers(exercise: Exercise) -> None:
    for mistake in exercise.mistakes:
        shown = "\n".join(text for _, text in judge(exercise, mistake.does).example)
        assert "numbers of shape" not in shown, f"{mistake.says}\n{shown}"


def test_a_network_is_named_in_a_line() -> None:
    result = check.make_teacher(lambda student: student)
    assert dict(result.example)["student"] == "SmallStudent, a network with backbone and head"
    assert in_words(torch.nn.GELU()) == "GELU, a network"


def test_no_dtypes_are_shown() -> None:
    assert in_words(torch.zeros(7, 8, dtype=torch.float64)) == "numbers of shape (7, 8)"


def test_weights_are_right_where_there_are_no_values() -> None:
    assert check.make_teacher(copy.deepcopy).message.startswith("The weights are right. But a gradient")


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_to_be_mended_is_seen_to_be_too_small(seed: int) -> None:
    def table(s, p, tau):
        return -p[:, None] * torch.log_softmax(s / tau, -1)

    as_given = check.all_pairs(lambda s, p, tau: table(s, p, tau).sum(1).mean(), seed=seed)
    sum_mended = check.all_pairs(lambda s, p, tau: table(s, p, tau).sum(-1).mean(), seed=seed)
    expected, yours = (float(dict(as_given.example)[name]) for name in ("expected", "yours"))
    assert yours < 0.7 * expected
    assert dict(sum_mended.example)["yours"] != dict(as_given.example)["yours"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda f, p: normal(f.detach()) @ normal(p.detach()).T, "reaches the features and the prototypes"),
        (lambda f, p: normal(f) @ normal(p.detach()).T, "No gradient reaches the prototypes".lower()),
        (lambda f, p: normal(f.detach()) @ normal(p).T, "no gradient reaches the features, so"),
    ],
)
def test_head_logits_say_what_gets_no_gradient(answer, words: str) -> None:
    assert words in check.head_logits(answer).message


def normal(x):
    return torch.nn.functional.normalize(x, dim=-1)


def test_a_centre_in_numpy_is_taken() -> None:
    def in_numpy(t, c, tau):
        e = np.exp((t.detach().numpy() - c.numpy()) / tau - ((t.detach().numpy() - c.numpy()) / tau).max(-1)[..., None])
        return e / e.sum(-1, keepdims=True)

    assert check.teacher_probs(in_numpy).ok
