"""What a search has found, in words and numbers."""

from dino_notebooks.widgets.search_gallery import Gallery, Ranking
from dino_notebooks.widgets.search_query import OwnPicture

ALIKE = 0.99  # a cosine that even the least alike exceeds where the features say next to nothing


def finding(gallery: Gallery, found: Ranking, k: int) -> str:
    """The k nearest by name, in a sentence."""
    parts = (found.rows[:k].tolist(), found.cosines[:k].tolist(), found.same[:k].tolist())
    listed = [
        f"{gallery.said(row)} ({cosine:.2f}{', the same' if same else ''})"
        for row, cosine, same in zip(*parts, strict=True)
    ]
    query = f"your upload {found.query.name}" if isinstance(found.query, OwnPicture) else gallery.said(found.query)
    first = ", other vendors first" if found.others_first else ""
    return f"{gallery.warning}Nearest to {query}{first}, with their cosines: {'; '.join(listed)}."


def line_of(gallery: Gallery, found: Ranking, k: int) -> str:
    """Where the same is, how many are of its group, and what is to be doubted."""
    said = [_doubts(gallery, found.query) if isinstance(found.query, OwnPicture) else _places(gallery, found)]
    numbers = numbers_of(gallery, found, k)
    if "same_group" in numbers and not isinstance(found.query, OwnPicture):
        said.append(
            f"Of its group, {gallery.groups[found.query]}: {numbers['same_group']:.0f} of the "
            f"{numbers['neighbours']:.0f} nearest, and {numbers['group']:.0%} of all others."
        )
    if (least := float(found.cosines.min())) > ALIKE and len(found.rows) >= len(gallery.group) - 1:
        said.append(f"Even the last has a cosine of {least:.4f}: the features hardly tell the pictures apart.")
    return gallery.warning + " ".join(filter(None, said))


def numbers_of(gallery: Gallery, found: Ranking, k: int) -> dict[str, float]:
    """What is shown, by name. group: the share of the query's group among all other pictures."""
    numbers = {"neighbours": float(len(found.rows[:k])), "nearest": float(found.cosines.max())}
    numbers |= {f"rank_{gallery.vendor_of(row)}": float(rank) for row, rank in found.targets.items() if rank}
    if not isinstance(found.query, OwnPicture) and gallery.group[found.query] >= 0:
        same = int((gallery.group == gallery.group[found.query]).sum()) - 1
        numbers |= {"same_group": float(found.same_group[:k].sum()), "group": same / (len(gallery.group) - 1)}
    return numbers


def _places(gallery: Gallery, found: Ranking) -> str:
    """At which rank the same by each other vendor is."""
    if not found.targets or isinstance(found.query, OwnPicture):
        return ""
    places = [
        f"by {gallery.vendor_of(row)} at rank {rank:,}" if rank else f"by {gallery.vendor_of(row)} further down"
        for row, rank in found.targets.items()
    ]
    others = int((gallery.vendor != gallery.vendor[found.query]).sum())
    among = f"{others:,} pictures by others" if found.others_first else f"{len(gallery.vendor) - 1:,} other pictures"
    return f"The same: {', '.join(places)} of {among}."


def _doubts(gallery: Gallery, own: OwnPicture) -> str:
    """What is not known of an upload."""
    cut = " Only its middle square is looked for." if own.cut else ""
    if gallery.pictures.images.shape[1] == 4 and len(own.image) == 3:
        cut += " It has no transparency, unlike the others, so its background counts too."
    return (
        f"What {own.name} shows is not known here, so no neighbour can be marked as right, and the network may have "
        f"learnt from pictures that are nothing like it.{cut}"
    )
