"""The crops of a picture: where they were cut, what they look like, and which pairs of them the loss compares."""

import io
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
import torch
from PIL import Image
from torch import Tensor

from dino_lite import DinoConfig, load_cat
from dino_lite.views import ViewParams, apply_views, draw_views
from dino_notebooks.plots.crops import denormalized
from dino_notebooks.widgets.controls import NumberControl
from dino_notebooks.widgets.crop_drawing import SHOWN, Crop, draw_crops
from dino_notebooks.widgets.live_figure import CONTROL, Figure, LiveFigure, row
from dino_notebooks.widgets.ranges import Range

MOST_LOCAL = 8
PAPER = DinoConfig()
# Half the paper's sizes: a sixth of the bytes for each picture of a slider that is being dragged, no less to see.
SIZES = DinoConfig(global_size=PAPER.global_size // 2, local_size=PAPER.local_size // 2, n_local=MOST_LOCAL)
LOWEST = 0.01  # share of the picture
GLOBAL_LOW = Range("global_low", "", "global: least share", LOWEST, 1.0)
GLOBAL_HIGH = Range("global_high", "", "global: largest share", LOWEST, 1.0)
LOCAL_LOW = Range("local_low", "", "local: least share", LOWEST, 1.0)
LOCAL_HIGH = Range("local_high", "", "local: largest share", LOWEST, 1.0)
N_LOCAL = Range("n_local", "L", "local views", 0, MOST_LOCAL, scale="whole")
JITTER = Range("jitter", "", "colour jitter (paper: 1)", 0.0, 2.0)
BLUR = Range("blur", "", "blur (paper: 1)", 0.0, 3.0)


class MultiCropWidget(LiveFigure):
    """A picture, its two global and L local crops, and the pairs of them in the loss.

    picture: uint8 (3 or 4, H, W), by default a cat. n_local: L, 0 to 8. seed: of the crops; the button "new crops"
    takes the next. global_scale, local_scale: least and largest share of the picture in a crop. The random numbers come
    from a generator of the widget's own.
    """

    def __init__(
        self,
        picture: Tensor | None = None,
        n_local: int = 6,
        seed: int = 0,
        global_scale: tuple[float, float] = PAPER.global_scale,
        local_scale: tuple[float, float] = PAPER.local_scale,
    ) -> None:
        self._picture = load_cat() if picture is None else _required(picture)
        self._still, self.seed = _png(_thumbnail(self._picture)), seed
        self.global_low = NumberControl(GLOBAL_LOW, global_scale[0], lambda _: self._share("global", "low"), CONTROL)
        self.global_high = NumberControl(GLOBAL_HIGH, global_scale[1], lambda _: self._share("global", "high"), CONTROL)
        self.local_low = NumberControl(LOCAL_LOW, local_scale[0], lambda _: self._share("local", "low"), CONTROL)
        self.local_high = NumberControl(LOCAL_HIGH, local_scale[1], lambda _: self._share("local", "high"), CONTROL)
        self.n_local = NumberControl(N_LOCAL, n_local, self._plain, CONTROL)
        self.jitter = NumberControl(JITTER, 1.0, self._plain, CONTROL)
        self.blur = NumberControl(BLUR, 1.0, self._plain, CONTROL)
        self.new = widgets.Button(description="new crops", icon="refresh", layout={"width": "130px"})
        self.new.on_click(self.next_crops)
        rows = (self.global_low, self.global_high, self.local_low, self.local_high, self.jitter, self.blur)
        self._mended = self._ordered("global", "low") + self._ordered("local", "low")
        super().__init__([row(*rows, self.n_local, self.new)])

    @property
    def config(self) -> DinoConfig:
        """The settings of the views as the controls stand; the blur is in px of the smaller views."""
        shrunk = SIZES.global_size / PAPER.global_size * self.blur.value
        j = self.jitter.value
        return replace(
            SIZES,
            n_local=round(self.n_local.value),
            global_scale=(self.global_low.value, self.global_high.value),
            local_scale=(self.local_low.value, self.local_high.value),
            jitter=(PAPER.jitter[0] * j, PAPER.jitter[1] * j, PAPER.jitter[2] * j, PAPER.jitter[3] * j),
            blur_sigma=(PAPER.blur_sigma[0] * shrunk, PAPER.blur_sigma[1] * shrunk),
        )

    def next_crops(self, _: Any = None) -> None:
        """Other crops: the next seed."""
        self.seed += 1
        self._plain()

    def figure(self) -> Figure:
        """Crops drawn and applied by the library, in the sizes and shares that the controls say."""
        config, hw = self.config, (self._picture.shape[-2], self._picture.shape[-1])
        generator = torch.Generator().manual_seed(self.seed)
        # always all eight, so that one more or one less does not change the others
        both, local = draw_views(1, hw, replace(config, n_local=MOST_LOCAL), generator)
        local = _first(local, config.n_local)
        views = apply_views(self._picture[None], config, both, local)
        tiles = [view for crop in views.crops for view in denormalized(crop)[:, 0]]
        boxes = torch.cat([both.box, local.box])[:, 0]
        area = boxes[:, 2] * boxes[:, 3] / (hw[0] * hw[1])
        crops = [
            Crop(str(place + 1), place < 2, tuple(boxes[place].tolist()), _png(Image.fromarray(tile)))
            for place, tile in enumerate(tiles)
        ]
        count = config.n_views
        numbers = {"views": float(count), "terms": float(2 * count - 2), "seed": float(self.seed)}
        numbers |= {f"share_{place + 1}": share for place, share in enumerate(area.tolist())}
        drawing = draw_crops(self._still, hw, crops, _finding(area.tolist(), numbers))
        return Figure(drawing, numbers, self._line(numbers, area.tolist()))

    def _line(self, numbers: dict[str, float], areas: list[float]) -> str:
        count = round(numbers["views"])
        shares = ", ".join(f"{share:.0%}" for share in areas)
        return (
            f"{self._mended}V = {count} views; the loss has 2V − 2 = {2 * count - 2} terms: the teacher's view of crop "
            f"1 and of crop 2, each with all other views of the student. Share of the picture in crop 1 to {count}: "
            f"{shares}. Seed {self.seed}."
        )

    def _share(self, kind: str, end: str) -> None:
        self._mended = self._ordered(kind, end)
        self.refresh()

    def _ordered(self, kind: str, moved: str) -> str:
        """Where the least share is above the largest, the end that was not moved gives way; what to say about it."""
        low, high = getattr(self, f"{kind}_low"), getattr(self, f"{kind}_high")
        if low.value <= high.value:
            return ""
        (high if moved == "low" else low).show(low.value if moved == "low" else high.value)
        other = "largest" if moved == "low" else "least"
        return f"The {other} share of {kind} views has moved along: the least cannot be above the largest. "

    def _plain(self, _: Any = None) -> None:
        self._mended = ""
        self.refresh()


def _first(drawn: ViewParams, count: int) -> ViewParams:
    """The parameters of the first views."""
    cut: Any = {name: values[:count] for name, values in vars(drawn).items() if isinstance(values, Tensor)}
    return replace(drawn, **cut)


def _required(picture: Tensor) -> Tensor:
    shape, kind = tuple(getattr(picture, "shape", ())), getattr(picture, "dtype", type(picture).__name__)
    if kind != torch.uint8 or len(shape) != 3 or shape[0] not in (3, 4) or min(shape) < 1:
        raise ValueError(f"picture must be torch.uint8 (3 or 4, H, W), got {kind} {shape}.")
    return picture.cpu()


def _thumbnail(picture: Tensor) -> Image.Image:
    still = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
    still.thumbnail((SHOWN, SHOWN))
    return still


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "png", compress_level=4)
    return file.getvalue()


def _finding(areas: list[float], numbers: dict[str, float]) -> str:
    both, local = areas[:2], areas[2:]
    extra = f" and {len(local)} local crops with {min(local):.0%} to {max(local):.0%}" if local else ""
    return (
        f"2 global crops with {min(both):.0%} to {max(both):.0%} of the picture{extra}. The teacher sees the global "
        f"ones, the student all; a view is never compared with itself, which leaves {numbers['terms']:.0f} terms of "
        "the loss."
    )
