"""A drawing described once, in px from its upper left corner, and given out as SVG for a page or as PNG for a file.

Live charts are SVG strings: a frame costs a few milliseconds, needs no matplotlib (which is slow, and not safe in a
second thread), and follows the theme of the page, since INK is the page's own colour of text.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

INK = "ink"  # the page's own colour
# Okabe and Ito's colours, tested for colour blindness; each comes with a dash or a label, never alone.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line through points, or with `fill` the area that they surround."""

    points: tuple[Point, ...]
    color: str = INK
    width: float = 1.5
    dash: tuple[float, ...] = ()  # px drawn, px left out, ...
    opacity: float = 1.0
    fill: bool = False


@dataclass(frozen=True)
class Text:
    """Words on one line; (x, y) is the left end, middle or right end of their baseline."""

    x: float
    y: float
    words: str
    anchor: str = "start"  # or "middle", "end"
    size: float = 12.0
    bold: bool = False
    color: str = INK
    opacity: float = 1.0


@dataclass(frozen=True)
class Picture:
    """A picture as the bytes of its PNG, scaled to w × h px."""

    x: float
    y: float
    w: float
    h: float
    png: bytes


@dataclass(frozen=True)
class Placed:
    """Another drawing, `scale` times as large, with its upper left corner at (x, y)."""

    x: float
    y: float
    drawing: "Drawing"
    scale: float = 1.0


Mark = Line | Text | Picture | Placed


@dataclass
class Drawing:
    """Marks on a sheet of width × height px. `title` says in words what it shows, for those who do not see it."""

    width: float
    height: float
    title: str
    marks: list[Mark] = field(default_factory=list)

    def line(self, points: Iterable[Point], color: str = INK, width: float = 1.5, **look: object) -> None:
        """Add a line (`dash`, `opacity`: see `Line`); fewer than two points draw nothing."""
        if len(points := tuple(points)) > 1:
            self.marks.append(Line(points, color, width, **look))  # type: ignore[arg-type]

    def area(self, points: Iterable[Point], color: str = INK, opacity: float = 1.0) -> None:
        """Add a filled area."""
        self.marks.append(Line(tuple(points), color, 0.0, (), opacity, True))

    def rect(self, x: float, y: float, w: float, h: float, color: str = INK, opacity: float = 1.0) -> None:
        """Add a filled rectangle."""
        self.area([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], color, opacity)

    def text(self, x: float, y: float, words: str, anchor: str = "start", **look: object) -> None:
        """Add words (`size`, `bold`, `color`, `opacity`: see `Text`)."""
        self.marks.append(Text(x, y, words, anchor, **look))  # type: ignore[arg-type]

    def picture(self, x: float, y: float, w: float, h: float, png: bytes) -> None:
        """Add a picture."""
        self.marks.append(Picture(x, y, w, h, png))

    def place(self, x: float, y: float, drawing: "Drawing", scale: float = 1.0) -> None:
        """Add another drawing, `scale` times as large."""
        self.marks.append(Placed(x, y, drawing, scale))

    def svg(self, grow: float = 1.0) -> str:
        """The drawing as an <svg> that is as wide as its place on the page, and at most `grow` times its own width."""
        font = "var(--jp-ui-font-family, system-ui, sans-serif)"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'fill="none" style="display: block; width: 100%; max-width: {self.width * grow:g}px; color: inherit; '
            f'font-family: {font}">'
            f"<title>{escape(self.title)}</title>{''.join(map(_svg, self.marks))}</svg>"
        )

    def png(self, scale: float = 2.0) -> bytes:
        """The drawing as a PNG of `scale` × its size, on white."""
        from dino_notebooks.drawing.raster import png

        return png(self, scale)


def _svg(mark: Mark) -> str:
    if isinstance(mark, Placed):
        inner = "".join(map(_svg, mark.drawing.marks))
        scale = f" scale({mark.scale:g})" if mark.scale != 1 else ""
        return f'<g transform="translate({mark.x:g} {mark.y:g}){scale}">{inner}</g>'
    if isinstance(mark, Picture):
        uri = "data:image/png;base64," + base64.b64encode(mark.png).decode()
        return f'<image x="{mark.x:g}" y="{mark.y:g}" width="{mark.w:g}" height="{mark.h:g}" href="{uri}"/>'
    opacity = f' opacity="{mark.opacity:g}"' if mark.opacity < 1 else ""
    color = "currentColor" if mark.color == INK else mark.color
    if isinstance(mark, Text):
        anchor = f' text-anchor="{mark.anchor}"' if mark.anchor != "start" else ""
        bold = ' font-weight="600"' if mark.bold else ""
        where = f'x="{mark.x:.1f}" y="{mark.y:.1f}" font-size="{mark.size:g}"'
        return f'<text {where}{anchor}{bold} fill="{color}"{opacity}>{escape(mark.words)}</text>'
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in mark.points)
    if mark.fill:
        return f'<path d="{path}Z" fill="{color}"{opacity}/>'
    dash = f' stroke-dasharray="{" ".join(f"{d:g}" for d in mark.dash)}"' if mark.dash else ""
    return f'<path d="{path}" stroke="{color}" stroke-width="{mark.width:g}"{dash}{opacity}/>'
