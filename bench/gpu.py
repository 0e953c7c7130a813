"""ViT-S/16 on a GPU, 2 × 224 + 8 × 96 px, bf16, augmentation included: images/s, and where the time goes.

    python -m bench.gpu                        # needs CUDA; says so and stops otherwise
    python -m bench.gpu --device cpu --tiny    # the same code on small sizes, to see that it runs

Beside ours stands the loader that the official code uses: PIL in 16 worker processes, without any network.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bench.rounds import alternate, machine, report
from bench.views import made_up_pictures, pil_views
from dino_lite import Dino, DinoConfig, make_views


class PilViews(Dataset[list[Tensor]]):
    """Pictures whose views are made in a worker process, one picture at a time, as the official loader does."""

    def __init__(self, config: DinoConfig, images: Tensor, length: int) -> None:
        self.config, self.images, self.length = config, images, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> list[Tensor]:
        """The V views of one picture."""
        one = self.images[index % len(self.images)][None]
        return [view[0] for view in pil_views(self.config, one)()]


def loader_speed(config: DinoConfig, images: Tensor, workers: int, batches: int) -> float:
    """Pictures/s of PIL views from worker processes, after the first batch."""
    data = PilViews(config, images, config.batch_size * (batches + 1))
    loader = iter(DataLoader(data, config.batch_size, num_workers=workers))
    next(loader)
    start = time.perf_counter()
    for _ in range(batches):
        next(loader)
    return config.batch_size * batches / (time.perf_counter() - start)


def matmul_rate(device: torch.device, size: int) -> float:
    """Measured bf16 matrix-product rate of the device, in FLOP/s."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = seconds_of(lambda: a @ b, device, 20)
    return 2 * size**3 / seconds


def model_flops(config: DinoConfig) -> float:
    """FLOP of the matrix products of one picture's step: student forward and backward (3 ×), teacher forward."""

    def tokens(side: int) -> int:
        return (side // config.patch_size) ** 2 + 1

    def backbone(side: int) -> float:
        n, d = tokens(side), config.dim
        return 2 * config.depth * n * (12 * d * d + 2 * n * d) + 2 * n * 3 * config.patch_size**2 * d

    head = config.dim * config.head_hidden + config.head_hidden**2 + config.head_hidden * config.bottleneck
    head = 2 * (head + config.bottleneck * config.out_dim)
    both, local = 2 * backbone(config.global_size), config.n_local * backbone(config.local_size)
    return 3 * (both + local + config.n_views * head) + both + 2 * head


def seconds_of(work: Callable[[], Any], device: torch.device, repeats: int) -> float:
    """Mean seconds a call, waiting for the device before and after."""
    wait = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    work()
    wait()
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    wait()
    return (time.perf_counter() - start) / repeats


def parts(dino: Dino, images: Tensor, repeats: int) -> dict[str, float]:
    """Milliseconds of the views, the teacher's and the student's passes alone, beside the whole step."""
    generator, views = torch.Generator().manual_seed(0), next(dino.views(images))

    def teacher() -> None:
        with torch.no_grad(), dino.autocast():
            dino.teacher(views.global_views)

    def student() -> None:
        with dino.autocast():
            logits, _ = dino.student(*views.crops)
        logits.float().square().mean().backward()

    work = {
        "whole step": lambda: dino.train_step(images),
        "views": lambda: make_views(images, dino.config, generator),
        "teacher forward": teacher,
        "student forward and backward": student,
    }
    return {name: 1000 * seconds_of(each, dino.device, repeats) for name, each in work.items()}


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--device", default="cuda")
    options.add_argument("--tiny", action="store_true")
    options.add_argument("--batch", type=int, default=128)
    options.add_argument("--workers", type=int, default=16)
    chosen = options.parse_args(arguments)
    if chosen.device == "cuda" and not torch.cuda.is_available():
        print("No GPU here: not measured.")
        return
    config = DinoConfig(batch_size=chosen.batch)
    if chosen.tiny:
        config = dataclasses.replace(
            config, depth=1, n_local=2, out_dim=256, head_hidden=64, batch_size=4, picture_size=64, global_size=64,
            local_size=32, precision="fp32",
        )  # fmt: skip
    device, rounds, repeats = torch.device(chosen.device), 2 if chosen.tiny else 10, 1 if chosen.tiny else 10
    images = made_up_pictures(config.batch_size, config.picture_size).to(device)
    plain = Dino(config, 0, device)
    contenders = {"dino_lite": lambda: plain.train_step(images)}
    if not chosen.tiny:
        compiled = Dino(dataclasses.replace(config, compile=True), 0, device)
        contenders["dino_lite, compiled"] = lambda: compiled.train_step(images)
    rows = report(f"ViT-S/16 step on {machine()}", alternate(contenders, rounds, repeats), config.batch_size)
    for name, milliseconds in parts(plain, images, repeats).items():
        print(f"  {name:30} {milliseconds:8.1f} ms")
    rate = matmul_rate(device, 256 if chosen.tiny else 8192)
    achieved = rows["dino_lite"]["images_per_second"] * model_flops(config)
    print(f"  matrix products: {rate / 1e12:.2f} TFLOP/s measured, {achieved / 1e12:.2f} used ({achieved / rate:.0%})")
    loader = loader_speed(config, images.cpu(), 0 if chosen.tiny else chosen.workers, 1 if chosen.tiny else 5)
    print(
        f"  official-style loader: {loader:.0f} images/s; ours × {rows['dino_lite']['images_per_second'] / loader:.1f}"
    )


if __name__ == "__main__":
    main()
