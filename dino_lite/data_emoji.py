"""The default pictures: about 1,100 things, each drawn by three vendors. In the package, no download.

Three drawings of one thing are a label-free test of what a model learned (does the Noto dog find the Twemoji
dog?), alpha is an exact mask, and Unicode's groups and subgroups are labels at two levels.
"""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dino_lite.data import BUNDLED, Pictures, resize_images


def load_emoji(size: int) -> Pictures:
    """n concepts by every vendor: vendor after vendor, the concepts in one order, (3·n,4,size,size).

    So concept c by vendor v is picture number v·n + c.
    """
    index = json.loads((BUNDLED / "emoji.json").read_text(encoding="utf-8"))
    concepts, vendors = index["concepts"], index["vendors"]
    sheets = [_cut_sheet(BUNDLED / f"{vendor}.webp", index["cell"], len(concepts)) for vendor in vendors]
    images = torch.cat([resize_images(torch.from_numpy(sheet), size) for sheet in sheets])
    labels, label_names = _number([concept["group"] for concept in concepts] * len(vendors))
    sublabels, sublabel_names = _number([concept["subgroup"] for concept in concepts] * len(vendors))
    return Pictures(
        images,
        [f"{vendor}/{concept['name']}" for vendor in vendors for concept in concepts],
        labels,
        label_names,
        sublabels,
        sublabel_names,
        masks=images[:, 3] > 127,
    )


def _cut_sheet(path: Path, cell: int, n: int) -> np.ndarray:
    """The first n pictures of a sprite sheet, row by row: uint8 (n,4,cell,cell)."""
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet)  # RGBA: (rows·cell, columns·cell, 4)
    rows, columns = pixels.shape[0] // cell, pixels.shape[1] // cell
    cells = pixels.reshape(rows, cell, columns, cell, 4)
    return cells.transpose(0, 2, 4, 1, 3).reshape(-1, 4, cell, cell)[:n]


def _number(values: list[str]) -> tuple[Tensor, list[str]]:
    """A number for each value, counted in order of appearance: int64 (n,), and the value of each number."""
    names = list(dict.fromkeys(values))
    number = {name: place for place, name in enumerate(names)}
    return torch.tensor([number[value] for value in values]), names
