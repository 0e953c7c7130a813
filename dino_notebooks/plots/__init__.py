"""Figures of DINO: what it sees, how it trains, what it has learnt. Each docstring says what to see in the figure.

    crops.py       plot_views       what student and teacher see
    pictures.py    plot_pictures    pictures side by side under names
    curves.py      plot_curves      is the run alive? (series.py: its log by column; words.py: diagnoses in words)
    prototypes.py  plot_prototypes  how many prototypes are in use
    neighbours.py  plot_neighbours  what the network finds alike
    embedding.py   plot_umap        a map of all pictures (places.py: `layout`, by UMAP or PCA)
    maps.py        plot_maps        several maps of the same pictures
    attention.py   plot_attention   where it looks
    labels.py      plot_labels      accuracy when labels are few
    table.py       plot_table       logits, centres and targets of a few pictures as heat maps
    lines.py       plot_lines       a few measured lines by name
    schedules.py   plot_schedules   what changes by itself during a run
    style.py       colours, ink, sheets of pictures; marks.py: lines and their labels

Every figure is a matplotlib `Figure` made without pyplot, with a `.finding`: what it shows, in words.
"""

from dino_notebooks.plots.attention import plot_attention
from dino_notebooks.plots.crops import plot_views
from dino_notebooks.plots.curves import plot_curves
from dino_notebooks.plots.embedding import plot_umap
from dino_notebooks.plots.labels import plot_labels
from dino_notebooks.plots.lines import plot_lines
from dino_notebooks.plots.maps import plot_maps
from dino_notebooks.plots.neighbours import nearest, plot_neighbours
from dino_notebooks.plots.pictures import plot_pictures
from dino_notebooks.plots.places import layout
from dino_notebooks.plots.prototypes import plot_prototypes, winners
from dino_notebooks.plots.schedules import plot_schedules
from dino_notebooks.plots.style import Plot
from dino_notebooks.plots.table import plot_table

__all__ = [
    "Plot",
    "layout",
    "nearest",
    "plot_attention",
    "plot_curves",
    "plot_labels",
    "plot_lines",
    "plot_maps",
    "plot_neighbours",
    "plot_pictures",
    "plot_prototypes",
    "plot_schedules",
    "plot_table",
    "plot_umap",
    "plot_views",
    "winners",
]
