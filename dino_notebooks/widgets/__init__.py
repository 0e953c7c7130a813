"""Small widgets of the lessons, one a mechanism of DINO; each is made with no arguments and shown by a cell.

TemperatureWidget()    logits → minus centre → divided by temperature → probabilities, entropy, CE = h + KL
CenterWidget()         a centre that follows a batch, and what it takes away
EMAWidget()            a teacher that follows a student, its memory and its schedule
MultiCropWidget()      the crops of a picture, and which pairs of them the loss compares
AttentionWidget()      where [CLS] looks, and the mask that holds a share of it
SearchWidget()         the pictures that a network finds most alike, and where the same by other vendors is among them
"""

from dino_notebooks.widgets.attention import AttentionWidget
from dino_notebooks.widgets.center import CenterWidget
from dino_notebooks.widgets.ema import EMAWidget
from dino_notebooks.widgets.multicrop import MultiCropWidget
from dino_notebooks.widgets.search import SearchWidget
from dino_notebooks.widgets.temperature import TemperatureWidget

__all__ = ["AttentionWidget", "CenterWidget", "EMAWidget", "MultiCropWidget", "SearchWidget", "TemperatureWidget"]
