"""Your own pictures: a folder, flat or with one sub-folder a class, decoded once into memory.

Whatever a camera, a phone or a scanner wrote: turned by its EXIF tag, grey, palette, CMYK, 16 bit, animated
(the first frame). A file that can't be used is named in a warning and skipped; it never stops the others.
"""

import os
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from dino_lite.data import Pictures

# Also some that Pillow can't read (.heic, from phones): the warning names them, not silence
SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif", ".gif", ".bmp"}
SUFFIXES |= {".tif", ".tiff", ".jp2", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"}
SMALLEST = 8  # px; what has a shorter side is a tracking pixel or a bullet, not a picture
SPLITS = {"train", "test", "val", "valid", "validation"}  # names of folders that are no classes
NAMED = 5  # skipped files that a warning names; the others are counted

Item = TypeVar("Item")
Result = TypeVar("Result")


def load_folder(folder: Path, size: int) -> Pictures:
    """Every picture under `folder`, its shorter side resized to `size` px and centre-cropped.

    C = 4 when any picture is transparent somewhere, else 3. Names are paths in the folder. Its sub-folders
    are the classes, unless pictures lie beside them. ValueError when there is nothing to use.
    """
    paths = sorted(find_pictures(folder), key=lambda path: path.relative_to(folder).parts)
    if not paths:
        raise ValueError(f"{folder} holds no pictures: put .jpg or .png files there, or in a folder a class.")
    names = [path.relative_to(folder).as_posix() for path in paths]
    decoded = decode_all(lambda path: decode_picture(path, size), paths, f"reading {folder.name}")
    results = dict(zip(names, decoded, strict=True))
    skipped = [(name, result) for name, result in results.items() if isinstance(result, str)]
    pixels = {name: result for name, result in results.items() if not isinstance(result, str)}
    if not pixels:
        raise ValueError(f"no picture in {folder} can be used: {describe(skipped)}.")
    if skipped:
        text = f"skipped {len(skipped)} of {len(names)} pictures in {folder}: {describe(skipped)}."
        warnings.warn(text, stacklevel=3)  # 3: the line that called load_pictures
    labels, label_names = classes(list(pixels))
    if labels is None and any("/" in name for name in pixels):
        text = f"pictures lie beside the class folders in {folder}, so there are no labels."
        warnings.warn(text, stacklevel=3)
    if label_names and len(label_names) > 1 and SPLITS.issuperset(label_names):
        text = f"{folder} holds {' and '.join(label_names)}: all were read, as if they were classes. Name one of them."
        warnings.warn(text, stacklevel=3)
    return Pictures(stack(list(pixels.values())), list(pixels), labels, label_names)


def find_pictures(folder: Path) -> list[Path]:
    """The files at any depth under `folder` that are called like pictures, without hidden ones (.name)."""
    found, seen = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:  # a link that leads back up would go round for ever
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in files if not name.startswith(".")]
    return [path for path in found if path.suffix.lower() in SUFFIXES]


def decode_all(decode: Callable[[Item], Result], items: Iterable[Item], label: str) -> list[Result]:
    """`decode` of every item, in order, in a few threads, with a progress bar when there is a terminal."""
    items, threads = list(items), min(8, os.cpu_count() or 1)
    length = min(16, 1 + len(items) // (4 * threads))  # to hand over one at a time takes a third of a small PNG's time
    runs = [items[start : start + length] for start in range(0, len(items), length)]
    pool = ThreadPoolExecutor(threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks about odd EXIF tags and palettes
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # becomes a skipped file
        try:
            results = chain.from_iterable(pool.map(lambda run: [decode(item) for item in run], runs))
            return list(tqdm(results, label, len(items), unit=" pictures", disable=None))
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C ends it at once, not after the last of 50,000 files


def decode_picture(path: Path, size: int) -> np.ndarray | str:
    """The picture as uint8 (size,size,3), or (size,size,4) with alpha; or why it can't be, in a few words."""
    try:
        with Image.open(path) as picture:
            if min(picture.size) < SMALLEST:
                return f"{picture.width} × {picture.height} px is too small"
            picture.draft(None, (2 * size, 2 * size))  # a JPEG may decode at 1/2, 1/4, 1/8, but not below this
            return fit(upright(picture), size)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return "too many pixels, a decompression bomb"
    except UnidentifiedImageError:
        return "not a picture that Pillow can read"
    # On broken files decoders raise whatever they stumble on: OSError, SyntaxError, struct.error, ValueError
    except Exception as error:
        return f"broken: {str(error).splitlines()[0] if str(error) else type(error).__name__}"


def upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says; as it is when the EXIF data are unreadable."""
    picture.load()
    with suppress(Exception):  # any parser error: the pixels are good all the same
        ImageOps.exif_transpose(picture, in_place=True)
    return picture


def fit(picture: Image.Image, size: int) -> np.ndarray:
    """Shorter side → `size` px, centre crop: uint8 (size,size,3), or (size,size,4) if there may be alpha."""
    if picture.mode.startswith(("I", "F")):
        picture = eight_bit(picture)
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    picture = picture if picture.mode == mode else picture.convert(mode)  # convert and fit would copy all the same
    if picture.size != (size, size):  # Pillow resizes RGBA with colours × alpha by itself, and antialiases
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
    return np.array(picture)


def eight_bit(picture: Image.Image) -> Image.Image:
    """A 16 or 32 bit grey picture as 8 bit. Pillow's own conversion cuts everything over 255 to white."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
    top = values.max()
    if picture.mode.startswith("I;16"):
        white = 65535.0
    else:  # how these count isn't written in the file: 0 … 1, 8 bit, 16 bit, or up to the brightest pixel
        white = next((white for white in (1.0, 255.0, 65535.0) if top <= white), top)
    return Image.fromarray((values / white * 255).clip(0, 255).round().astype(np.uint8))


def stack(pixels: list[np.ndarray]) -> Tensor:
    """N pictures (S,S,3 or 4) → uint8 (N,C,S,S): C = 4 when any has alpha under 255; opaque ones get 255."""
    channels = 4 if any(p.shape[2] == 4 and p[..., 3].min() < 255 for p in pixels) else 3
    images = torch.full((len(pixels), channels, *pixels[0].shape[:2]), 255, dtype=torch.uint8)
    for image, picture in zip(images, pixels, strict=True):
        known = min(channels, picture.shape[2])
        image[:known] = torch.from_numpy(picture).permute(2, 0, 1)[:known]
    return images


def classes(names: list[str]) -> tuple[Tensor | None, list[str] | None]:
    """Labels int64 (N,) and their names, from the first folder in each name; None, None when one has none."""
    if not all("/" in name for name in names):
        return None, None
    firsts = [name.split("/")[0] for name in names]
    label_names = sorted(set(firsts))
    return torch.tensor([label_names.index(first) for first in firsts]), label_names


def describe(skipped: list[tuple[str, str]]) -> str:
    """The skipped files in words: a.jpg (why), b.png (why) and 3 more."""
    first = ", ".join(f"{name} ({reason})" for name, reason in skipped[:NAMED])
    return first + (f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else "")
