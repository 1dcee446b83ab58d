"""The kinds of layers that a drawing distinguishes, each by a mark of its own shape. style.css has their colours.

They are the palette of Okabe and Ito (Color Universal Design, 2008), which works for colour-blind people, too.
"""

from __future__ import annotations

from pipeline.report.data import LayerRow

# Paths (SVG) around a point, ten pixels wide at most.
MARKS = {
    "input": "M-4.5 -4.5L4.5 0L-4.5 4.5z",
    "convolution": "M-4 -4h8v8h-8z",
    "linear": "M-2.2 -4.8h4.4v9.6h-4.4z",
    "normalization": "M0 -5L5 0L0 5L-5 0z",
    "activation": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "pooling": "M-5 -4h10l-5 8.5z",
    "arithmetic": "M-1.6 -4.8h3.2v3.2h3.2v3.2h-3.2v3.2h-3.2v-3.2h-3.2v-3.2h3.2z",
    "shape": "M-4.8 4h6l3.6 -8h-6z",
    "other": "M-4.8 -2.2h9.6v4.4h-9.6z",
}
_OF_FAMILIES = {
    "matrix": "linear",
    "reduction": "pooling",
    "comparison": "arithmetic",
    "resize": "shape",
    "slicing": "shape",
}


def kind(layer: LayerRow) -> str:
    """Return the kind of a layer, which is determined by its family of operators."""
    found = _OF_FAMILIES.get(layer.family, layer.family)
    return found if found in MARKS else "other"
