"""Finds options, saved by a training script beside the network, that say something about the network's input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.torch7.objects import LuaValue, Table, Tensor

# Names in lower case, without underscores. The crop size comes before the load size: networks are trained on crops.
_SIDES = ("cropsize", "finesize", "samplesize", "inputsize", "imagesize", "imgsize", "imsize", "patchsize", "loadsize")
_PLANES = ("inputchannels", "nchannels", "numchannels", "channels", "ninputplane", "inputplanes", "inputnc", "nc")
_FEATURES = (
    "rnnsize",
    "rnndim",
    "hiddensize",
    "nhidden",
    "inputdim",
    "inputsize",
    "wordvecsize",
    "embeddingsize",
    "nz",
)
_AVERAGES = ("mean", "std", "stdv", "meanimage", "meanimg", "imgmean", "imagemean", "trainmean", "trainstd")
_VOCABULARIES = ("vocab", "ivocab", "chars", "dict", "dictionary", "wordtoidx", "idxtoword", "word2index", "index2word")
_LARGEST = 1 << 14


@dataclass(frozen=True, slots=True)
class Setting:
    """A size of the input and the name of its option, or the name and shape of a mean or deviation of inputs."""

    name: str
    size: int
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the setting in words, as a reason."""
        if self.shape:
            return f"the file's {self.name} is of {'x'.join(map(str, self.shape))}"
        return f"the file's option {self.name} is {self.size}"


def sides(root: LuaValue) -> list[Setting]:
    """Return the options of a checkpoint for the side of an image, the likeliest first."""
    square = [each for each in averages(root) if len(each.shape) > 1 and each.shape[-1] == each.shape[-2]]
    return [*_options(root, _SIDES), *square]


def planes(root: LuaValue) -> list[Setting]:
    """Return the options of a checkpoint for the number of planes of an image, the likeliest first."""
    counts = [Setting(each.name, each.shape[0], each.shape) for each in averages(root) if len(each.shape) in (1, 3)]
    return [*_options(root, _PLANES), *counts]


def features(root: LuaValue) -> list[Setting]:
    """Return the options of a checkpoint for the sizes of vectors and states."""
    return _options(root, _FEATURES)


def averages(root: LuaValue) -> list[Setting]:
    """Return the means and deviations in a checkpoint: a number for each plane, or for each pixel of an image."""
    found = ((name, _shape(value)) for name, key, value in _entries(root) if key in _AVERAGES)
    return [Setting(name, shape[-1], shape) for name, shape in found if shape]


def vocabulary(root: LuaValue, count: int) -> str:
    """Return the path of a vocabulary of so many entries in a checkpoint; "" if there is none."""
    held = ((name, value) for name, key, value in _entries(root) if key in _VOCABULARIES)
    return next((name for name, value in held if isinstance(value, Table) and len(value) == count), "")


def _options(root: LuaValue, wanted: tuple[str, ...]) -> list[Setting]:
    """Return the options with these names whose values are sizes, in the order of the names."""
    found = [
        (wanted.index(key), Setting(name, value))
        for name, key, value in _entries(root)
        if key in wanted and isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST
    ]
    return [setting for _, setting in sorted(found, key=lambda item: item[0])]


def _shape(value: LuaValue) -> tuple[int, ...]:
    if isinstance(value, Tensor):
        return tuple(value.size)
    numbers = value.array() if isinstance(value, Table) else []
    are_numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers)
    return (len(numbers),) if numbers and are_numbers else ()


def _entries(root: LuaValue) -> Iterator[tuple[str, str, LuaValue]]:
    """Yield the path, the plain name and the value of each entry of a table, and of the tables in it."""
    if not isinstance(root, Table):
        return
    for holder, prefix in [(root, ""), *[(v, f"{k}.") for k, v in root.items() if isinstance(v, Table)]]:
        for key, value in holder.items():
            if isinstance(key, str):
                yield prefix + key, key.replace("_", "").lower(), value
