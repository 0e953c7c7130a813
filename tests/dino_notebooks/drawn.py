"""What an SVG of dino_notebooks.drawing holds, read back by an XML parser."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class Stroke:
    """A line: its points, colour, width and dashes."""

    points: list[tuple[float, float]]
    color: str
    width: float
    dashed: bool

    @property
    def box(self) -> Box:
        """What it surrounds."""
        return around(self.points)


def parsed(svg: str) -> ET.Element:
    """The <svg>, which must be well-formed and say that it is one picture."""
    root = ET.fromstring(svg)
    assert root.tag == SVG + "svg"
    assert root.get("role") == "img"
    return root


def title(svg: str) -> str:
    """The text alternative."""
    (element,) = parsed(svg).findall(SVG + "title")
    return element.text or ""


def texts(svg: str) -> list[str]:
    """All words, in the order they were drawn in."""
    return [element.text or "" for element in parsed(svg).iter(SVG + "text")]


def areas(svg: str, color: str) -> list[Box]:
    """The boxes of all filled areas of a colour."""
    return [around(_points(e)) for e in parsed(svg).iter(SVG + "path") if e.get("fill") == color]


def strokes(svg: str, color: str) -> list[Stroke]:
    """All lines of a colour."""
    return [
        Stroke(_points(e), color, float(e.get("stroke-width", "0")), e.get("stroke-dasharray") is not None)
        for e in parsed(svg).iter(SVG + "path")
        if e.get("stroke") == color
    ]


def inks(svg: str) -> set[str]:
    """The colours of all words."""
    return {element.get("fill", "") for element in parsed(svg).iter(SVG + "text")}


def around(points: list[tuple[float, float]]) -> Box:
    """The smallest box around points."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _points(element: ET.Element) -> list[tuple[float, float]]:
    pairs = element.get("d", "").removeprefix("M").removesuffix("Z").split("L")
    return [(float(x), float(y)) for x, y in (pair.split() for pair in pairs)]
