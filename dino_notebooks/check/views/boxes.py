"""The exercise on how much two views share."""

import torch
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def box_overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of each two boxes (N, 4), (N, 4), top, left, height, width in px → (N,), 0 to 1."""
    begin = torch.maximum(a[:, :2], b[:, :2])
    end = torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    area = (end - begin).clamp(min=0).prod(-1)  # (N,), 0 where rows or columns have nothing in common
    return area / (a[:, 2:].prod(-1) + b[:, 2:].prod(-1) - area)


def common_sides(a: Tensor, b: Tensor) -> Tensor:
    """Height and width (N, 2) of what two boxes share; below 0, as far as they are apart."""
    return torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])


def overlap_cases(generator: Generator) -> list[Arguments]:
    """(boxes (N, 4), boxes (N, 4)): a pair that meets and one apart, then every way in which two can lie."""

    def draw(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=generator).float()

    start, size = draw(0, 5, 9, 2), draw(5, 12, 9, 2)  # small starts: sizes read as ends give a share, too
    other, length = start + draw(1, 5, 9, 2), draw(5, 12, 9, 2)  # rows 0, 6, 7: they meet
    other[1] = start[1] + size[1] + draw(1, 5, 2)  # apart both ways
    other[2, 0] = start[2, 0] + size[2, 0] + 3  # apart in rows, not in columns
    other[3, 1] = start[3, 1] + size[3, 1]  # side by side
    other[4], length[4] = start[4] + 1, size[4] - 3  # one inside the other
    other[5], length[5] = start[5], size[5]  # twice the same
    other[8, 1] = start[8, 1] + size[8, 1] + 2  # apart in columns, not in rows
    start[7], other[7] = other[7].clone(), start[7].clone()
    a, b = torch.cat([start, size], 1), torch.cat([other, length], 1)
    beside = torch.tensor([2, 8])
    return [(a[:2], b[:2]), (a[beside], b[beside]), (a[2:7], b[2:7]), (a[6:] / 3, b[6:] / 3), (b, a)]


def over_union(area: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The right union around a wrong area."""
    return area / (a[:, 2:].prod(-1) + b[:, 2:].prod(-1) - area)


def hull(a: Tensor, b: Tensor) -> Tensor:
    """Area of the smallest box around both."""
    end = torch.maximum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    return (end - torch.minimum(a[:, :2], b[:, :2])).prod(-1)


def as_corners(boxes: Tensor) -> Tensor:
    """The mistake of reading top, left, bottom, right."""
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)


def shared(a: Tensor, b: Tensor) -> Tensor:
    """The common area (N,), 0 where there is none."""
    return common_sides(a, b).clamp_min(0).prod(-1)


BOX_OVERLAP = Exercise(
    name="box_overlap",
    right=box_overlap,
    cases=overlap_cases,
    argument_names=("a", "b"),
    mistakes=(
        Mistake(
            "Boxes that are apart get a share above or below 0. If the sides of the common piece are negative, both "
            "of them, their product is not: cut off the sides, not the area.",
            lambda a, b: over_union(common_sides(a, b).prod(-1).clamp_min(0), a, b),
        ),
        Mistake(
            "Boxes that are apart get a share other than 0. What do the sides of the common piece become then?",
            lambda a, b: over_union(common_sides(a, b).prod(-1), a, b),
        ),
        Mistake(
            "Boxes that lie beside each other get a share below 0. Both sides of the common piece have to be cut off "
            "at 0, rows and columns.",
            lambda a, b: over_union(common_sides(a, b)[:, 0].clamp_min(0) * common_sides(a, b)[:, 1], a, b),
        ),
        Mistake(
            "Boxes that lie one below the other get a share below 0. Both sides of the common piece have to be cut "
            "off at 0, rows and columns.",
            lambda a, b: over_union(common_sides(a, b)[:, 0] * common_sides(a, b)[:, 1].clamp_min(0), a, b),
        ),
        Mistake(
            "Height and width are used as ends. A box ends at top + height.",
            lambda a, b: over_union(
                (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp_min(0).prod(-1), a, b
            ),
        ),
        Mistake("It is the common area itself, in square pixels. Divide it by the area of the union.", shared),
        Mistake(
            "The common area is divided by the sum of both areas. The sum counts the common piece twice.",
            lambda a, b: shared(a, b) / (a[:, 2:].prod(-1) + b[:, 2:].prod(-1)),
        ),
        Mistake(
            "The common area is divided by the area of the first box. The union of both belongs there.",
            lambda a, b: shared(a, b) / a[:, 2:].prod(-1),
        ),
        Mistake(
            "The common area is divided by the area of the second box. The union of both belongs there.",
            lambda a, b: shared(a, b) / b[:, 2:].prod(-1),
        ),
        Mistake(
            "The common area is divided by the area of the smaller box. The union of both belongs there.",
            lambda a, b: shared(a, b) / torch.minimum(a[:, 2:].prod(-1), b[:, 2:].prod(-1)),
        ),
        Mistake(
            "Twice the common area is divided by the sum of both: that is Dice's measure, a relative of this one.",
            lambda a, b: 2 * shared(a, b) / (a[:, 2:].prod(-1) + b[:, 2:].prod(-1)),
        ),
        Mistake(
            "The common area is divided by the smallest box around both, which holds more than the union.",
            lambda a, b: shared(a, b) / hull(a, b),
        ),
        Mistake(
            "The boxes are read as top, left, bottom, right. They hold top, left, height, width.",
            lambda a, b: box_overlap(as_corners(a), as_corners(b)),
        ),
        Mistake(
            "Maximum and minimum are exchanged: this is the box around both. What they share begins at the later "
            "start and ends at the earlier end.",
            lambda a, b: over_union(hull(a, b), a, b),
        ),
        Mistake(
            "One pixel is added to the sides of the common piece. A box from 2 of height 3 ends at 5, and 5 - 2 is 3.",
            lambda a, b: over_union((common_sides(a, b) + 1).clamp_min(0).prod(-1), a, b),
        ),
        Mistake("It is one number for all pairs. Each pair has its own.", lambda a, b: box_overlap(a, b).mean()),
    ),
    hints=(
        "Rows first, as if the boxes were two pieces of a line. Where does what they share begin, where does it end? "
        "Then the same for columns.",
        "It begins at the larger of the two starts, and ends at the smaller of the two ends (start + length). If that "
        "is less than nothing, it is nothing. The union is both areas, less what would be counted twice.",
        "sides = (torch.minimum(end_a, end_b) - torch.maximum(a[:, :2], b[:, :2])).clamp_min(0), where end_a = "
        "a[:, :2] + a[:, 2:]. common = sides.prod(-1), and the share is common / (area_a + area_b - ...).",
    ),
)
