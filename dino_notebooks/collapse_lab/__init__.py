"""The panel `CollapseLab`: `panel.py` what each control does, `view.py` and `rows.py` what it looks like.

`knobs.py` is its column of knobs, `export.py` makes files of a run. The charts are in `dino_notebooks.meters`.
"""

from dino_notebooks.collapse_lab.knobs import all_but
from dino_notebooks.collapse_lab.panel import CollapseLab

__all__ = ["CollapseLab", "all_but"]
