"""Every picture that Elman draws, and the one style of its HTML pages. No torch; matplotlib is imported on use."""

from elman.plots.page import Block, Page, Picture, Points, Section, Table, Text
from elman.plots.style import COLOURS, context, new, png, save, svg
from elman.plots.training import learning_curves

__all__ = [
    "COLOURS",
    "Block",
    "Page",
    "Picture",
    "Points",
    "Section",
    "Table",
    "Text",
    "context",
    "learning_curves",
    "new",
    "png",
    "save",
    "svg",
]
