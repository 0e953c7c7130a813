"""Diagnose the curve: four bug reports of real people, each beside a run of ours that shows the same.

What caused it is known only for our runs, since there the fault was set. The right answer is found by making the run:
it is the one that names the run's diagnosis and the fault.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import mean

from dino_notebooks.check.choice import choice
from dino_notebooks.check.runs import RECIPE
from dino_notebooks.plots import Plot, plot_lines
from dino_notebooks.session import Session
from dino_notebooks.session.run_line import recipe_config
from dino_notebooks.session.snapshot import Snapshot

EACH = 5  # steps that a point of the curves is the mean of

# answer → the diagnosis that it claims, and the knobs that it blames
ANSWERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "uniform: teacher_temp is too high": ("uniform", ("teacher_temp",)),
    "few prototypes: centering is off": ("dominant", ("centering",)),
    "few prototypes: center_momentum is too high": ("dominant", ("center_momentum",)),
    "one middling target: centering and sharpening are off": ("dominant", ("centering", "sharpening")),
    "no collapse, but lr is too low": ("healthy", ("lr",)),
    "no collapse, and no knob is wrong": ("healthy", ()),
}


@dataclass(frozen=True)
class Report:
    """A run with a fault.

    line: the run. fault: the knobs that are wrong in it. against: what in its curves speaks against each wrong answer,
    in the order of `ANSWERS`. because: why the right one is right.
    """

    line: str
    fault: tuple[str, ...]
    against: Mapping[str, str]
    because: str
    hints: tuple[str, str, str]


UNIFORM, CENTER_OFF, CENTER_LATE, NEITHER, SLOW, FINE = ANSWERS

REPORTS = {
    "report_a": Report(
        "dino-run/1 lab seed=0 steps=100; 0 teacher_temp=0.15",
        ("teacher_temp",),
        {
            CENTER_OFF: "Look at the prototypes: all of them are in use, and h is near ln K. Without the centre both "
            "would fall.",
            CENTER_LATE: "Look at the prototypes: all of them are in use. A centre that comes too late leaves a few.",
            NEITHER: "h does not stay in between: it goes all the way to the dashed line, ln K. Something drives it "
            "there.",
            SLOW: "The curves move a lot, and at once: with too low a learning rate they would stay where they begin.",
            FINE: "KL and the information are near 0: every picture has the same target, so there is nothing to learn.",
        },
        "The loss is at ln K, KL and information are at 0, and all prototypes are in use: every target is flat. A "
        "teacher_temp above the student's makes targets flatter than the answers to them. To sharpen, lower it.",
        (
            "Where does the loss end, beside the dashed line? How many prototypes are in use?",
            "All prototypes are in use and a target tells nothing about its picture: then every target is flat.",
            "What makes a softmax flatter: a higher or a lower temperature?",
        ),
    ),
    "report_b": Report(
        "dino-run/1 lab seed=0 steps=150; 60 center_momentum=0.999",
        ("center_momentum",),
        {
            UNIFORM: "h falls far below ln K, and few prototypes are left. Flat targets would be the opposite.",
            CENTER_OFF: "Look at *how* the prototypes go. When centering is switched off they fall off a cliff, at "
            "once. Here all is well for some twenty steps more, and then they fade: something still holds them, but "
            "comes too late.",
            NEITHER: "h does not stay in the middle, and the prototypes do not stay in use: targets are sharp here.",
            SLOW: "The loss falls steadily. With too low a learning rate it would stay where it is.",
            FINE: "The loss falls, but so does the number of prototypes: a few of them win all pictures. That is cheap "
            "to predict, and worth nothing.",
        },
        "The prototypes go, but slowly: the centre still works, and cannot keep up. With a momentum of 0.999 it "
        "remembers a thousand steps. A sharper teacher makes it only worse: here the centre is too weak.",
        (
            "How many prototypes are left at the end? Which of the two collapses is that?",
            "Few prototypes: something is the matter with the centre. Is it gone, or does it come too late?",
            "Switch centering off at step 60 of a run of your own, and compare: how soon are the prototypes lost?",
        ),
    ),
    "report_c": Report(
        "dino-run/1 lab seed=0 steps=120; 0 centering=off sharpening=off",
        ("centering", "sharpening"),
        {
            UNIFORM: "The loss stays clearly below the dashed line, ln K, and not all prototypes are in use. Flat "
            "targets would be on it.",
            CENTER_OFF: "Sharp targets without a centre end at a few prototypes and h near 0. Here h stays high.",
            CENTER_LATE: "With sharp targets h falls towards 0 and few prototypes are left. Here both stay.",
            SLOW: "KL and information fall to nearly 0 in the first steps: the student learns fast. Only there is "
            "nothing left to be learnt.",
            FINE: "The information goes to 0. Student and teacher agree, but on the same answer for every picture.",
        },
        "KL and information are at 0: every picture has the same target, which is neither flat nor on few prototypes. "
        "Centering would push it to the one side, sharpening to the other. Here neither pushes.",
        (
            "KL near 0 says that student and teacher agree. Which line says whether they agree on something that "
            "differs from picture to picture?",
            "h is neither near 0 nor near ln K, and it stays there. What would centering do to it? And sharpening?",
            "One pushes h up, the other down. If it goes nowhere, how many of the two are at work?",
        ),
    ),
    "report_d": Report(
        "dino-run/1 lab seed=0 steps=100; 0 lr=1e-05",
        ("lr",),
        {
            UNIFORM: "The loss is near ln K, but look at its parts: in the uniform collapse all of it is h. Here more "
            "than half of it is KL, and targets tell a lot about their picture.",
            CENTER_OFF: "Many prototypes are in use, and stay in use. Without a centre a handful would be left.",
            CENTER_LATE: "Many prototypes are in use, and stay in use. A late centre would leave a handful.",
            NEITHER: "KL and information are far above 0: targets differ from picture to picture.",
            FINE: "Nothing has collapsed, but KL stays as large as it was: the student has not come any nearer to what "
            "its teacher says. In a run that learns, KL falls within the first fifty steps.",
        },
        "After the first steps, in which the centre settles, nothing moves. Information is high since random weights "
        "tell pictures apart, too: no collapse does not mean that something is learnt. The loss is at ln K by chance.",
        (
            "Which curve should move when a student learns what its teacher says?",
            "KL is the student's distance to the targets, and it stays. Can the student not follow, or does it not "
            "move at all?",
            "No curve moves after the centre has settled. What decides how far the weights move in a step?",
        ),
    ),
}


@cache
def made(line: str) -> Snapshot:
    """The run, at its end; made once in a process."""
    return Session.replay(line).snapshot()


def right_answer(report: Report) -> str:
    """The answer that names the run's diagnosis and its fault; ValueError when none does."""
    found = made(report.line).diagnosis, report.fault
    for answer, claim in ANSWERS.items():
        if claim == found:
            return answer
    raise ValueError(f"No answer fits this run, which is {found[0]} with the fault {found[1] or 'none'}.")


