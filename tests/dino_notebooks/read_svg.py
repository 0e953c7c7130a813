"""Reads drawings back from their SVG with an XML parser, so that a test sees what a browser sees."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from dino_notebooks.drawing import Drawing

NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Path:
    """A line or an area."""

    points: list[tuple[float, float]]
    stroke: str | None
    dash: str | None
    fill: str | None
    opacity: float

    @property
    def is_upright(self) -> bool:
        """Whether it is one vertical line."""
        return self.fill is None and len(self.points) == 2 and self.points[0][0] == self.points[1][0]


@dataclass(frozen=True)
class Words:
    """A text and its place."""

    words: str
    x: float
    y: float
    anchor: str
    size: float


def parse(drawing: Drawing) -> ET.Element:
    """The root; fails unless the SVG is well-formed."""
    return ET.fromstring(drawing.svg())


def paths(drawing: Drawing) -> list[Path]:
    """Every line and area, those of drawings inside left out."""
    return [
        Path(
            [(float(x), float(y)) for x, y in (pair.split() for pair in e.get("d", "").strip("MZ").split("L"))],
            e.get("stroke"),
            e.get("stroke-dasharray"),
            e.get("fill"),
            float(e.get("opacity", "1")),
        )
        for e in parse(drawing).findall(f"{NAMESPACE}path")
    ]


def words(drawing: Drawing) -> list[Words]:
    """Every text, those of drawings inside left out."""
    return [
        Words(
            e.text or "",
            float(e.get("x", "")),
            float(e.get("y", "")),
            e.get("text-anchor", "start"),
            float(e.get("font-size", "")),
        )
        for e in parse(drawing).findall(f"{NAMESPACE}text")
    ]


def said(drawing: Drawing) -> list[str]:
    """The words alone."""
    return [text.words for text in words(drawing)]


def place(drawing: Drawing, text: str) -> Words:
    """Where a text stands; fails unless it is there once."""
    (found,) = [each for each in words(drawing) if each.words == text]
    return found


def curve(drawing: Drawing, color: str) -> Path:
    """The longest line of a colour."""
    return max((path for path in paths(drawing) if path.stroke == color), key=lambda path: len(path.points))
