"""Images/s of a whole training step, augmentation included, beside other implementations in one run, on one thread.

    python -m bench.step --peers ../peers          # row 1: ViT 96 × 4, 32 px
    python -m bench.step --peers ../peers --large  # row 2: ViT-Ti/16, 224 px

Everybody has the same backbone, head sizes, views and batch; vit-pytorch knows no multi-crop and makes two views fewer
a network. A contender that is not there is left out, and said so.
"""

import argparse
import os
import warnings
from pathlib import Path

import torch

from bench import peers
from bench.rounds import alternate, report
from bench.views import made_up_pictures, small_config
from dino_lite import DinoConfig


def large_config() -> DinoConfig:
    """Row 2 of the design's table: ViT-Ti/16, 224 px, 2 + 8 views, batch 32; the official head, fewer prototypes."""
    return DinoConfig(dim=192, heads=3, out_dim=4096, batch_size=32, picture_size=224)


def main(large: bool = False, folder: Path = Path("../peers"), rounds: int = 5) -> dict[str, dict[str, float]]:
    """Measure and print; ratios are to facebookresearch/dino."""
    config = large_config() if large else small_config()
    images = made_up_pictures(config.batch_size, config.picture_size)
    builders = {
        "facebookresearch/dino": peers.official,
        "lightly": peers.lightly,
        "vit-pytorch": peers.lucidrains,
        "dino_lite": peers.ours,
    }
    if not large:
        builders |= {"dino_lite, compiled": peers.ours_compiled, "dino_lite, bf16": peers.ours_bf16}
    contenders = {}
    for name, build in builders.items():
        try:
            contenders[name] = build(config, images, folder)
        except ImportError as error:
            print(f"{name}: not measured ({error}); clones are looked for in {folder}")
    title = f"training step, ViT {config.dim} × {config.depth}, {config.global_size} px, {config.n_views} views"
    head = f"head {config.head_hidden}/{config.bottleneck}, K = {config.out_dim}, batch {config.batch_size}"
    return report(f"{title}, {head}", alternate(contenders, rounds), config.batch_size)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--large", action="store_true")
    options.add_argument("--peers", type=Path, default=Path(os.environ.get("DINO_PEERS", "../peers")))
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # the peers' own
    main(chosen.large, chosen.peers, chosen.rounds)
