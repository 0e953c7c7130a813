"""Training: one step is the paper's Algorithm 1 (`Dino.train_step`); `train` repeats it and yields a log a step."""

import copy
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dino_lite import collapse
from dino_lite.batches import batch_rows, steps_per_epoch, stream_seed
from dino_lite.config import DinoConfig
from dino_lite.data import Pictures
from dino_lite.distributed import pick_device, rank, world_size
from dino_lite.knobs import Knobs, base_knobs, check_knobs, scheduled_knobs
from dino_lite.loss import batch_softmax_probs, dino_loss, koleo_loss, sinkhorn_probs, teacher_probs, update_center
from dino_lite.network import build_network
from dino_lite.optimizer import clip_gradients, freeze_last_layer, make_optimizer, set_rates
from dino_lite.steplog import StepLog, diagnose_step, measure, require_finite
from dino_lite.teacher import ema_update, make_teacher
from dino_lite.views import Views, apply_views, draw_views
from dino_lite.vit import DropPath

RANK_INTERVAL = 20  # steps between two effective ranks: each needs a singular value decomposition


class Dino:
    """The state of a run: `.student`, `.teacher`, `.center` (K,), `.optimizer`, `.step`.

    All randomness of a step is drawn from generators seeded by (seed, step), never from torch's global one: a run
    can be repeated, resumed, rewound and branched, and other cells' random numbers stay untouched.
    """

    def __init__(self, config: DinoConfig, seed: int = 0, device: str | torch.device | None = None) -> None:
        self.config, self.seed, self.step = config, seed, 0
        self.device = pick_device(device)
        self.student = build_network(config, seed)
        if config.head_bn and world_size() > 1:
            if self.device.type != "cuda":
                raise ValueError("head_bn in several processes needs GPUs (SyncBatchNorm): set head_bn=false.")
            self.student = nn.SyncBatchNorm.convert_sync_batchnorm(self.student)
        self.student.to(self.device)
        self.teacher = make_teacher(self.student)
        self.center = torch.zeros(config.out_dim, device=self.device)
        self.optimizer = make_optimizer(self.student, config)
        self._drop_generator = torch.Generator(self.device)
        for module in self.student.modules():
            if isinstance(module, DropPath):
                module.generator = self._drop_generator
        self._student, self._teacher = self._wrapped(self.student), self._wrapped(self.teacher)

    def train_step(self, images: Tensor, **knobs: Any) -> StepLog:
        """One step on uint8 pictures (B, C, H, W): Algorithm 1. Knobs not given have the config's values."""
        check_knobs(knobs)
        start, k = time.perf_counter(), base_knobs(self.config) | knobs
        parts, koleo, seen = self.config.accumulate, self.config.koleo_weight, []
        self.optimizer.zero_grad()
        for views in self.views(images, parts):  # x1, x2, ... = augment(x)
            with self.autocast():
                with torch.no_grad():
                    t, features = self._teacher(views.global_views)  # t1, t2 = gt(x1), gt(x2)
                s, z = self._student(*views.crops)  # s1, s2, ... = gs(x1), gs(x2), ...
            p = self.targets(t, k)  # center + sharpen, no gradient
            loss = dino_loss(s, p, k["student_temp"])  # H(t1, s2)/2 + H(t2, s1)/2
            spread = koleo * koleo_loss(z[:2]) if koleo else 0.0  # DINOv2's term, not in DINO
            ((loss + spread) / parts).backward()
            seen.append((loss.detach(), p, t, features))
        loss, p, t, features = whole_batch(seen)
        center = update_center(self.center, t, k["center_momentum"])  # C = m*C + (1-m)*cat([t1, t2]).mean(dim=0)
        numbers = measure(loss, p, features, center)
        require_finite(numbers["loss"], self.step, k, self.student, center)
        self.center = center
        clip_gradients(self.student, self.config.clip_grad)
        if k["freeze_last_layer"]:
            freeze_last_layer(self.student.head)
        set_rates(self.optimizer, k)
        self.optimizer.step()  # update(gs)
        ema_update(self.teacher, self.student, k["ema_momentum"] if k["ema"] else 0.0)
        return self._log(numbers, p, features, k, start)

    def views(self, images: Tensor, parts: int = 1) -> Iterator[Views]:
        """This step's views of uint8 pictures (B, C, H, W), in `parts` equal parts of the batch.

        Random numbers are drawn for the whole batch of all processes, and each process takes its own share: two
        processes with half the batch each see what one process would see.
        """
        batch, generator = len(images), torch.Generator().manual_seed(stream_seed(self.seed, self.step, "views"))
        drawn = draw_views(batch * world_size(), (images.shape[-2], images.shape[-1]), self.config, generator)
        self._drop_generator.manual_seed(stream_seed(self.seed, self.step, f"drop path {rank()}"))
        if batch % parts:
            raise ValueError(f"A batch of {batch} pictures does not split into {parts} equal parts (accumulate).")
        size = batch // parts
        for begin in range(0, batch, size):
            share = slice(rank() * batch + begin, rank() * batch + begin + size)
            part = images[begin : begin + size].to(self.device, non_blocking=True)
            yield apply_views(part, self.config, *(params.rows(share) for params in drawn))

    def targets(self, teacher_logits: Tensor, knobs: Knobs) -> Tensor:
        """The targets P_t (2, B, K) from the teacher's logits, by the knobs' way of avoiding collapse."""
        temperature = knobs["teacher_temp"] if knobs["sharpening"] else knobs["student_temp"]
        if knobs["target"] == "sinkhorn":
            return sinkhorn_probs(teacher_logits, temperature)
        if knobs["target"] == "batch_softmax":
            return batch_softmax_probs(teacher_logits, temperature)
        center = self.center if knobs["centering"] else torch.zeros_like(self.center)
        return teacher_probs(teacher_logits, center, temperature)

    def autocast(self) -> torch.autocast:
        """bf16 where the config asks for it, or the device is a CUDA GPU and the config leaves it open."""
        wanted = {"auto": self.device.type == "cuda", "bf16": True, "fp32": False}[self.config.precision]
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=wanted)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on from here: a nested dict of tensors and numbers (no copies are made)."""
        return {
            "step": self.step,
            "seed": self.seed,
            "center": self.center,
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()` of a run with the same config; the state is copied."""
        state = copy.deepcopy(state)
        self.step, self.seed = state["step"], state["seed"]
        self.center = state["center"].to(self.device)
        self.student.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _wrapped(self, network: nn.Module) -> nn.Module:
        if self.config.compile:
            network.compile()
        if world_size() > 1 and any(p.requires_grad for p in network.parameters()):
            ids = [self.device.index] if self.device.type == "cuda" else None
            network = DistributedDataParallel(network, device_ids=ids)
        return network

    def _log(self, numbers: dict[str, float], p: Tensor, features: Tensor, k: Knobs, start: float) -> StepLog:
        measured = self.step % RANK_INTERVAL == 0
        diagnosis = diagnose_step(numbers, p)
        rank_ = float(collapse.effective_rank(features.flatten(0, 1))) if measured else None
        seconds = time.perf_counter() - start
        self.step += 1
        return StepLog(
            step=self.step - 1,
            **numbers,
            effective_rank=rank_,
            knobs=k,
            diagnosis=diagnosis.state,
            reason=diagnosis.reason,
            seconds=seconds,
            images_per_second=p.shape[1] * world_size() / seconds,
        )


