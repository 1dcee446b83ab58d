"""Options that a training script saved beside the network, as far as they tell the size of its input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.torch7.objects import LuaValue, Table

# Without underscores and case. A network is trained on what is cropped; what is loaded is larger.
_SIDES = ("cropsize", "finesize", "samplesize", "inputsize", "imagesize", "imgsize", "imsize", "patchsize", "loadsize")
_LARGEST = 1 << 14


@dataclass(frozen=True, slots=True)
class Setting:
    """A size of the image's sides, and the option that says so."""

    name: str
    size: int

    def __str__(self) -> str:
        """Word it, for a reason."""
        return f"the file's option {self.name} is {self.size}"


def sides(root: LuaValue) -> list[Setting]:
    """Return what a checkpoint's options say of the side of an image, the likeliest first."""
    found = [(name, key, value) for name, key, value in _numbers(root) if key in _SIDES and 0 < value <= _LARGEST]
    return [Setting(name, value) for name, _, value in sorted(found, key=lambda item: _SIDES.index(item[1]))]


def _numbers(root: LuaValue) -> Iterator[tuple[str, str, int]]:
    """Return the whole numbers of a table and of the tables in it: where they stand, and their plain names."""
    if not isinstance(root, Table):
        return
    for holder, prefix in [(root, ""), *[(v, f"{k}.") for k, v in root.items() if isinstance(v, Table)]]:
        for key, value in holder.items():
            if isinstance(key, str) and isinstance(value, int) and not isinstance(value, bool):
                yield prefix + key, key.replace("_", "").lower(), value
