"""Find the bug: a training step in the wrong order, judged by what three such steps make of small networks."""

from itertools import combinations

import torch
from torch import Generator, Tensor, nn

from dino_lite import dino_loss, ema_update, make_teacher, teacher_probs, update_center
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake

LR, MOMENTUM, TEACHER_TEMP, STUDENT_TEMP = 0.1, 0.9, 0.04, 0.1


def train_step(
    student: nn.Module, teacher: nn.Module, optimizer: torch.optim.Optimizer, center: Tensor, views: Tensor
) -> Tensor:
    """One step on views (V, B, D) in the right order; gives back the new centre."""
    logits = teacher(views[:2])
    targets = teacher_probs(logits, center, TEACHER_TEMP)
    loss = dino_loss(student(views), targets, STUDENT_TEMP)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema_update(teacher, student, MOMENTUM)
    return update_center(center, logits, MOMENTUM)


def step_cases(generator: Generator) -> list[Arguments]:
    """(weight (K, D) that both networks begin with, views of three steps (3, V, B, D))."""
    return [
        (0.1 * torch.randn(k, d, generator=generator), torch.randn(3, v, b, d, generator=generator))
        for v, b, k, d in ((3, 1, 4, 2), (4, 3, 6, 5))
    ]


def after_three(function: Function, case: Arguments) -> tuple[Tensor, ...] | None:
    """The weights of student and teacher, and the centre, after three steps of plain SGD."""
    weight, batches = case
    student = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0], bias=False)
    student.load_state_dict({"weight": weight})
    teacher, center = make_teacher(student), torch.zeros(len(weight))
    optimizer = torch.optim.SGD(student.parameters(), LR)
    for views in batches:
        center = function(student, teacher, optimizer, center, views)
        if center is None:
            return None
    return *student.parameters(), *teacher.parameters(), center


def in_order(words: str) -> Function:
    """A step whose parts come in the order of these words."""

    def does(
        student: nn.Module, teacher: nn.Module, optimizer: torch.optim.Optimizer, center: Tensor, views: Tensor
    ) -> Tensor:
        logits, loss = teacher(views[:2]), torch.zeros(())
        for word in words.split():
            if word == "centre":
                center = update_center(center, logits, MOMENTUM)
            elif word == "loss":
                loss = dino_loss(student(views), teacher_probs(logits, center, TEACHER_TEMP), STUDENT_TEMP)
            elif word == "clear":
                optimizer.zero_grad()
            elif word == "backward":
                loss.backward()
            elif word == "step":
                optimizer.step()
            elif word == "ema":
                ema_update(teacher, student, MOMENTUM)
            elif word == "again":
                logits = teacher(views[:2])
        return center

    return does


# slip → what is to be said of it
SLIPS = {
    "centre": "the centre takes in this batch before the targets use it, so each batch is centred by itself in part",
    "clear": "the gradients of earlier steps are never cleared, and backward() adds to them",
    "ema": "the teacher follows before the student has made its step, so it is always one student behind",
}


def with_slips(left: tuple[str, ...]) -> Function:
    """The step in which these slips are left."""
    early, late = ("centre ", "") if "centre" in left else ("", " centre")
    clear = "" if "clear" in left else "clear "
    moves = "ema step" if "ema" in left else "step ema"
    return in_order(f"{early}loss {clear}backward {moves}{late}")


def slips_left() -> list[Mistake]:
    """A mistake for each set of slips that are still there; what is untouched gets a question only."""
    untouched = (
        "It comes out as you found it, with all three things wrong. Take the rules in the text one by one: which line "
        "breaks it, or which is missing?"
    )
    mistakes = [Mistake(untouched, with_slips(tuple(SLIPS)))]
    for count, words in ((2, "Two things are still wrong"), (1, "One thing is still wrong")):
        sets = combinations(SLIPS, count)
        mistakes += [Mistake(f"{words}: {'; '.join(SLIPS[one] for one in left)}.", with_slips(left)) for left in sets]
    return mistakes


TRAIN_STEP = Exercise(
    name="train_step",
    right=train_step,
    cases=step_cases,
    ask=after_three,
    argument_names=("weight of both", "views of three steps"),
    output_names=("student after three steps", "teacher after three steps", "centre after three steps"),
    mistakes=(
        *slips_left(),
        Mistake(
            "The student has not moved in three steps. When optimizer.step() looks at the gradients, have they been "
            "computed, and not yet cleared?",
            in_order("loss backward clear step ema centre"),
        ),
        Mistake(
            "optimizer.step() comes before the backward(), so it walks by the gradients of the step before.",
            in_order("loss step clear backward ema centre"),
        ),
        Mistake(
            "The teacher has not moved in three steps: its update has got lost.",
            in_order("loss clear backward step centre"),
        ),
        Mistake(
            "The centre has not moved in three steps: its update has got lost.",
            in_order("loss clear backward step ema"),
        ),
        Mistake(
            "The centre is made of what the teacher says after its update. It takes the logits that the targets were "
            "made of: the teacher is asked once a step.",
            in_order("loss clear backward step ema again centre"),
        ),
    ),
    hints=(
        "Three things are wrong: two lines stand in the wrong place, and one is missing. Say of each line what it "
        "reads and what it changes.",
        "The targets should use the centre of the steps *before*. The teacher should follow the student *after* its "
        "step. And what does backward() do to gradients that are there already?",
        "targets, loss, optimizer.zero_grad(), loss.backward(), optimizer.step(), ema_update, and last the centre.",
    ),
)
