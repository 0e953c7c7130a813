"""Fashion-MNIST's four original files, wherever they lie, unpacked or .gz, as Zalando and Debian ship them.

torchvision wants them unpacked in <root>/FashionMNIST/raw, but the folder that holds them may be read-only.
So they are laid out in a temporary folder: 55 MB, half a second.
"""

import gzip
import shutil
from pathlib import Path

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # apt-get install dataset-fashion-mnist
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def find_originals(home: Path) -> list[Path]:
    """The four files, plain or .gz, from the first folder in or under `home` that has them all, else []."""
    for place in (home / "FashionMNIST" / "raw", home / "FashionMNIST", home / "raw", home):
        candidates = [(place / name, place / f"{name}.gz") for name in FILES]
        files = [file for pair in candidates for file in [file for file in pair if file.is_file()][:1]]
        if len(files) == len(FILES):
            return files
    return []


def lay_out(files: list[Path], root: Path) -> None:
    """Write the files unpacked to where torchvision looks for them under `root`."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in files:
        opener = gzip.open if file.suffix == ".gz" else open
        with opener(file, "rb") as packed, (raw / file.name.removesuffix(".gz")).open("wb") as plain:
            shutil.copyfileobj(packed, plain)
