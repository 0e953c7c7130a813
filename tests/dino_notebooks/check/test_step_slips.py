"""The checks of the two averages and of the step in the wrong order: each slip that is left is named.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_step_slips.py
"""

import pytest
import torch
from torch.nn.functional import cross_entropy, softmax
from wrong_answers import Wrong, assert_named, assert_right

from dino_lite import dino_loss, ema_update, teacher_probs, update_center
from dino_notebooks import check

WRONG_AVERAGES: Wrong = {
    "as found": (lambda t, s, c, x, a, b: (a * t + (1 - a) * s, a * c + (1 - b) * x), "slip is still there"),
    "alpha for both": (lambda t, s, c, x, a, b: (s + a * (t - s), x + a * (c - x)), "follows far too slowly"),
    "turned round": (lambda t, s, c, x, a, b: (a * t + (1 - a) * s, b * c + (1 - a) * x), "stays near 0"),
    "beta for both": (lambda t, s, c, x, a, b: (s + b * (t - s), x + b * (c - x)), "teacher has the centre's"),
    "exchanged": (lambda t, s, c, x, a, b: (s + b * (t - s), x + a * (c - x)), "changed places"),
    "shares exchanged": (lambda t, s, c, x, a, b: (s + a * (t - s), c + b * (x - c)), "shares are exchanged"),
    "divided": (
        lambda t, s, c, x, a, b: (torch.lerp(t, s, 1 - a), (a * c + (1 - b) * x) / (1 + a - b)),
        "Dividing by the sum",
    ),
    "whole": (lambda t, s, c, x, a, b: (torch.lerp(t, s, 1 - a), b * c + x), "whole mean"),
    "nothing": (lambda t, s, c, x, a, b: None, "gives back None"),
    "one of them": (lambda t, s, c, x, a, b: b * c + (1 - b) * x, "the new teacher (D,), the new centre (K,), in this"),
    "wrong order": (
        lambda t, s, c, x, a, b: (b * c + (1 - b) * x, a * t + (1 - a) * s),
        "the new teacher (D,), the new centre (K,), in this order",
    ),
    "three of them": (lambda t, s, c, x, a, b: (t, s, c), "It should give back two"),
    "the right line, too": (
        lambda t, s, c, x, a, b: (a * t + (1 - b) * s, b * c + (1 - b) * x),
        "The teacher's line was right; its shares do not sum to 1",
    ),
    "only the right line": (
        lambda t, s, c, x, a, b: (a * t + (1 - b) * s, a * c + (1 - b) * x),
        "The teacher's line was right; its shares do not sum to 1",
    ),
    "teacher turned round": (
        lambda t, s, c, x, a, b: (s - a * s + a * t - (2 * a - 1) * (t - s), x + b * (c - x)),
        "The teacher's line was right; now it keeps",
    ),
    "1 - alpha for alpha": (
        lambda t, s, c, x, a, b: (s + a * (t - s), c - a * c + x - b * x),
        "1 - α is a small number",
    ),
    "nothing of the mean": (lambda t, s, c, x, a, b: (s + a * (t - s), c), "Compare the first row, after one update"),
}


@pytest.mark.parametrize("what", WRONG_AVERAGES)
def test_two_averages_names(what):
    assert_named(check.two_averages, *WRONG_AVERAGES[what])


@pytest.mark.parametrize(
    "right",
    [
        lambda t, s, c, x, a, b: (torch.lerp(t, s, 1 - a), torch.lerp(c, x, 1 - b)),
        lambda t, s, c, x, a, b: [s + a * (t - s), x + b * (c - x)],
        lambda t, s, c, x, a, b: (a * t.double() + (1 - a) * s, b * c.double() + (1 - b) * x),
    ],
)
def test_two_averages_takes(right):
    assert_right(check.two_averages, right)


def parts(student, teacher, optimizer, center, views):
    """(targets, loss) with this centre, and the teacher's logits."""
    t = teacher(views[:2])
    return t, dino_loss(student(views), teacher_probs(t, center, 0.04), 0.1)


def as_found(student, teacher, optimizer, center, views):
    """All three slips."""
    t = teacher(views[:2])
    center = update_center(center, t, 0.9)
    loss = dino_loss(student(views), teacher_probs(t, center, 0.04), 0.1)
    loss.backward()
    ema_update(teacher, student, 0.9)
    optimizer.step()
    return center


def center_and_gradients(student, teacher, optimizer, center, views):
    """The teacher's line is in its place."""
    t = teacher(views[:2])
    center = update_center(center, t, 0.9)
    dino_loss(student(views), teacher_probs(t, center, 0.04), 0.1).backward()
    optimizer.step()
    ema_update(teacher, student, 0.9)
    return center


def center_and_teacher(student, teacher, optimizer, center, views):
    """Only the gradients are cleared."""
    optimizer.zero_grad()
    return as_found(student, teacher, optimizer, center, views)


def gradients_and_teacher(student, teacher, optimizer, center, views):
    """Only the centre waits."""
    t, loss = parts(student, teacher, optimizer, center, views)
    loss.backward()
    ema_update(teacher, student, 0.9)
    optimizer.step()
    return update_center(center, t, 0.9)


