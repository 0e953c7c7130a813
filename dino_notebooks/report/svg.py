"""A figure as SVG inside a page: its ink follows the page's theme, its pictures are small, its text is text."""

import base64
import html
import io
import re
import warnings

import matplotlib
from PIL import Image

from dino_notebooks.plots import Plot
from dino_notebooks.plots.style import INK, RULE, WIDTH

DPI = 160  # of smooth pictures in a figure: sharp on a page up to twice as wide as the figure
THEMED = {INK: "--soft", RULE: "--line"}  # the page has these in a light and a dark version
FEW = 64 * 64  # pixels up to which a picture is kept exactly


def inline_svg(plot: Plot, name: str) -> str:
    """The figure as an <svg> element as wide as its place, with its finding as alternative text.

    name: different for each figure of a page; it keeps their ids apart.
    """
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # the browser has other fonts
        plot.savefig(file, format="svg", dpi=DPI, metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"\bid=\"", f'id="{name}-', text)
    text = re.sub(r"(url\(|href=\")#", rf"\g<1>#{name}-", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    for color, name_in_page in THEMED.items():
        text = text.replace(color.lower(), f"var({name_in_page})").replace(color, f"var({name_in_page})")
    text = re.sub(r"data:image/png;base64,\s*([^\"]+)", lambda found: as_webp(found[1]), text)
    text = re.sub(r"\s*\n\s*", " ", text)
    box = re.search(r'viewBox="([^"]*)"', text)
    head = f'<svg role="img" aria-label="{html.escape(plot.finding)}" viewBox="{box[1] if box else ""}"'
    share = plot.get_figwidth() / WIDTH  # a narrow figure stays narrow, so that text has one size on the page
    look = f'style="width:{share:.0%};stroke-linejoin:round;stroke-linecap:butt"'
    return f'{head} {look} xmlns:xlink="http://www.w3.org/1999/xlink">{text[text.index(">") + 1 :]}'


def as_webp(png: str) -> str:
    """A PNG in base64 as the data URI of a WebP: exact where pixels are few and meant to be seen."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        exact = picture.width * picture.height <= FEW
        picture.save(file, "WEBP", lossless=exact, quality=80, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
