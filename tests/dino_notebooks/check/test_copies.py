"""The check of the teacher's start: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_copies.py
"""

import copy

import pytest
import torch
from torch import nn
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def calm(network):
    """No gradient and no stochastic depth."""
    for parameter in network.parameters():
        parameter.requires_grad = False
    for module in network.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    return network


def begun_anew(network):
    """Other weights in every layer."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)


def own_head(student):
    """A head that begins by itself, as in a public example."""
    teacher = calm(copy.deepcopy(student))
    begun_anew(teacher.head)
    return teacher


def own_first_layers(student):
    """Only the MLP of the head begins anew."""
    teacher = calm(copy.deepcopy(student))
    for layer in teacher.head.mlp:
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return teacher


def own_backbone(student):
    """A backbone that begins by itself."""
    teacher = calm(copy.deepcopy(student))
    begun_anew(teacher.backbone)
    return teacher


def all_its_own(student):
    """Another network of the same kind."""
    teacher = calm(copy.deepcopy(student))
    begun_anew(teacher)
    return teacher


def tied(student):
    """A copy whose parameters are then given the student's memory."""
    teacher = copy.deepcopy(student)
    for theirs, ours in zip(student.parameters(), teacher.parameters(), strict=True):
        ours.data = theirs.data
    return calm(teacher)


def part_shared(part):
    """A copy, and one part that is the student's own object."""

    def make(student):
        teacher = copy.deepcopy(student)
        setattr(teacher, part, getattr(student, part))
        return calm(teacher)

    return make


def assigned(student):
    """load_state_dict that puts the student's tensors in place of its own."""
    teacher = copy.deepcopy(student)
    teacher.load_state_dict(student.state_dict(), assign=True)
    return calm(teacher)


def two_bugs(student):
    """The notebook's."""
    teacher = copy.deepcopy(student)
    teacher.backbone = student.backbone
    begun_anew(teacher.head)
    return teacher


def two_bugs_turned_round(student):
    """The head is shared, and the backbone begins anew."""
    teacher = copy.deepcopy(student)
    teacher.head = student.head
    begun_anew(teacher.backbone)
    return teacher


def frozen_before_the_copy(student):
    """Freezes both."""
    return copy.deepcopy(calm(student))


def only_backbone_frozen(student):
    """Forgets that the head learns as well."""
    teacher = calm(copy.deepcopy(student))
    teacher.head.mlp.requires_grad_(True)
    return teacher


WRONG: Wrong = {
    "the student": (lambda student: student, "the student itself"),
    "the student, frozen": (calm, "the student itself"),
    "shallow": (lambda student: calm(copy.copy(student)), "the student itself"),
    "tied": (tied, "the student itself"),
    "assigned": (assigned, "the student itself"),
    "backbone shared": (part_shared("backbone"), "The backbones are one object"),
    "head shared": (part_shared("head"), "The heads are one object"),
    "own head": (own_head, "the head has weights of its own"),
    "own first layers": (own_first_layers, "the head has weights of its own"),
    "own backbone": (own_backbone, "the backbone has weights of its own"),
    "all its own": (all_its_own, "another network"),
    "two bugs": (two_bugs, "Two of the three mistakes show in the numbers: the backbones"),
    "two bugs turned round": (two_bugs_turned_round, "Two things are wrong. The heads"),
    "learns": (copy.deepcopy, "a gradient could reach the teacher"),
    "eval": (lambda student: copy.deepcopy(student).eval(), "a gradient could reach the teacher"),
    "its head learns": (only_backbone_frozen, "a gradient could reach the teacher"),
    "frozen before": (frozen_before_the_copy, "student is no longer what it was"),
    "drops": (lambda student: copy.deepcopy(student).requires_grad_(False), "leaves out parts at random"),
    "nothing": (lambda student: None, "gives back None"),
    "weights": (lambda student: student.state_dict(), "gives back OrderedDict"),
    "half": (lambda student: copy.deepcopy(student.backbone), "stops with AttributeError"),
}


@pytest.mark.parametrize("what", WRONG)
def test_make_teacher_names(what):
    assert_named(check.make_teacher, *WRONG[what])


def loaded(student):
    """A network that began otherwise, with the student's weights."""
    teacher = all_its_own(student)
    teacher.load_state_dict(student.state_dict())
    return teacher.eval()


def built_from_parts(student):
    """Part by part."""
    teacher = nn.Module()
    teacher.backbone, teacher.head = copy.deepcopy(student.backbone), copy.deepcopy(student.head)
    return calm(teacher)


@torch.no_grad()
def copied_number_by_number(student):
    """Each parameter by itself."""
    teacher = all_its_own(student)
    for ours, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        ours.copy_(theirs)
    return teacher


@pytest.mark.parametrize(
    "right", [lambda student: calm(copy.deepcopy(student)), loaded, built_from_parts, copied_number_by_number]
)
def test_make_teacher_takes(right):
    assert_right(check.make_teacher, right)
