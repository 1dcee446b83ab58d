"""A layer as its reader sees it: bottoms, tops, and parameters, all of which the reader must use."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline.caffe.ignored import ignored
from pipeline.caffe.lacking import refused
from pipeline.caffe.read.fillers import fillers
from pipeline.errors import InvalidInputError, Problem, UnsupportedError
from pipeline.graph.values import Shape, Value

if TYPE_CHECKING:
    from pipeline.caffe.schema import FillerParameter, LayerParameter, ParamSpec, UnknownField

PYTHON = "Python"  # the type of layers that are defined by Python code of the user
MOST_NUMBERS = 2**31 - 1  # in a blob, at most (Blob::Reshape, blob.cpp)

# Fields that identify or select a layer, or matter only in training. The names and modes in `param` are read with the
# weights; its multipliers are for the solver.
_NOT_PARAMETERS = frozenset(
    {"name", "type", "bottom", "top", "phase", "include", "exclude", "loss_weight", "propagate_down", "param", "blobs"}
    | {"unknown"}  # handled separately
)
# Messages that are often left at layers that ignore them, and which layers read them.
_OF_OTHERS = {"transform_param": "layers that bring data", "loss_param": "losses"}
# Fields of parameter messages that cannot change what the trained layer computes: fillers of blobs that are in the
# file, the choice of an implementation, gradients and running averages.
_WITHOUT_MEANING = frozenset(
    {
        "weight_filler",
        "bias_filler",
        "filler",
        "scale_filler",
        "shift_filler",
        "slope_filler",
        "engine",
        "force_nd_im2col",
        "stable_prod_grad",
        "moving_average_fraction",
        "debug_info",
    }
)


# A name and its value in a param_str: a word, with or without quotes, or a list.
_PAIR = re.compile(r"""['"]?\b(\w+)['"]?\s*:\s*(?:!!\S+\s*)?([\[(][^\])]*[\])]|'[^']*'|"[^"]*"|[^\s,}]+)""")

_NAMES = re.compile(r"\b(\w+)\s*[:{]")  # the names of fields in the text of a message

_Number = int  # because Fields has methods called int and float
_Real = float


class Fields:
    """A parameter message of a layer, such as `convolution_param`. Fields that are asked for count as used."""

    def __init__(self, message: Any, layer: str, path: str, used: set[str]) -> None:  # noqa: ANN401 - any message
        self._message = message
        self._layer = layer
        self._path = path
        self._used = used

    def _get(self, name: str) -> Any:  # noqa: ANN401 - what protobuf holds
        self._used.add(f"{self._path}.{name}")
        return getattr(self._message, name)

    def has(self, name: str) -> bool:
        """Return whether the prototxt sets the field, even if to its default."""
        self._used.add(f"{self._path}.{name}")
        return bool(self._message.HasField(name))

    def flag(self, name: str) -> bool:
        """Return a bool, or its default."""
        return bool(self._get(name))

    def word(self, name: str) -> str:
        """Return the name of an enum's value."""
        number = self._get(name)
        enum = self._message.DESCRIPTOR.fields_by_name[name].enum_type
        return str(enum.values_by_number[number].name)

    def ints(self, name: str) -> tuple[int, ...]:
        """Return a repeated integer."""
        return tuple(self._get(name))

    def floats(self, name: str) -> tuple[float, ...]:
        """Return a repeated number. Raises as `float`."""
        return tuple(self._finite(name, value) for value in self._get(name))

    def text(self, name: str) -> str:
        """Return a string, or its default."""
        return str(self._get(name))

    def dims(self, name: str) -> Shape:
        """Return the extents in a BlobShape."""
        return tuple(self._get(name).dim)

    def shapes(self, name: str) -> tuple[Shape, ...]:
        """Return each BlobShape of a repeated field."""
        return tuple(tuple(shape.dim) for shape in self._get(name))

    def fillers(self, name: str) -> Sequence[FillerParameter]:
        """Return each filler of a repeated field."""
        return tuple(self._get(name))

    def int(self, name: str) -> int:
        """Return an integer, or its default."""
        return int(self._get(name))

    def message(self, name: str) -> Fields:
        """Return a message inside this one, with default values if it is not set."""
        return Fields(self._get(name), self._layer, f"{self._path}.{name}", self._used)

    def ignore(self, *names: str) -> None:
        """Count fields as used that cannot change the output of the layer."""
        self._used |= {f"{self._path}.{name}" for name in names}

    def number(self, name: str) -> _Number:
        """Return an integer; 0 if this kind of message has no such field."""
        return self.int(name) if name in self._message.DESCRIPTOR.fields_by_name else 0

    def float(self, name: str) -> float:
        """Return a number, or its default. Raises UnsupportedError for one that is not finite."""
        return self._finite(name, self._get(name))

    def bound(self, name: str) -> _Real:
        """Return a number, or its default, which may be infinite. Raises UnsupportedError for NaN."""
        value: _Real = self._get(name)
        return value if math.isinf(value) else self._finite(name, value)

    def _finite(self, name: str, value: _Real) -> _Real:
        if not math.isfinite(value):
            raise UnsupportedError.one(f"{self._layer}.{self._path}.{name}", f"is {value}, and no finite number")
        return value


