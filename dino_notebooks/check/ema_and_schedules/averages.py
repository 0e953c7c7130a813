"""The exercise on the teacher's update: an average of students, in place (paper §3.1)."""

from typing import cast

import torch
from torch import Generator, Tensor, nn

from dino_lite import teacher
from dino_notebooks.check.draws import number
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule


class Small(nn.Module):
    """A network of one layer, with a buffer beside it."""

    layer: nn.Linear
    mean: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, mean: Tensor) -> None:
        super().__init__()
        # without torch's own start: it would draw from the random numbers of other cells
        self.layer = cast(nn.Linear, nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0]))
        self.layer.load_state_dict({"weight": weight, "bias": bias})
        self.register_buffer("mean", mean.clone())


def network_cases(generator: Generator) -> list[Arguments]:
    """Weight, bias and buffer of a teacher, the same of its student, momentum."""
    cases: list[Arguments] = []
    for rows, columns in ((1, 2), (3, 2), (2, 5)):
        both = [torch.randn(*shape, generator=generator) for shape in ((rows, columns), (rows,), (1,)) * 2]
        cases.append((*both, number(generator, 0.55, 0.95)))
    return cases


def pair_of(case: Arguments) -> tuple[Small, Small]:
    """A teacher that no gradient reaches, and a student."""
    return Small(*case[:3]).requires_grad_(False), Small(*case[3:6])


def after_update(function: Function, case: Arguments) -> tuple[Tensor, ...]:
    """Teacher and student after one update, in which the student has made its next step when the teacher is read."""
    ours, theirs = pair_of(case)
    function(ours, theirs, case[6])
    student = (theirs.layer.weight.detach().clone(), theirs.layer.bias.detach().clone())
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(1)
    return ours.layer.weight, ours.layer.bias, ours.mean, *student


@torch.no_grad()
def blend(into: nn.Module, other: nn.Module, keep: float, take: float) -> None:
    """keep times its own parameters plus take times the other's, in place."""
    for mine, theirs in zip(into.parameters(), other.parameters(), strict=True):
        mine.mul_(keep).add_(theirs, alpha=take)


def aliased(t: Small, s: Small, m: float) -> None:
    """The mistake of giving the teacher the student's own memory."""
    for mine, theirs in zip(t.parameters(), s.parameters(), strict=True):
        mine.data = theirs.data


def with_buffers(t: Small, s: Small, m: float) -> None:
    """The mistake of averaging all of the state_dict."""
    blend(t, s, m, 1 - m)
    t.mean.lerp_(s.mean, 1 - m)


@torch.no_grad()
def scaled_student(t: Small, s: Small, m: float) -> None:
    """The mistake of making the student's share in the student itself."""
    for mine, theirs in zip(t.parameters(), s.parameters(), strict=True):
        mine.mul_(m).add_(theirs.mul_(1 - m))


def fixed_pair() -> tuple[Small, Small]:
    """A teacher and a student, always the same."""
    return pair_of(network_cases(torch.Generator().manual_seed(0))[0])


def keeps_graph(function: Function) -> bool:
    """Whether the teacher would carry the graph of every student so far."""
    ours, theirs = fixed_pair()
    function(ours, theirs, 0.9)
    return any(parameter.requires_grad for parameter in ours.parameters())


def puts_new_ones(function: Function) -> bool:
    """Whether the teacher has other parameter objects than before."""
    ours, theirs = fixed_pair()
    before = list(ours.parameters())
    function(ours, theirs, 0.9)
    return any(a is not b for a, b in zip(before, ours.parameters(), strict=True))


EMA_UPDATE = Exercise(
    name="ema_update",
    right=teacher.ema_update,
    cases=network_cases,
    ask=after_update,
    argument_names=(
        *(f"{whose}'s {what}" for whose in ("teacher", "student") for what in ("weight", "bias", "buffer")),
        "momentum",
    ),
    output_names=("teacher's weight", "teacher's bias", "teacher's buffer", "student's weight", "student's bias"),
    mistakes=(
        Mistake(
            "The shares are exchanged. With a momentum of 0.9 the teacher keeps nine tenths of itself.",
            lambda t, s, m: blend(t, s, 1 - m, m),
        ),
        Mistake(
            "Nothing has changed. Is it written yet? Then remember that p = ... only gives a new tensor the name p, "
            "and the network keeps the old one. Which operations of a tensor work in place?",
            lambda t, s, m: None,
        ),
        Mistake(
            "The student was changed, and the teacher was not: the two have changed places. Who follows whom?",
            lambda t, s, m: blend(s, t, m, 1 - m),
        ),
        Mistake(
            "The teacher has become a copy of the student. What does the momentum do?",
            lambda t, s, m: blend(t, s, 0, 1),
        ),
        Mistake(
            "Teacher and student now share their memory: when the student makes its next step, the teacher makes it "
            "too. Change the numbers of the teacher's tensors, don't put others in their place.",
            aliased,
        ),
        Mistake(
            "Only the weight follows, the bias does not. Is there a condition, a break or a return in the loop?",
            lambda t, s, m: t.layer.weight.lerp_(s.layer.weight.detach(), 1 - m),
        ),
        Mistake(
            "Every parameter is updated twice. module.parameters() also gives those of the modules inside: one loop "
            "is enough.",
            lambda t, s, m: [blend(t, s, m, 1 - m) for _ in range(2)],
        ),
        Mistake(
            "The buffer was averaged, too. Buffers, such as the running means of batch norm, are left alone, as in "
            "the authors' code: state_dict() has them, parameters() does not.",
            with_buffers,
        ),
        Mistake(
            "The student is added whole. The two shares have to sum to 1, or the weights grow with every step.",
            lambda t, s, m: blend(t, s, m, 1),
        ),
        Mistake(
            "The teacher keeps all of itself. The two shares have to sum to 1, or the weights grow with every step.",
            lambda t, s, m: blend(t, s, 1, 1 - m),
        ),
        Mistake(
            "The teacher moves away from the student: the difference has the wrong sign.",
            lambda t, s, m: blend(t, s, 2 - m, m - 1),
        ),
        Mistake(
            "The teacher only shrinks. Where does the student come in?",
            lambda t, s, m: blend(t, s, m, 0),
        ),
        Mistake(
            "The teacher is right, but the student was changed on the way: an operation in place is one too many.",
            scaled_student,
        ),
    ),
    rules=(
        Rule(
            "But the teacher now carries a gradient, and with it the graph of every student so far: work under "
            "torch.no_grad().",
            keeps_graph,
        ),
        Rule(
            "But the teacher has new parameters. Whoever held the old ones, an optimizer or a list, does not see the "
            "change: write into the tensors that are there.",
            puts_new_ones,
        ),
    ),
    hints=(
        "Go through the parameters of both networks side by side. What share of itself does each of the teacher's "
        "keep, and what share comes from the student?",
        "zip(teacher.parameters(), student.parameters()) gives the pairs. Operations that end with an underscore, such "
        "as mul_, add_, copy_ and lerp_, work in place. No gradient may be recorded.",
        "Under torch.no_grad(), for each pair: p.mul_(momentum), and then p.add_ of the student's, times what is left.",
    ),
)
