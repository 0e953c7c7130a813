"""Does a second thread help a student's run, and what do too many cost? Why a class gets one core a student.

    python -m bench.threads           # steps of the lab recipe with 1, 2 and 8 threads, taking turns; a minute

More threads than cores is what a kernel gets in a container that may use two cores of a machine with many, unless
OMP_NUM_THREADS says otherwise. `CollapseLab` and `Session` always use one thread.
"""

import os

import torch

from bench.rounds import alternate, report
from dino_lite import Dino, DinoConfig, load_pictures

COUNTS = (1, 2, 8)


def main(rounds: int = 9) -> None:
    """Measure and print."""
    config = DinoConfig.lab()
    dino, images = Dino(config, 0, "cpu"), load_pictures("emoji", size=config.picture_size).images[: config.batch_size]

    def step(threads: int) -> None:
        torch.set_num_threads(threads)
        dino.train_step(images)

    times = alternate({f"{count} thread(s)": lambda count=count: step(count) for count in COUNTS}, rounds, repeats=10)
    torch.set_num_threads(1)
    report("step of the lab preset, emoji", times, config.batch_size)
    print(f"  {os.cpu_count()} cores, load of the last minute {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
