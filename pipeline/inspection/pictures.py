"""Draws the filters of a network's first convolution, and its feature maps, as PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import formats
from pipeline.errors import UsageError
from pipeline.formats import Location
from pipeline.graph.operators import Conv
from pipeline.graph.values import Graph, Node

if TYPE_CHECKING:
    from PIL.Image import Image

Array = np.ndarray[Any, Any]

MARK = ("Software", "torch2caffe2")  # metadata of each file, by which it is recognised as one of this program
SMALL, LARGE = 48, 64  # pixels of the longer side of a tile: smaller ones are magnified, larger ones reduced
MOST_FILTERS, MOST_MAPS = 256, 64  # tiles in a picture
PLANES = 16  # planes of a filter that are drawn
_GAP = 2  # pixels between tiles
_COLOURS = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG file, and a description of what it shows."""

    title: str
    caption: str
    width: int
    height: int
    png: bytes


def first_convolution(graph: Graph) -> Node | None:
    """Return the first convolution whose filters are weights of the network; None if there is none."""
    return next((node for node in graph.nodes if isinstance(node.operator, Conv) and _filters(node, graph)), None)


def _filters(node: Node, graph: Graph) -> str:
    value = node.inputs[1]
    return value.name if value is not None and value.name in graph.weights else ""


def first_filters(graph: Graph) -> Picture | None:
    """Return a picture of the filters of the first convolution; None if there is none."""
    node = first_convolution(graph)
    return filters(node.name, graph.weights[_filters(node, graph)]) if node else None


def of_file(location: Location) -> Picture:
    """Return a picture of the filters of a network's first convolution, or of the first such weights in a file.

    Raises what the reader raises, and UsageError if there are none.
    """
    known, source = formats.locate(location)
    if formats.only_weights(known, source):
        arrays = known.weights(source).items()
        found = next((filters(name, array) for name, array in arrays if array.ndim == len("OIHW")), None)
    else:
        found = first_filters(known.read(replace(source, likeliest=True)).graph)
    if found is None:
        raise UsageError(f"{location.path} has no convolution over images, whose filters could be drawn")
    return found


def filters(name: str, array: Array) -> Picture:
    """Return a picture of filters (O, I, ...): in colour if they have three planes, else each as a row of its planes.

    Filters along a single axis are drawn with their planes as the other axis. Grey is 0.
    """
    count, planes, *kernel = array.shape
    extents = " x ".join(map(str, (planes, *kernel)))
    told = [f"{count} filters of {extents}"]
    stack = np.asarray(array, np.float32)
    if len(kernel) == 1:
        tiles, columns = stack, 0
    elif len(kernel) == 2 and planes in (1, _COLOURS):
        tiles, columns = np.moveaxis(stack, 1, -1), 0
        told += ["the three planes are drawn as red, green and blue"] if planes == _COLOURS else []
    else:
        stack = stack.reshape(count, -1, *kernel[-2:])
        columns = min(stack.shape[1], PLANES)
        told += [f"a row holds the first {columns} planes of a filter"] if columns < stack.shape[1] else []
        tiles = stack[:, :columns].reshape(-1, *kernel[-2:])
    shown = tiles[: MOST_FILTERS // columns * columns if columns else MOST_FILTERS]
    told += [f"the first {len(shown) // (columns or 1)} of them"] if len(shown) < len(tiles) else []
    most = float(np.abs(_finite(shown)).max(initial=0)) or 1.0
    told.append(f"grey is 0, black {-most:.3g}, white {most:.3g}")
    return _picture(f"Filters of {name}", told, _finite(shown) / (2 * most) + 0.5, columns)


def feature_maps(name: str, array: Array, source: str) -> Picture:
    """Return a picture of the output of a convolution (N, C, ...) for its first sample, from the input `source`."""
    first = _finite(np.asarray(array[0], np.float32))
    maps = first[None] if first.ndim == 2 else first.reshape(-1, *first.shape[-2:])
    shown = maps[:MOST_MAPS]
    low, high = float(shown.min(initial=0)), float(shown.max(initial=0))
    told = [f"{len(maps)} maps of {' x '.join(map(str, maps.shape[1:]))} (inputs: {source})"]
    told += [f"the first {len(shown)} of them"] if len(shown) < len(maps) else []
    told.append(f"black is {low:.3g}, white {high:.3g}")
    return _picture(f"Feature maps of {name}", told, (shown - low) / ((high - low) or 1.0), 0)


def _finite(array: Array) -> Array:
    return np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0)


def _picture(title: str, told: Sequence[str], tiles: Array, columns: int) -> Picture:
    """Return a picture of tiles (n, height, width[, 3]) with numbers from 0 to 1, in rows of so many `columns`.

    With 0 columns, the picture is about square.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    drawn = [_tile(tile) for tile in (255 * tiles).round().astype(np.uint8)]
    columns = columns or math.ceil(math.sqrt(len(drawn)))
    width, height = (max(sides) + _GAP for sides in zip(*(tile.size for tile in drawn), strict=True))
    whole = Image.new("RGBA", (columns * width - _GAP, math.ceil(len(drawn) / columns) * height - _GAP))
    for place, tile in enumerate(drawn):
        whole.paste(tile, (place % columns * width, place // columns * height))
    about = PngInfo()
    about.add_text(*MARK)
    stream = io.BytesIO()
    whole.save(stream, "png", pnginfo=about)
    return Picture(title, "; ".join(told), *whole.size, stream.getvalue())


def _tile(pixels: Array) -> Image:
    from PIL import Image

    image = Image.fromarray(pixels.squeeze(-1) if pixels.shape[2:] == (1,) else pixels)
    longer = max(image.size)
    if longer > LARGE:
        sides = (max(1, round(side * LARGE / longer)) for side in image.size)
        return image.resize((next(sides), next(sides)), Image.Resampling.BOX)
    times = max(1, SMALL // longer)
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
