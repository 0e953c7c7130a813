"""All measurements after one another, on one thread: `make bench`, or `python -m bench --peers FOLDER`.

What cannot be measured here (no clones of the peers, no GPU) is said and left out. Figures: bench/RESULTS.md.
"""

import argparse
import os
import warnings
from pathlib import Path

import torch

from bench import gpu, lab, step, views

if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--peers", type=Path, default=Path(os.environ.get("DINO_PEERS", "../peers")))
    options.add_argument("--large", action="store_true", help="also ViT-Ti/16 at 224 px: several minutes")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # the peers' own
    views.main()
    lab.main()
    step.main(False, chosen.peers)
    if chosen.large:
        step.main(True, chosen.peers, rounds=3)
    if torch.cuda.is_available():
        gpu.main([])
    else:
        print("\nGPU: none here, not measured")
