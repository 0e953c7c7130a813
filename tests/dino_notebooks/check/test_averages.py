"""The checks of the teacher's update and memory: every usual mistake is named, right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_averages.py
"""

import math

import pytest
import torch
from torch import nn
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def pairs(teacher, student):
    """Parameters by name."""
    theirs = dict(student.named_parameters())
    return [(p, theirs[name]) for name, p in teacher.named_parameters()]


def out_of_place(teacher, student, m):
    """Names a new tensor p, and forgets it."""
    for p, q in pairs(teacher, student):
        p = m * p + (1 - m) * q  # noqa: PLW2901


def exchanged_shares(teacher, student, m):
    """The momentum is given to the student."""
    for p, q in pairs(teacher, student):
        p.data = (1 - m) * p.data + m * q.data


def exchanged_networks(teacher, student, m):
    """The student follows the teacher."""
    with torch.no_grad():
        for p, q in zip(student.parameters(), teacher.parameters(), strict=True):
            p.lerp_(q, 1 - m)


def shared_parameters(teacher, student, m):
    """The teacher gets the student's own parameter objects."""
    teacher.layer.weight, teacher.layer.bias = student.layer.weight, student.layer.bias


def only_matrices(teacher, student, m):
    """A condition that a bias does not meet."""
    with torch.no_grad():
        for p, q in pairs(teacher, student):
            if p.ndim > 1:
                p.mul_(m).add_(q, alpha=1 - m)


def returns_in_the_loop(teacher, student, m):
    """Gives up after the first parameter."""
    for p, q in pairs(teacher, student):
        p.data.lerp_(q.data, 1 - m)
        return


def module_by_module(teacher, student, m):
    """Loops over modules, and then over all parameters below each."""
    for a, b in zip(teacher.modules(), student.modules(), strict=True):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            p.data.lerp_(q.data, 1 - m)


def state_dicts(teacher, student, m):
    """Averages all that there is."""
    theirs = student.state_dict()
    teacher.load_state_dict({k: m * v + (1 - m) * theirs[k] for k, v in teacher.state_dict().items()})


def with_graph(teacher, student, m):
    """In place, and autograd looks on."""
    for p, q in pairs(teacher, student):
        p.mul_(m).add_((1 - m) * q)


def new_parameters(teacher, student, m):
    """Puts new parameters into the module."""
    for name in ("weight", "bias"):
        p, q = getattr(teacher.layer, name), getattr(student.layer, name)
        setattr(teacher.layer, name, nn.Parameter((m * p + (1 - m) * q).detach(), requires_grad=False))


def scales_the_student(teacher, student, m):
    """Multiplies the student in place."""
    for p, q in pairs(teacher, student):
        p.data.mul_(m)
        p.data.add_(q.data.mul_(1 - m))


def in_data(keep, take):
    """An update with these shares of teacher and student, made from m."""

    def update(teacher, student, m):
        for p, q in pairs(teacher, student):
            p.data.copy_(keep(m) * p.data + take(m) * q.data)

    return update


WRONG_UPDATES: Wrong = {
    "out of place": (out_of_place, "Nothing has changed"),
    "shares": (exchanged_shares, "shares are exchanged"),
    "networks": (exchanged_networks, "changed places"),
    "copy": (lambda t, s, m: t.layer.load_state_dict(s.layer.state_dict()), "copy of the student"),
    "aliased": (shared_parameters, "share their memory"),
    "only matrices": (only_matrices, "the bias does not"),
    "returns": (returns_in_the_loop, "the bias does not"),
    "twice": (module_by_module, "twice"),
    "buffers": (state_dicts, "buffer was averaged"),
    "student whole": (in_data(lambda m: m, lambda m: 1), "student is added whole"),
    "teacher whole": (in_data(lambda m: 1, lambda m: 1 - m), "keeps all of itself"),
    "away": (in_data(lambda m: 2 - m, lambda m: m - 1), "moves away"),
    "shrinks": (in_data(lambda m: m, lambda m: 0), "only shrinks"),
    "student scaled": (scales_the_student, "student was changed on the way"),
    "graph": (with_graph, "graph of every student"),
    "new parameters": (new_parameters, "new parameters"),
    "error": (lambda t, s, m: t.lerp(s, m), "stops with AttributeError"),
}


@pytest.mark.parametrize("what", WRONG_UPDATES)
def test_ema_update_names(what):
    assert_named(check.ema_update, *WRONG_UPDATES[what])


@torch.no_grad()
def by_lerp(teacher, student, m):
    """With lerp_."""
    for p, q in zip(teacher.parameters(), student.parameters(), strict=True):
        p.lerp_(q, 1 - m)


def number_by_number(teacher, student, m):
    """Every number in a loop."""
    with torch.no_grad():
        for p, q in pairs(teacher, student):
            for i in range(p.numel()):
                p.view(-1)[i] = m * p.view(-1)[i].item() + (1 - m) * q.reshape(-1)[i].item()


