"""What diagnoses are called in figures and reports: a word, a sentence, a colour and a sign, always together."""

from dataclasses import dataclass

from dino_notebooks.plots.style import GREEN, INK, ORANGE, VERMILION


@dataclass(frozen=True)
class Verdict:
    """How one diagnosis is shown."""

    word: str  # in a figure
    title: str  # in a headline
    meaning: str  # for someone who reads it for the first time
    color: str


VERDICTS = {
    "healthy": Verdict(
        "healthy",
        "Healthy",
        "The targets are sharp for each picture and different between pictures: the teacher tells them apart.",
        GREEN,
    ),
    "not_learning": Verdict(
        "not learning yet",
        "Not learning yet",
        "The targets hardly differ between pictures, but have not collapsed either: common early in a run; if it "
        "stays, train longer or change the learning rate or the teacher's momentum.",
        ORANGE,
    ),
    "uniform": Verdict(
        "uniform",
        "Collapsed: uniform",
        "Every picture gets the same flat target, all prototypes alike, so there is nothing left to learn. "
        "Centering without enough sharpening leads here: lower the teacher's temperature.",
        VERMILION,
    ),
    "dominant": Verdict(
        "one prototype",
        "Collapsed: one prototype dominates",
        "Every picture gets the same few prototypes, so there is nothing left to learn. Sharpening without centering "
        "leads here, and so does a teacher without its moving average.",
        VERMILION,
    ),
}


def verdict(diagnosis: str) -> Verdict:
    """The words for a diagnosis; one that is not known here is shown as it is."""
    return VERDICTS.get(diagnosis, Verdict(diagnosis, diagnosis.capitalize(), "", INK))
