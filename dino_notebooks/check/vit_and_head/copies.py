"""The exercise on the teacher's start: a copy of the student (paper §3.1), and not what looks like one."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from dino_lite import teacher
from dino_lite.head import DinoHead
from dino_lite.vit import DropPath
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule

PARTS = ("backbone", "head")


def make_teacher(student: Any) -> Any:
    """Another object with the student's weights, without gradients and without stochastic depth."""
    made = copy.deepcopy(student)
    made.requires_grad_(False)
    for module in made.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    return made


class SmallStudent(nn.Module):
    """What a `Network` is made of, as small as can be: a backbone with stochastic depth, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 4), nn.GELU(), DropPath(0.2), nn.Linear(4, 4))
        self.head = DinoHead(4, 5, hidden=6, bottleneck=3)


def new_student(seed: int) -> SmallStudent:
    """A student with weights by `seed`; torch's global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SmallStudent()


def student_cases(generator: Generator) -> list[Arguments]:
    """(student,): one network."""
    return [(new_student(int(torch.randint(1000, (), generator=generator))),)]


def compared(function: Function, arguments: Arguments) -> Any:
    """Two numbers each for backbone and head: 1 if its weights begin unequal, 1 if they move with the student's."""
    student = copy.deepcopy(arguments[0])
    made = function(student)
    if not isinstance(made, nn.Module):
        return made
    flags = torch.zeros(2, 2)
    for row, part in enumerate(PARTS):
        flags[row, 0] = not same(weights(made, part), weights(student, part))
    before = [copied(weights(made, part)) for part in PARTS]
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1)
    for row, part in enumerate(PARTS):
        flags[row, 1] = not same(weights(made, part), before[row])
    return flags


def weights(network: nn.Module, part: str) -> dict[str, Tensor]:
    """The parameters of a part by name."""
    return dict(getattr(network, part).named_parameters())


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What they are now."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether all are equal."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def mistaken(backbone: str, head: str) -> Function:
    """A make_teacher whose parts are each a "copy", the "same" object, or "new"."""

    def make(student: Any) -> Any:
        made, other = teacher.make_teacher(student), new_student(-1)
        for part, how in zip(PARTS, (backbone, head), strict=True):
            if how != "copy":
                setattr(made, part, getattr(student if how == "same" else other, part))
        return made

    return make


def is_trained(function: Function) -> bool:
    """Whether a gradient would reach the teacher."""
    return any(parameter.requires_grad for parameter in function(new_student(0)).parameters())


def drops(function: Function) -> bool:
    """Whether the teacher has stochastic depth."""
    return any(getattr(module, "drop_prob", 0) for module in function(new_student(0)).modules())


def settings(student: nn.Module) -> list[Any]:
    """What a student must keep: which parameters learn, and its stochastic depth."""
    learns = [parameter.requires_grad for parameter in student.parameters()]
    return learns + [getattr(module, "drop_prob", None) for module in student.modules()]


def changes_student(function: Function) -> bool:
    """Whether the student is another afterwards."""
    student = new_student(0)
    before, values = settings(student), copied(dict(student.named_parameters()))
    function(student)
    return settings(student) != before or not same(dict(student.named_parameters()), values)


MAKE_TEACHER = Exercise(
    name="make_teacher",
    right=teacher.make_teacher,
    cases=student_cases,
    ask=compared,
    argument_names=("student",),
    mistakes=(
        Mistake(
            "This is the student itself under a second name, or shares all its memory. When the student learns, the "
            "teacher is moved in the same moment.",
            mistaken("same", "same"),
        ),
        Mistake(
            "The backbones are one object. When the student learns, half of the teacher is moved in the same moment.",
            mistaken("same", "copy"),
        ),
        Mistake(
            "The heads are one object. When the student learns, so does the teacher's head in the same moment.",
            mistaken("copy", "same"),
        ),
        Mistake(
            "The backbone is a copy, but the head has weights of its own. Its targets would be those of another "
            "network: the teacher begins equal to the student, head and all.",
            mistaken("copy", "new"),
        ),
        Mistake(
            "The head is a copy, but the backbone has weights of its own: its features mean nothing to this head. The "
            "teacher begins equal to the student.",
            mistaken("new", "copy"),
        ),
        Mistake(
            "This is another network with weights of its own. The teacher begins equal to the student.",
            mistaken("new", "new"),
        ),
        Mistake(
            "Two of the three mistakes show in the numbers: the backbones are one object, which moves when the student "
            "learns, and the head has weights of its own, where it should begin equal to the student's. The third "
            "comes when these are mended.",
            mistaken("same", "new"),
            untouched=True,
        ),
        Mistake(
            "Two things are wrong. The heads are one object, which moves when the student learns. And the backbone "
            "has weights of its own, where it should begin equal to the student's.",
            mistaken("new", "same"),
        ),
    ),
    rules=(
        Rule(
            "But a gradient could reach the teacher: some of its parameters have requires_grad. It only ever follows "
            "the student, and learns nothing by itself.",
            is_trained,
            "a small student of the check's own; looked at: requires_grad of every parameter",
        ),
        Rule(
            "But the student is no longer what it was: some of its parameters, their requires_grad or its stochastic "
            "depth have changed. Only the copy may be changed.",
            changes_student,
            "a small student of the check's own; looked at before and after",
        ),
        Rule(
            "But the teacher still leaves out parts at random: set the drop_prob of its modules to 0, so that it gives "
            "its best answer.",
            drops,
            "a small student of the check's own, with a drop_prob of 0.2; looked at: every module of the teacher",
        ),
    ),
    hints=(
        "Ask three questions of every part of the teacher: does it begin equal to the student's? Is it another object? "
        "Does a gradient reach it?",
        "copy.deepcopy of the whole student answers the first two. So which lines after it spoil that again?",
        "Take out the line that sets the backbone and the loop over the head's layers, and freeze the copy: "
        "teacher.requires_grad_(False).",
    ),
    solution=make_teacher,
    so_far="The weights are right.",
)