@pytest.mark.parametrize(
    "right",
    [
        by_lerp,
        number_by_number,
        in_data(lambda m: m, lambda m: 1 - m),
        lambda t, s, m: [p.data.mul_(m).add_((1 - m) * q.detach().data) for p, q in pairs(t, s)],
        lambda t, s, m: torch.nn.utils.vector_to_parameters(
            m * torch.nn.utils.parameters_to_vector(t.parameters())
            + (1 - m) * torch.nn.utils.parameters_to_vector(s.parameters()).detach(),
            t.parameters(),
        ),
    ],
)
def test_ema_update_takes(right):
    assert_right(check.ema_update, right)


def test_ema_update_shows_names():
    """Five outputs below each other need their names."""
    assert "teacher's bias:" in repr(check.ema_update(exchanged_shares))


def or_infinite(formula):
    """A formula for m below 1."""
    return lambda m: float("inf") if m >= 1 else formula(m)


WRONG_MEMORIES: Wrong = {
    "half-life": (or_infinite(lambda m: math.log2(0.5) / math.log2(m)), "half-life"),
    "half-life, nearly": (or_infinite(lambda m: 0.693147 * (1 - m) ** -1), "ln 2 times"),
    "time constant": (or_infinite(lambda m: 1 / abs(math.log(m))), "1/e is left"),
    "one over m": (lambda m: m**-1 if m != 1 else math.inf, "near 1 for every teacher"),
    "age": (or_infinite(lambda m: 1 / (1 - m) - 1), "one step short"),
    "share": (or_infinite(lambda m: 1 - m), "share of the newest"),
    "rounded": (or_infinite(lambda m: round((1 - m) ** -1)), "rounded to whole"),
    "cut": (or_infinite(lambda m: 1 // (1 - m)), "rounded down"),
    "stops at 1": (lambda m: 1 / (1 - m), "ZeroDivisionError"),
    "half-life stops at 1": (lambda m: math.log(0.5) / math.log(m), "half-life"),
    "share, at 1 too": (lambda m: 1 - m, "share of the newest"),
    "one over m, at 1 too": (lambda m: 1 / m, "near 1 for every teacher"),
    "nearly endless": (lambda m: 1 / (1 - m + 1e-9), "never forgets: there it should be math.inf"),
    "a large number": (lambda m: 10**9 if m == 1 else 1 / (1 - m), "never forgets: there it should be math.inf"),
    "nothing at 1": (lambda m: torch.tensor(0.0) if m == 1 else 1 / (1 - m), "never forgets"),
    "always endless": (lambda m: math.inf, "Work the example"),
    "twice": (or_infinite(lambda m: 2 / (1 - m)), "Every value is 2 times"),
}


@pytest.mark.parametrize("what", WRONG_MEMORIES)
def test_memory_names(what):
    assert_named(check.memory, *WRONG_MEMORIES[what])


@pytest.mark.parametrize(
    "right",
    [
        or_infinite(lambda m: (1 - m) ** -1),
        lambda m: torch.tensor(1.0).div(1 - m),
        lambda m: math.inf if m == 1 else sum(m**age for age in range(3000)),
    ],
)
def test_memory_takes(right):
    assert_right(check.memory, right)


WRONG_REMAINDERS: Wrong = {
    "new": (lambda m, n: 1 - math.pow(m, n), "share that is new"),
    "one too many": (lambda m, n: math.prod([m] * (n + 1)), "one update too many"),
    "one too few": (lambda m, n: math.prod([m] * (n - 1)), "one update too few"),
    "times": (lambda m, n: n * m, "multiplied by the number"),
    "students' share": (lambda m, n: math.prod([1 - m] * n), "students' share"),
    "straight": (lambda m, n: 1 - n + n * m, "becomes less and less"),
    "straight to 0": (lambda m, n: max(1 - n + n * m, 0), "never is all of it"),
    "exponential": (lambda m, n: math.e ** (-n / (1 / (1 - m))), "comes close"),
    "once": (lambda m, n: m, "any number of steps"),
    "per cent": (lambda m, n: 100 * m**n, "100 times"),
}


@pytest.mark.parametrize("what", WRONG_REMAINDERS)
def test_remaining_names(what):
    assert_named(check.remaining, *WRONG_REMAINDERS[what])


def step_by_step(m, n):
    """A loop of updates with a student of 0."""
    left = 1.0
    for _ in range(n):
        left = m * left + (1 - m) * 0
    return left


@pytest.mark.parametrize(
    "right",
    [step_by_step, lambda m, n: math.exp(n * math.log(m)), lambda m, n: torch.full((n,), m).double().prod()],
)
def test_remaining_takes(right):
    assert_right(check.remaining, right)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0.9, "not the only one"),
        ("0.99", "Too much of the random start"),
        (0.996, "paper's"),
        (0.9995, "small batches"),
        (0.98001, "not among"),
        ("", "Nothing is chosen"),
    ],
)
def test_lab_momentum_names(answer, words):
    assert_named(check.lab_momentum, answer, words)


@pytest.mark.parametrize("answer", [0.98, "0.98"])
def test_lab_momentum_takes(answer):
    assert_right(check.lab_momentum, answer)
    assert "30% of the teacher would still be random" in check.lab_momentum(answer).message  # 0.996 ** 300