def of_report(name: str) -> Callable[[], str]:
    """What finds the right answer to a report, when it is asked for."""
    return lambda: right_answer(REPORTS[name])


def curves(name: str) -> Plot:
    """The curves of a report's run: loss, h and KL; the information; the prototypes in use. Its knobs are not shown."""
    seen = made(REPORTS[name].line)
    targets = 2 * recipe_config(RECIPE).batch_size  # of a step: they can tell no more than which of them they are
    parts = [seen.logs[i : i + EACH] for i in range(0, len(seen.logs), EACH)]

    def line(quantity: str) -> list[float]:
        return [mean(getattr(log, quantity) for log in part) for part in parts]

    return plot_lines(
        {
            "loss = h + KL (nats)": {"loss": line("loss"), "h": line("entropy"), "KL": line("kl")},
            "information (nats)": {"information": line("mutual_information")},
            "prototypes in use": {"prototypes": line("effective_prototypes")},
        },
        x=[part[-1].step + 1 for part in parts],
        guides={
            "loss = h + KL (nats)": {"ln K": math.log(seen.out_dim), "": 0.0},
            "information (nats)": {"at most": math.log(targets), "": 0.0},
            "prototypes in use": {"K": float(seen.out_dim), "": 0.0},
        },
    )


CHECKS = {
    name: choice(
        name,
        {answer: report.against.get(answer, "") for answer in ANSWERS},
        of_report(name),
        report.because,
        report.hints,
    )
    for name, report in REPORTS.items()
}
