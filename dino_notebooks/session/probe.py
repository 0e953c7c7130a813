"""What a steered run is asked now and then, always about the same pictures: targets, prototypes in use, retrieval.

Measuring draws no random numbers, so that it leaves no trace in the run.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from dino_lite import Dino, DinoConfig, Pictures, load_pictures, retrieval_accuracy
from dino_lite.collapse import student_teacher_distance
from dino_lite.colors import normalize
from dino_lite.evaluate import on_background
from dino_lite.knobs import Knobs
from dino_lite.loss import teacher_probs
from dino_lite.resample import resize
from dino_notebooks.session.snapshot import Probe
from dino_notebooks.session.timeline import Branch

SHOWN = ("noto/dog face", "noto/slice of pizza", "noto/rocket", "noto/red apple")
ASKED = 32  # pictures behind the use of prototypes, each and its mirror image
DISTANCE_EVERY, SCORE_EVERY = 10, 50  # steps between two measurements of what is not measured at every step
THINGS = 256  # that the first vendor's pictures are to find again among the second's


class Prober:
    """The fixed pictures, ready for the network, on its device."""

    def __init__(self, pictures: Pictures, size: int, device: torch.device) -> None:
        things = len(pictures) // 3  # vendor after vendor, the things in one order
        asked = torch.arange(ASKED) * things // ASKED
        asked[: len(SHOWN)] = torch.tensor([pictures.names.index(name) for name in SHOWN])
        wanted = torch.arange(THINGS) * things // THINGS
        rows = torch.cat([asked, wanted, wanted + things])
        on_color = resize(on_background(pictures.images[rows], "random"), size).clamp(0, 1)
        self.shown = on_color[: len(SHOWN)].mul(255).round().to(torch.uint8)
        self._asked, self._first, self._second = normalize(on_color).to(device).split([ASKED, THINGS, THINGS])

    @torch.inference_mode()
    def look(self, dino: Dino, knobs: Knobs) -> Probe:
        """The teacher's distributions now, by the knobs in force."""
        views = torch.stack([self._asked, self._asked.flip(-1)])  # (2, ASKED, 3, S, S)
        logits = dino.teacher(views)[0].float()
        target = dino.targets(logits, knobs)
        nothing, temperature = torch.zeros_like(dino.center), knobs["student_temp"]
        n = len(SHOWN)
        raw = teacher_probs(logits, nothing, temperature)[0, :n]
        centered = teacher_probs(logits, dino.center if knobs["centering"] else nothing, temperature)[0, :n]
        use = target.mean(dim=(0, 1))
        return Probe(self.shown, raw.cpu(), centered.cpu(), target[0, :n].cpu(), use.cpu())

    def measure(self, dino: Dino, branch: Branch) -> None:
        """Record what is not measured at every step, when it is due: at fixed steps, so a replay shows the same."""
        if dino.step % DISTANCE_EVERY == 0:
            branch.distance.append((dino.step, student_teacher_distance(dino.student, dino.teacher)))
        if dino.step % SCORE_EVERY == 0:
            branch.score.append((dino.step, self.retrieval(dino)))

    @torch.inference_mode()
    def retrieval(self, dino: Dino) -> float:
        """Share of things whose picture by one vendor is nearest to the other vendor's, both ways, 0 to 1."""
        first, second = (self._rows(dino, pictures) for pictures in (self._first, self._second))
        return (retrieval_accuracy(first, second) + retrieval_accuracy(second, first)) / 2

    def _rows(self, dino: Dino, pictures: Tensor) -> Tensor:
        backbone: Any = dino.teacher.backbone
        found: Tensor = backbone(pictures)
        return torch.nn.functional.normalize(found.float(), dim=-1).cpu()


@cache
def steered_pictures(config: DinoConfig) -> Pictures:
    """The pictures of a recipe, read once in a process."""
    return load_pictures("emoji", size=config.picture_size)