def only_center(student, teacher, optimizer, center, views):
    """The centre is left to be mended."""
    optimizer.zero_grad()
    return center_and_gradients(student, teacher, optimizer, center, views)


def only_gradients(student, teacher, optimizer, center, views):
    """zero_grad is left to be found."""
    t, loss = parts(student, teacher, optimizer, center, views)
    new = update_center(center, t, 0.9)
    loss.backward()
    optimizer.step()
    ema_update(teacher, student, 0.9)
    return new


def only_teacher(student, teacher, optimizer, center, views):
    """The teacher's line is left to be moved, here even before the backward."""
    t, loss = parts(student, teacher, optimizer, center, views)
    ema_update(teacher, student, 0.9)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return update_center(center, t, 0.9)


def cleared_too_late(student, teacher, optimizer, center, views):
    """Gradients are gone when they are needed."""
    t, loss = parts(student, teacher, optimizer, center, views)
    loss.backward()
    student.zero_grad()
    optimizer.step()
    ema_update(teacher, student, 0.9)
    return update_center(center, t, 0.9)


def no_step(student, teacher, optimizer, center, views):
    """The optimizer's line has got lost."""
    t, loss = parts(student, teacher, optimizer, center, views)
    optimizer.zero_grad()
    loss.backward()
    ema_update(teacher, student, 0.9)
    return update_center(center, t, 0.9)


def step_first(student, teacher, optimizer, center, views):
    """Walks before it knows where to."""
    t, loss = parts(student, teacher, optimizer, center, views)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    ema_update(teacher, student, 0.9)
    return update_center(center, t, 0.9)


def no_teacher(student, teacher, optimizer, center, views):
    """The teacher's line has got lost."""
    t, loss = parts(student, teacher, optimizer, center, views)
    student.zero_grad()
    loss.backward()
    optimizer.step()
    return update_center(center, t, 0.9)


def old_center(student, teacher, optimizer, center, views):
    """Gives back what it got."""
    right_by_hand(student, teacher, optimizer, center, views)
    return center


def asks_again(student, teacher, optimizer, center, views):
    """The centre of a teacher that has moved already."""
    right_by_hand(student, teacher, optimizer, center, views)
    return update_center(center, teacher(views[:2]), 0.9)


def right_by_hand(student, teacher, optimizer, center, views):
    """No function of the library."""
    with torch.no_grad():
        t = teacher(views[:2])
        p = softmax((t - center) / 0.04, -1)
    terms = [cross_entropy(student(views[v]) / 0.1, p[q]) for q in range(2) for v in range(len(views)) if v != q]
    for group in optimizer.param_groups:
        for w in group["params"]:
            w.grad = None
    (sum(terms) / len(terms)).backward()
    optimizer.step()
    with torch.no_grad():
        for a, b in zip(teacher.parameters(), student.parameters(), strict=True):
            a.copy_(0.9 * a + 0.1 * b)
    return 0.9 * center + 0.1 * t.flatten(0, 1).mean(0)


def cleared_at_the_end(student, teacher, optimizer, center, views):
    """zero_grad may also come last."""
    t, loss = parts(student, teacher, optimizer, center, views)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    ema_update(teacher, student, 0.9)
    return update_center(center, t, 0.9)


def gradient_by_hand(student, teacher, optimizer, center, views):
    """No optimizer, and another dtype for the centre."""
    t, loss = parts(student, teacher, optimizer, center, views)
    (gradient,) = torch.autograd.grad(loss, [student.weight])
    with torch.no_grad():
        student.weight -= optimizer.param_groups[0]["lr"] * gradient
    ema_update(teacher, student, 0.9)
    return update_center(center.double(), t.double(), 0.9)


WRONG_STEPS: Wrong = {
    "as found": (as_found, "as you found it"),
    "centre and gradients": (center_and_gradients, "Two things are still wrong: the centre takes in this batch"),
    "centre and gradients, the second": (center_and_gradients, "; the gradients of earlier steps"),
    "centre and teacher": (center_and_teacher, "Two things are still wrong: the centre takes in this batch"),
    "centre and teacher, the second": (center_and_teacher, "; the teacher follows before"),
    "gradients and teacher": (gradients_and_teacher, "Two things are still wrong: the gradients of earlier steps"),
    "only the centre": (only_center, "One thing is still wrong: the centre"),
    "only the gradients": (only_gradients, "One thing is still wrong: the gradients"),
    "only the teacher": (only_teacher, "One thing is still wrong: the teacher"),
    "cleared too late": (cleared_too_late, "student has not moved"),
    "no step": (no_step, "student has not moved"),
    "step first": (step_first, "gradients of the step before"),
    "no teacher": (no_teacher, "teacher has not moved"),
    "old centre": (old_center, "centre has not moved"),
    "asks again": (asks_again, "after its update"),
    "nothing": (lambda *given: None, "gives back None"),
}


@pytest.mark.parametrize("what", WRONG_STEPS)
def test_train_step_names(what):
    assert_named(check.train_step, *WRONG_STEPS[what])


@pytest.mark.parametrize("right", [right_by_hand, cleared_at_the_end, gradient_by_hand])
def test_train_step_takes(right):
    assert_right(check.train_step, right)