class LayerReader:
    """A LayerParameter with the values of its bottoms. It knows which of its fields no reader has used."""

    def __init__(self, message: LayerParameter, bottoms: tuple[Value, ...]) -> None:
        self._message = message
        self._used: set[str] = set()
        self._left = False
        self.name = message.name
        self.type = message.type
        self.kind = kind(message)
        if message.type == PYTHON:
            self.param("python_param").ignore("module", "layer", "share_in_parallel")  # they are part of `kind`
        self.bottoms = bottoms
        self.tops: tuple[str, ...] = tuple(message.top)
        self.specs: tuple[ParamSpec, ...] = tuple(message.param)

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"

    @property
    def bottom(self) -> Value:
        """The only bottom."""
        return self.take(1)[0]

    @property
    def in_place(self) -> bool:
        """Whether the first top is the first bottom."""
        return bool(self.tops) and list(self._message.bottom[:1]) == [self.tops[0]]

    def take(self, fewest: int, most: int | None = None) -> tuple[Value, ...]:
        """Return the bottoms. There must be exactly `fewest`, or from `fewest` to `most` of them."""
        most = fewest if most is None else most
        if not fewest <= len(self.bottoms) <= most:
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            self.invalid(f"it has {len(self.bottoms)} bottoms instead of {wanted}")
        return self.bottoms

    def param(self, name: str) -> Fields:
        """Return a parameter message, with default values if the layer has none."""
        return Fields(getattr(self._message, name), self.name, name, self._used)

    def has(self, name: str) -> bool:
        """Return whether the layer has a parameter message."""
        return bool(self._message.HasField(name))  # type: ignore[arg-type] # a name at run time

    def resized(self, name: str) -> int:
        """Return the height or width to which images are resized (SSD); 0 if there is none."""
        given = [int(getattr(each, name)) for each in self._message.transform_param.resize_param]
        return given[0] if given else 0

    def leave_all(self) -> None:
        """Count all fields as used, even those that the schema lacks."""
        self._left = True

    def changes(self, name: str, fields: Sequence[str]) -> str:
        """Return those of the `fields` of the message `name` that are set, as text for a note."""
        message = getattr(self._message, name)
        found = {field.name: value for field, value in message.ListFields() if field.name in fields}
        return ", ".join(f"{field} {value}" for field, value in found.items())

    def check_size(self, shape: Shape) -> None:
        """Refuse a shape that no blob can have: with negative extents, or more numbers than an int can count."""
        if any(extent < 0 for extent in shape) or math.prod(shape) > MOST_NUMBERS:
            self.invalid(f"a blob of shape {shape}")

    def axis(self, index: int, rank: int) -> int:
        """Return a perhaps negative axis of `rank` axes, counted from the front (Blob::CanonicalAxisIndex)."""
        if not -rank <= index < rank:
            self.invalid(f"axis {index} of a blob with {rank} axes")
        return index % rank

    def unread(self) -> Iterator[Problem]:
        """Yield a problem for every field that is set but was not used, including those that the schema lacks."""
        if self._left:
            return
        for field, value in self._message.ListFields():
            if field.name in _NOT_PARAMETERS or field.name in _OF_OTHERS:
                continue
            for inner, content in value.ListFields():
                path = f"{field.name}.{inner.name}"
                if path in self._used or inner.name in _WITHOUT_MEANING:
                    continue
                shown = inner.enum_type.values_by_number[content].name if inner.enum_type else content
                reason = f"is set to {str(shown).strip()[:60]}, and {self.type} layers have no use for it here"
                yield Problem(f"{self.name}.{path}", reason)
        yield from self.unknown()

    def unknown(self) -> Iterator[Problem]:
        """Yield a problem for every field that is set, that the schema lacks, and that may not be ignored."""
        for field in self._message.unknown if not self._left else ():
            outer = field.path.partition(".")[0]
            if field.path in self._used:
                yield from self._unasked(field)
            elif (
                outer not in _OF_OTHERS
                and field.path.rpartition(".")[2] not in _WITHOUT_MEANING
                and not ignored(field.path)
            ):
                yield Problem(f"{self.name}.{field.path}", *refused(self._message, field))

    def ignored(self) -> Iterator[str]:
        """Yield a note, with the reason, for every field of a fork that is set, but may be ignored."""
        if self._left:
            return
        for name, whose in _OF_OTHERS.items():
            if self.has(name) and not any(path.startswith(f"{name}.") for path in self._used):
                yield f"{self.name}.{name}: ignored, only {whose} read it"
        for unknown in self._message.unknown:
            reason = ignored(unknown.path)
            if reason:
                yield f"{self.name}.{unknown.path}: ignored, {reason}"

    def filler(self, index: int) -> FillerParameter | None:
        """Return the filler of the layer's blob with this index; None if the prototxt names no filler."""
        found = fillers(self._message)
        return found[index] if index < len(found) else None

    def lacking(self, path: str) -> str:
        """Return the value of a field that the schema lacks, as it was written; "" if it is missing.

        If the schema lacks the message of the field, too, then the text of the message is searched. The field counts as
        used.
        """
        outer, _, inner = path.partition(".")
        self._used |= {path, outer}
        for unknown in self._message.unknown:
            if unknown.path == path:
                return unknown.text
            found = re.search(rf"\b{inner}\s*:\s*([^\s}}]+)", unknown.text) if unknown.path == outer else None
            if found:
                return found[1]
        return ""

    def _unasked(self, field: UnknownField) -> Iterator[Problem]:
        """Yield a problem for every unused field in the text of a message of which other fields were used."""
        for name in _NAMES.findall(field.text):
            path = f"{field.path}.{name}"
            if path not in self._used:
                yield Problem(f"{self.name}.{path}", "the layer's reader has no use for it")

    def parameters(self) -> dict[str, str | tuple[float, ...]]:
        """Return the parameters in the param_str of a Python layer by name: words, and lists of numbers.

        The text may be YAML, JSON or a Python literal, without nesting. Anything else in it is ignored.
        """
        text = self.param("python_param").text("param_str")
        return {name: _literal(value) for name, value in _PAIR.findall(text)}

    def refuse(self, reason: str, field: str = "") -> NoReturn:
        """Raise UnsupportedError for the layer, or for one of its fields."""
        raise UnsupportedError.one(f"{self.name}.{field}" if field else str(self), reason)

    def invalid(self, why: str) -> NoReturn:
        """Raise InvalidInputError: Caffe itself would not accept the layer."""
        raise InvalidInputError("the network is not one that Caffe can run", where=str(self), why=why)


def kind(message: LayerParameter) -> str:
    """Return the name under which the reader of a layer is registered: its type, with the class of a Python layer."""
    if message.type != PYTHON:
        return message.type
    return f"{PYTHON} {message.python_param.module}.{message.python_param.layer}"


def _literal(text: str) -> str | tuple[float, ...]:
    """Return a list of numbers, or a word without its quotes."""
    if text[0] not in "[(":
        return text.strip("'\"")
    try:
        return tuple(float(each) for each in text[1:-1].split(",") if each.strip())
    except ValueError:
        return text
