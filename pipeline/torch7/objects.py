"""The objects of a .t7 file, as plain data. Tables and objects are compared by identity, as in Lua."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
else:
    from pipeline.lazy import LazyModule

    np = LazyModule("numpy")

# numpy codes of the elements of `torch.<prefix>Tensor` and `torch.<prefix>Storage`. A long has 8 bytes, or 4
# in files from 32-bit systems and Windows. Cuda and Cl without a type are float (cutorch, cltorch).
ELEMENTS = {
    "Byte": "u1",
    "Char": "i1",
    "Short": "i2",
    "Int": "i4",
    "Long": "i8",
    "Half": "f2",
    "Float": "f4",
    "Double": "f8",
    "Cuda": "f4",
    "CudaByte": "u1",
    "CudaChar": "i1",
    "CudaShort": "i2",
    "CudaInt": "i4",
    "CudaLong": "i8",
    "CudaHalf": "f2",
    "CudaDouble": "f8",
    "Cl": "f4",
}


class _Boolean:
    """A boolean as a key. Lua distinguishes `true` from `1`, but a Python dict does not."""

    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:
        self.value = value


_TRUE, _FALSE = _Boolean(True), _Boolean(False)


def _stored(key: Any) -> Any:  # noqa: ANN401 - any Lua value but nil can be a key
    if key is True:
        return _TRUE
    return _FALSE if key is False else key


class Table(MutableMapping[Any, Any]):
    """A Lua table in the order of the file. Keys are numbers, strings and booleans, or, by identity, other objects.

    Whole numbers are ints, as keys and as values. The integer `1` finds what the file has under `1.0`.
    """

    __slots__ = ("_entries", "offset")

    def __init__(self, entries: dict[Any, Any] | None = None, offset: int = 0) -> None:
        self._entries: dict[Any, Any] = {}
        self.offset = offset
        for key, value in (entries or {}).items():
            self[key] = value

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401
        return self._entries[_stored(key)]

    def __setitem__(self, key: Any, value: Any) -> None:  # noqa: ANN401
        self._entries[_stored(key)] = value

    def __delitem__(self, key: Any) -> None:  # noqa: ANN401
        del self._entries[_stored(key)]

    def __iter__(self) -> Iterator[Any]:
        return (key.value if type(key) is _Boolean else key for key in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def array(self) -> list[Any]:
        """Return the values of the keys 1, 2, 3 ... up to the first that is missing (Lua's ipairs)."""
        values: list[Any] = []
        while (position := len(values) + 1) in self._entries:
            values.append(self._entries[position])
        return values

    def __repr__(self) -> str:
        return f"<table of {len(self)} at byte {self.offset}>"


@dataclass(slots=True, eq=False, repr=False)
class TorchObject:
    """An object of a Torch class other than a tensor or storage: a module, a criterion, a node of a graph ...

    `offset` is the byte where the object begins in its file; `index` is its number there.
    """

    class_name: str
    version: int = 1
    fields: Table = field(default_factory=Table)
    offset: int = 0
    index: int = 0

    def get(self, name: Any, default: Any = None) -> Any:  # noqa: ANN401
        """Return the value of a field, or `default` if the object has no such field."""
        return self.fields.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def __repr__(self) -> str:
        return f"<{self.class_name} at byte {self.offset}>"


@dataclass(slots=True, eq=False, repr=False)
class Storage:
    """A flat array of numbers. `data` is a read-only view of the file, perhaps unaligned or big endian."""

    type_name: str
    data: np.ndarray
    offset: int = 0

    def __repr__(self) -> str:
        return f"<{self.type_name} of {len(self.data)} at byte {self.offset}>"


@dataclass(slots=True, eq=False, repr=False)
class Tensor:
    """A window into a storage: a 0-based `offset`, and `size` and `stride` in elements, as in the file.

    An empty tensor has no sizes. The caller must ensure that the window is inside the storage.
    """

    type_name: str
    storage: Storage | None
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def is_empty(self) -> bool:
        """Return whether the tensor has no element."""
        return not self.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements, including their byte order."""
        if self.storage is not None:
            return self.storage.data.dtype
        return np.dtype(ELEMENTS[element_prefix(self.type_name)])

    def numpy(self) -> np.ndarray:
        """Return a read-only view of the elements in the tensor's shape, perhaps neither contiguous nor aligned."""
        if self.storage is None or self.is_empty:
            return np.empty((0,), self.dtype)
        width = self.dtype.itemsize
        # Along an axis of size 1 no step is taken, so that its stride in the file can be any number.
        strides = tuple(step * width if n > 1 else 0 for n, step in zip(self.size, self.stride, strict=True))
        # Unlike as_strided, this constructor refuses a window that leaves the buffer.
        return np.ndarray(self.size, self.dtype, buffer=self.storage.data, offset=self.offset * width, strides=strides)

    def __repr__(self) -> str:
        return f"<{self.type_name} of size {'x'.join(map(str, self.size)) or 'nothing'}>"


@dataclass(slots=True, eq=False, frozen=True)
class LuaFunction:
    """Stands for a function in the file. Its bytecode is neither kept nor run."""

    offset: int


LuaValue: TypeAlias = bool | int | float | str | Table | TorchObject | Storage | Tensor | LuaFunction | None


def element_prefix(class_name: str) -> str:
    """Return the key in ELEMENTS for the class of a tensor or storage, "" for any other class."""
    for suffix in ("Tensor", "Storage"):
        prefix = class_name.removeprefix("torch.").removesuffix(suffix)
        if class_name == f"torch.{prefix}{suffix}" and prefix in ELEMENTS:
            return prefix
    return ""


def describe(value: LuaValue) -> str:
    """Return the type of a value in the user's words: "a table", "an nn.Linear", "a string"."""
    if isinstance(value, (TorchObject, Tensor, Storage)):
        name = value.class_name if isinstance(value, TorchObject) else value.type_name
        # nn is pronounced "en en"
        return f"{'an' if name[:1].lower() in 'aeiou' or name.startswith('nn') else 'a'} {name}"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    kinds |= {Table: "a table", LuaFunction: "a function"}
    return kinds.get(type(value), "nil")