def whole_batch(parts: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The mean loss, and targets, logits and features (2, B, ...) of the whole batch, from those of its parts."""
    losses, *others = zip(*parts, strict=True)
    targets, logits, features = (torch.cat(tensors, dim=1) for tensors in others)
    return torch.stack(losses).mean(), targets, logits, features


def train(
    config: DinoConfig,
    pictures: Pictures,
    seed: int = 0,
    device: str | torch.device | None = None,
    steps: int | None = None,
    resume: Dino | None = None,
) -> Iterator[StepLog]:
    """Train and yield a `StepLog` a step, until `steps` (default: `config.epochs` over the pictures) are done.

    The schedules span the whole run. Pass a `Dino` as `resume` to go on with it, and to keep it in hand: it can be
    read, saved or evaluated between any two steps. With several processes each takes its share of every batch.
    """
    if resume is not None and resume.config != config:
        raise ValueError("resume was made with another config: pass resume.config as config.")
    per_epoch = steps_per_epoch(config, len(pictures))
    total = steps if steps is not None else config.epochs * per_epoch
    if total < 1:
        raise ValueError(f"A run needs at least 1 step, got {total}.")
    dino = resume if resume is not None else Dino(config, seed, device)
    return _steps(dino, pictures.images.to(dino.device), total)


def _steps(dino: Dino, images: Tensor, total: int) -> Iterator[StepLog]:
    share = dino.config.batch_size // world_size()
    mine = slice(rank() * share, (rank() + 1) * share)
    while dino.step < total:
        rows = batch_rows(len(images), dino.config.batch_size, dino.seed, dino.step)[mine]
        knobs = scheduled_knobs(dino.config, dino.step, total)
        yield dino.train_step(images[rows.to(images.device)], **knobs)
