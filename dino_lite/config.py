"""Every number of a DINO run in one frozen dataclass.

The defaults are the official ones (arXiv 2104.14294 and the authors' `main_dino.py`). `DinoConfig.lab()` and
`.small()` change what a small model and a short run need, and say why beside each change.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from dino_lite.field_checks import require_kind, require_range

TARGETS = ("center", "sinkhorn", "batch_softmax")


@dataclass(frozen=True)
class DinoConfig:
    """The settings of a run. Paper symbols in brackets; a *share* is a part of the whole run, from 0 to 1."""

    # pictures and views (paper §3.1 and appendix E)
    picture_size: int = 256  # px, side of the stored square pictures that crops are cut from
    global_size: int = 224  # px, side of the 2 global views
    local_size: int = 96  # px, side of the local views
    n_local: int = 8  # local views a picture [L]; V = 2 + L
    global_scale: tuple[float, float] = (0.4, 1.0)  # share of the picture's area in a global crop
    local_scale: tuple[float, float] = (0.05, 0.4)  # the same for a local crop
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.2, 0.1)  # brightness, contrast, saturation, hue
    jitter_prob: float = 0.8
    grey_prob: float = 0.2
    blur_probs: tuple[float, float, float] = (1.0, 0.1, 0.5)  # global view 1, global view 2, local views
    blur_sigma: tuple[float, float] = (0.1, 2.0)  # px, for views of 224 px
    solarize_prob: float = 0.2  # second global view only

    # backbone (ViT-S/16) and projection head (appendix C)
    backbone: str = "vit"  # "vit" is ours (vit.py); "timm:NAME" any timm ViT
    patch_size: int = 16  # px
    dim: int = 384  # width of a token [D]
    depth: int = 12  # blocks
    heads: int = 6  # attention heads a block
    init_std: float = 0.02  # of linear weights at the start; 0 = 1/√inputs, which a narrow network needs
    position_std: float = 0.02  # of the position embedding at the start
    drop_path: float = 0.1  # stochastic depth of the student's last block; the teacher has none
    head_hidden: int = 2048
    bottleneck: int = 256  # width of the unit vector before the prototypes
    out_dim: int = 65536  # prototypes [K]
    head_bn: bool = False  # batch norm after the head's hidden layers
    norm_last_layer: bool = True  # prototypes keep unit length: logits are cosines

    # loss (§3.1, Eq. 1-3) and teacher
    student_temp: float = 0.1  # [τs]
    teacher_temp: float = 0.04  # [τt] after its warm-up; the paper's long runs end at 0.07
    warmup_teacher_temp: float = 0.04  # [τt] at step 0
    warmup_teacher_temp_share: float = 0.3  # paper: 30 of 100 epochs
    center_momentum: float = 0.9  # [m] of Eq. 4
    target: str = "center"  # or "sinkhorn", "batch_softmax" (Table 15)
    koleo_weight: float = 0.0  # of DINOv2's term that spreads the features; DINOv2 has 0.1, DINO has none
    ema_momentum: float = 0.996  # [λ] at step 0; a cosine takes it to 1

    # optimisation: AdamW
    batch_size: int = 64  # pictures a step, over all processes
    accumulate: int = 1  # the batch goes through in this many parts
    epochs: int = 100
    lr: float = 0.0005  # for a batch of 256: the peak is lr × batch_size / 256
    min_lr: float = 1e-6
    warmup_share: float = 0.1  # paper: 10 of 100 epochs
    weight_decay: float = 0.04
    weight_decay_end: float = 0.4
    clip_grad: float = 3.0  # largest L2 norm of one parameter's gradient; 0 = no clipping
    freeze_last_layer_share: float = 0.01  # paper: 1 of 100 epochs
    precision: str = "auto"  # "auto": bf16 on CUDA, fp32 elsewhere; or "bf16", "fp32"
    compile: bool = False  # torch.compile student and teacher; drop path then draws from torch's global generator

    @property
    def peak_lr(self) -> float:
        """Learning rate at the end of the warm-up: linear scaling with the batch (§4.1)."""
        return self.lr * self.batch_size / 256

    @property
    def n_views(self) -> int:
        """V, the number of views a picture: 2 global and `n_local` local ones."""
        return 2 + self.n_local

    def __post_init__(self) -> None:
        """Refuse values that no run can use, with one sentence each."""
        for field in dataclasses.fields(self):
            require_kind(field.name, getattr(self, field.name), field.default)
        require_range(self, "bottleneck patch_size picture_size", 1, float("inf"))
        for name in ("global_size", "local_size"):
            size = getattr(self, name)
            if size < self.patch_size or size % self.patch_size:
                raise ValueError(
                    f"{name} must be a multiple of patch_size ({self.patch_size} px), got {size}: "
                    f"try {max(1, round(size / self.patch_size)) * self.patch_size}."
                )
        require_range(self, "center_momentum ema_momentum jitter_prob grey_prob solarize_prob", 0, 1)
        require_range(self, "drop_path", 0, 0.999)
        require_range(self, "warmup_share warmup_teacher_temp_share freeze_last_layer_share", 0, 1)
        require_range(self, "student_temp teacher_temp warmup_teacher_temp", 1e-6, float("inf"))
        rates = "lr min_lr weight_decay weight_decay_end clip_grad koleo_weight"
        require_range(self, f"init_std position_std n_local {rates}", 0, float("inf"))
        if self.koleo_weight and self.batch_size // self.accumulate < 2:
            raise ValueError("koleo_weight needs 2 pictures or more in each part of a batch: raise batch_size.")
        require_range(self, "batch_size accumulate epochs depth heads dim out_dim head_hidden", 1, float("inf"))
        if self.dim % self.heads:
            raise ValueError(f"dim must be a multiple of heads ({self.heads}), got {self.dim}.")
        for name in ("global_scale", "local_scale"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1:
                raise ValueError(f"{name} must be (low, high) with 0 < low <= high <= 1, got {(low, high)}.")
        if not all(0 <= p <= 1 for p in (*self.blur_probs, *self.jitter)) or self.jitter[3] > 0.5:
            raise ValueError(
                "blur_probs and jitter must lie between 0 and 1, and jitter's last, the hue, at most at 0.5, "
                f"got {self.blur_probs} and {self.jitter}."
            )
        if self.target not in TARGETS:
            raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {self.target!r}.")
        if self.precision not in ("auto", "bf16", "fp32"):
            raise ValueError(f"precision must be auto, bf16 or fp32, got {self.precision!r}.")
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size ({self.batch_size}) must be a multiple of accumulate, got {self.accumulate}.")

    @classmethod
    def lab(cls) -> "DinoConfig":
        """About a minute on one CPU core: emoji at 32 px, a network of 0.2 M weights, to be steered live."""
        return cls(
            picture_size=64,
            global_size=32,
            local_size=16,
            n_local=0,  # at this size two global views teach as much in two thirds of the time
            global_scale=(0.6, 1.0),  # a 32 px crop of less shows hardly anything
            # a short run learns from what two views clearly share: weak colour changes, no grey, blur or solarize
            jitter=(0.1, 0.1, 0.05, 0.0),
            grey_prob=0.0,
            blur_probs=(0.0, 0.0, 0.0),
            solarize_prob=0.0,
            patch_size=8,
            dim=64,
            depth=3,
            heads=4,
            init_std=0.0,  # 0.02 would make all pictures look alike to a network 64 wide
            position_std=0.3,  # places must count from the first step on
            drop_path=0.0,  # three blocks have none to spare
            head_hidden=128,
            bottleneck=32,
            out_dim=256,
            batch_size=48,  # 64 would leave a live panel too little of a core to draw 15 steps a second
            epochs=12,
            lr=0.008,  # few steps: sixteen times the paper's
            ema_momentum=0.99,  # remembers 100 steps of the 828; 0.996 would remember 250
        )

    @classmethod
    def small(cls) -> "DinoConfig":
        """Minutes on a CPU: the lab's recipe with local views, a network of 0.6 M weights and 3120 steps."""
        long = dataclasses.replace(cls.lab(), batch_size=64, epochs=60, ema_momentum=0.996)
        return dataclasses.replace(long, n_local=4, local_scale=(0.2, 0.6), dim=96, depth=4, out_dim=1024)

    @classmethod
    def emoji(cls) -> "DinoConfig":
        """The recipe of the model in the package: an hour or more on one CPU core; its search is bench/RECIPES.md."""
        return dataclasses.replace(
            cls.lab(),
            dim=96,
            depth=4,
            head_hidden=512,
            bottleneck=128,
            head_bn=True,
            out_dim=1024,
            target="sinkhorn",  # a young run may then follow its teacher closely: with a centre it would collapse
            ema_momentum=0.9,
            teacher_temp=0.02,  # sharp: targets are to tell single pictures apart
            warmup_teacher_temp=0.02,
            koleo_weight=0.5,  # what helped most: features that spread find their neighbours
            batch_size=128,
            epochs=700,
        )

    @classmethod
    def paper_vit_s16(cls) -> "DinoConfig":
        """ViT-S/16 as the paper trains it for 100 epochs: batch 1024 over 16 GPUs, τt 0.04 → 0.07."""
        return cls(batch_size=1024, teacher_temp=0.07)

    def to_json(self) -> str:
        """The settings as indented JSON, one field a line."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "DinoConfig":
        """The reverse of `to_json`; ValueError when the text is not a settings file of this version."""
        try:
            values: dict[str, Any] = json.loads(text)
            unknown = values.keys() - {field.name for field in dataclasses.fields(cls)}
            if unknown:
                raise ValueError(f"unknown field {min(unknown)!r}")
            fields: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return cls(**fields)
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"These are not the settings of a DINO run: {error}") from error
