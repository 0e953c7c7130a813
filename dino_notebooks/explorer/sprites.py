"""The pictures as the page gets them: all on one sheet, small, and one at a time as large as it is."""

import io
import math

import numpy as np
from PIL import Image

from dino_lite import Pictures
from dino_lite.data import resize_images

SIDES = ((600, 64), (2000, 48))  # px a picture when there are at most so many
SIDE = 32  # px a picture when there are more
LARGEST = 160  # px, of the picture at the pointer
QUALITY = 90  # of WebP; alpha stays exact


def side(count: int) -> int:
    """Px a picture on a sheet of so many."""
    return next((px for most, px in SIDES if count <= most), SIDE)


def sheet(pictures: Pictures) -> tuple[bytes, int, int]:
    """A WebP of all pictures, row by row, as near to a square as it goes; px a picture, and columns."""
    px, columns = side(len(pictures)), math.ceil(math.sqrt(len(pictures)))
    # Pillow here: much faster than resize_images, and a map needs no gradients
    images = [Image.fromarray(image) for image in pictures.images.cpu().permute(0, 2, 3, 1).numpy()]
    small = np.stack([np.asarray(image.resize((px, px), Image.Resampling.LANCZOS)) for image in images])
    rows, channels = math.ceil(len(small) / columns), small.shape[3]
    cells = np.zeros((rows * columns, px, px, channels), dtype=np.uint8)
    cells[: len(small)] = small
    whole = cells.reshape(rows, columns, px, px, channels).swapaxes(1, 2).reshape(rows * px, columns * px, channels)
    return _webp(Image.fromarray(whole)), px, columns


def picture(pictures: Pictures, row: int) -> bytes:
    """One picture as WebP, in its own size or up to 160 px."""
    image = pictures.images[row].cpu()
    image = resize_images(image[None], LARGEST)[0] if image.shape[-1] > LARGEST else image
    return _webp(Image.fromarray(image.permute(1, 2, 0).numpy()))


def _webp(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "webp", quality=QUALITY, method=2)
    return file.getvalue()
