"""Draw the picture of the explorer that the README shows: docs/images/explorer.png.

python tools/draw_docs.py        needs Chromium (or $CHROMIUM) and a minute or two for UMAP
"""

import os
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.explorer import HARNESS, open_page  # noqa: E402 (of this checkout)
from dino_notebooks import Explorer  # noqa: E402

IMAGES = ROOT / "docs" / "images"
CLICKED = "noto/dog face"


def explorer_png() -> None:
    """The explorer on the shipped model's UMAP, with a picture clicked."""
    sys.path.insert(0, str(HARNESS))
    from jupyterlab_browser import FLAGS
    from playwright.sync_api import sync_playwright

    explorer = Explorer()
    explorer.wait()
    explorer.selected = explorer.pictures.names.index(CLICKED)
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = open_page(browser, explorer, 1000)
        page.wait_for_timeout(1000)
        page.locator(".dx").screenshot(path=IMAGES / "explorer.png")
        browser.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    explorer_png()
