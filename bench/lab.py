"""Steps/s of the lab preset, on one thread: what the live panel has to live on.

python -m bench.lab
"""

import torch

from bench.rounds import alternate, report
from dino_lite import Dino, DinoConfig, load_pictures


def main(rounds: int = 9) -> dict[str, dict[str, float]]:
    """Measure and print."""
    config = DinoConfig.lab()
    dino, images = Dino(config, 0, "cpu"), load_pictures("emoji", size=config.picture_size).images[: config.batch_size]
    times = alternate({"lab preset": lambda: dino.train_step(images)}, rounds, repeats=10)
    rows = report("step of the lab preset, emoji", times, config.batch_size)
    print(f"  {1000 / rows['lab preset']['ms']:.1f} steps/s")
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
