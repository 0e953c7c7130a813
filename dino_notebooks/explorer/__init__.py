"""A map of an embedding to walk about in: thousands of pictures, each where its features put it.

Reading order:

    widget.py      Explorer: what happens when somebody chooses
    page.py        what Python and the page tell each other
    sources.py     features from whatever was given
    places.py      where each picture goes; background.py: UMAP, one at a time
    alike.py       neighbours, clusters, and how often a neighbour is of the same group
    colorings.py   what the colours of the frames can mean
    sprites.py     the pictures on one sheet; still.py: the map without a kernel
    follow.py      a map that moves while a collapse lab trains
    explorer.js, explorer.css      the page
"""

from dino_notebooks.explorer.widget import Explorer

__all__ = ["Explorer"]
