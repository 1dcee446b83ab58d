"""A look at any file: its format lists its parts."""

from __future__ import annotations

from dataclasses import replace

from pipeline import formats
from pipeline.formats import Location
from pipeline.graph.inventory import Inventory

# In a run's folder: what other programs show too comes first.
_ORDER = sorted(formats.READ, key=lambda known: not known.viewable)


def inspect(location: Location) -> Inventory:
    """List what is in a file, or in the folder of a run.

    Raises what reading the file raises, and UsageError for a folder that holds no network.
    """
    known, source = formats.locate(location, _ORDER)
    found = known.inventory(source)
    if location.path.is_dir():
        held = formats.in_folder(location.path)
        others = [next(iter(files.values())).name for other, files in held if other is not known]
        found = replace(found, notes=(*found.notes, *([f"also there: {', '.join(others)}"] if others else [])))
    return found
