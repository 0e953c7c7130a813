"""A drawing as a list of marks: SVG for a page, PNG for a file (`marks.py`, `axes.py`, `raster.py`)."""

from dino_notebooks.drawing.marks import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Drawing,
    Line,
    Mark,
    Picture,
    Placed,
    Point,
    Text,
)

__all__ = [
    "BLUE",
    "GREEN",
    "INK",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "Drawing",
    "Line",
    "Mark",
    "Picture",
    "Placed",
    "Point",
    "Text",
]
