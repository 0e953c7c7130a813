"""Named settings of the knobs, good and bad: what each does, what to watch, and who ran into it.

What to watch was seen on runs of the lab recipe, five seeds each: docs/calibration.md.
"""

from dataclasses import dataclass, field

from dino_lite.knobs import Knobs
from dino_notebooks.session.slip import CENTER_GAIN
from dino_notebooks.session.snapshot import Value


@dataclass(frozen=True)
class Scene:
    """Knobs that differ from the recipe's own, and the words that go with them."""

    name: str
    good: bool
    what: str  # what is set, and why one might
    watch: str  # what is to be seen
    knobs: dict[str, Value] = field(default_factory=dict)
    source: str = ""  # where it comes from

    def apply(self, usual: Knobs) -> Knobs:
        """All knobs of the scene: the recipe's own, but for those that it sets."""
        return usual | self.knobs


SCENES = (
    Scene(
        "the recipe",
        True,
        "Centering and sharpening as in the paper; learning rate and teacher momentum suit a run of minutes.",
        "h falls slowly, KL stays well above 0, and targets tell more and more about their picture.",
    ),
    Scene(
        "the paper's numbers",
        True,
        "Teacher momentum 0.996 and the paper's learning rate, meant for 100 epochs of ImageNet.",
        "Hardly anything moves: no collapse, and no progress within minutes either.",
        {"ema_momentum": 0.996, "lr": 0.0005 * 48 / 256},
        "paper §4.1",
    ),
    Scene(
        "no centering",
        False,
        "The centre is not subtracted: nothing takes from a prototype what it wins from every picture.",
        "h drops within 25 steps, and a handful of prototypes is left. Switch it on again: the run comes back.",
        {"centering": False},
        "paper Fig. 7",
    ),
    Scene(
        "no sharpening",
        False,
        "The teacher's temperature equals the student's: only the centering is left, which evens everything out.",
        "h climbs to ln K, KL goes to 0: every picture gets the same flat target. Undo it: the run comes back.",
        {"sharpening": False},
        "paper Fig. 7",
    ),
    Scene(
        "neither",
        False,
        "Neither centering nor sharpening: nothing pushes the entropy anywhere.",
        "h stays in between, KL falls towards 0, and targets say less and less about their picture.",
        {"centering": False, "sharpening": False},
        "facebookresearch/dino issue 32",
    ),
    Scene(
        "no EMA",
        False,
        "The teacher is the student of the step before.",
        "Targets jump from one prototype to the next. The student-teacher distance is 0. Even undone after 25 steps "
        "it does not come back within minutes: the features themselves are gone.",
        {"ema": False},
        "paper Table 7, Fig. 6",
    ),
    Scene(
        "aliased teacher",
        False,
        "`teacher = student` makes one module of two: the same computation as no EMA, here as momentum 0.",
        "The same as no EMA. A copy of the module is the cure.",
        {"ema_momentum": 0.0},
        "facebookresearch/dinov2 issue 407",
    ),
    Scene(
        "centre momentum 0.999",
        False,
        "The centre remembers 1000 steps, so that it always comes too late.",
        "As without centering, but slower: about 100 steps until a few prototypes are left.",
        {"center_momentum": 0.999},
        "paper App. D: k-NN falls from 69.7 to 0.1",
    ),
    Scene(
        "teacher temperature 0.3",
        False,
        "Three times the student's temperature: the target is flatter than the answer to it.",
        "The loss sits at ln K within 25 steps, and the features shrink: undone, it takes 700 steps or more.",
        {"teacher_temp": 0.3},
        "facebookresearch/dino issues 61 and 43, where ln 4096 = 8.3178",
    ),
    Scene(
        "loss near 0",
        False,
        "No centering and a very sharp teacher: the report says the loss fell to 0.05 in an epoch.",
        "The loss is as low as it gets and the network is worthless: every picture has the same answer.",
        {"centering": False, "teacher_temp": 0.02},
        "facebookresearch/dinov2 issue 272",
    ),
    Scene(
        "over-centering",
        False,
        "The slip C = α·C + (1 - β)·mean with α 0.996 and β 0.9: the centre is 25 times what it should be.",
        "One prototype after another gets everything: each is pushed down much too far, and another one wins.",
        {"center_momentum": 0.996, CENTER_GAIN: 25.0},
        "common pseudo-code",
    ),
    Scene(
        "Sinkhorn instead of the centre",
        True,
        "Each batch's targets are balanced so that every prototype gets its share.",
        "All prototypes are in use at once; h starts higher and falls as the run learns.",
        {"target": "sinkhorn"},
        "paper Table 15; DINOv2",
    ),
)


def scene(name: str) -> Scene:
    """The scene of this name; ValueError when there is none."""
    for each in SCENES:
        if each.name == name:
            return each
    raise ValueError(f"There is no scene {name!r}; the scenes are {', '.join(each.name for each in SCENES)}.")
