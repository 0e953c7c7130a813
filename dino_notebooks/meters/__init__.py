"""The live meters of a steered run: each a function from a `Snapshot` to a `Drawing`, a few milliseconds each.

changes.py   knobs in words, and the marks of their changes
timeline.py  what all charts over the steps share
curves.py    loss and prototypes, of every step
tracks.py    distance and score, measured now and then
mass.py      use of the prototypes, and how targets are made
panel.py     all of them: `banner` and `page` as HTML, `sheet` as one drawing
"""

from dino_notebooks.meters.curves import loss, prototypes
from dino_notebooks.meters.mass import targets, use
from dino_notebooks.meters.panel import METERS, banner, page, sheet
from dino_notebooks.meters.tracks import distance, score

__all__ = ["METERS", "banner", "distance", "loss", "page", "prototypes", "score", "sheet", "targets", "use"]
