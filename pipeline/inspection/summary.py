"""The inventory of any file, which its format lists."""

from __future__ import annotations

from dataclasses import replace

from pipeline import formats
from pipeline.formats import Location
from pipeline.graph.inventory import Inventory

# Of several networks in the folder of a run, those that other programs can show come first.
_ORDER = sorted(formats.READ, key=lambda known: not known.viewable)


def inspect(location: Location) -> Inventory:
    """Return the inventory of a file, or of the folder of a run.

    Raises what reading the file raises, and UsageError for a folder without a network.
    """
    known, source = formats.locate(location, _ORDER)
    found = known.inventory(source)
    if location.path.is_dir():
        held = formats.in_folder(location.path)
        others = [next(iter(files.values())).name for other, files in held if other is not known]
        found = replace(found, notes=(*found.notes, *([f"also there: {', '.join(others)}"] if others else [])))
    return found
