"""Timing in rounds: contenders take turns, so that a noisy machine is equally unkind to all of them."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

Times = dict[str, list[float]]


def alternate(contenders: Mapping[str, Callable[[], Any]], rounds: int, repeats: int = 1) -> Times:
    """Seconds a call, a number a round, after one warm-up call each. A round calls every contender `repeats` times."""
    for contender in contenders.values():
        contender()
    times: Times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            start = time.perf_counter()
            for _ in range(repeats):
                contender()
            times[name].append((time.perf_counter() - start) / repeats)
    return times


def report(title: str, times: Times, pictures: int) -> dict[str, dict[str, float]]:
    """Print and return each contender's pictures/s (median, range) and median ratio, round by round, to the first."""
    first = next(iter(times.values()))
    rows: dict[str, dict[str, float]] = {}
    print(f"\n{title}\n{machine()}, {len(first)} rounds")
    for name, seconds in times.items():
        ratios = [a / b for a, b in zip(first, seconds, strict=True)]
        rows[name] = {
            "ms": 1000 * statistics.median(seconds),
            "images_per_second": pictures / statistics.median(seconds),
            "slowest": pictures / max(seconds),
            "fastest": pictures / min(seconds),
            "ratio": statistics.median(ratios),
            "ratio_low": min(ratios),
            "ratio_high": max(ratios),
        }
        print(
            "  {0:22} {ms:9.1f} ms {images_per_second:8.1f} images/s ({slowest:.1f} to {fastest:.1f})"
            "   × {ratio:.2f} ({ratio_low:.2f} to {ratio_high:.2f})".format(name, **rows[name])
        )
    return rows


def machine() -> str:
    """Processor, threads and versions, for beside a figure."""
    cpu, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((x.split(":")[1].strip() for x in info.read_text().splitlines() if "model name" in x), cpu)
    return f"{cpu}, {torch.get_num_threads()} thread(s), torch {torch.__version__}, Python {platform.python_version()}"
