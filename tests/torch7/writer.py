"""Writes .t7 files for tests and benchmarks, as Torch7 would: binary or ascii, longs of 8 or 4 bytes, both byte orders.

    save(path, sequential(nn("Linear", weight=weights, bias=bias), nn("Tanh")))

Values are what `pipeline.torch7.objects` holds, and beside them: dicts (tables), lists and tuples (tables of 1..n),
numpy arrays (tensors over a storage of their own). The same object written twice is a reference, as in Torch.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.torch7.objects import ELEMENTS, LuaFunction, Storage, Table, Tensor, TorchObject, element_prefix

TENSOR_TYPES = {
    ELEMENTS[prefix]: prefix for prefix in ("Byte", "Char", "Short", "Int", "Long", "Half", "Float", "Double")
}


def nn(kind: str, version: int = 1, **fields: Any) -> TorchObject:
    """Make a module: `nn("Linear", weight=array)`; a class with a dot is taken as it is: `nn("cudnn.ReLU")`."""
    return TorchObject(kind if "." in kind else f"nn.{kind}", version, Table(fields))


def sequential(*modules: Any, kind: str = "Sequential", **fields: Any) -> TorchObject:
    """Make a container of modules."""
    return nn(kind, modules=list(modules), **fields)


def storage(array: np.ndarray, prefix: str | None = None) -> Storage:
    """Make a storage of the elements of an array, row by row."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return Storage(f"torch.{prefix or TENSOR_TYPES[flat.dtype.str[1:]]}Storage", flat)


def tensor(array: np.ndarray, prefix: str | None = None) -> Tensor:
    """Make a tensor over a storage of its own, of the class that fits the elements unless `prefix` names one."""
    size = array.shape or (1,)
    if not array.size:
        size = ()
    stride = tuple(int(np.prod(size[axis + 1 :], dtype=np.int64)) for axis in range(len(size)))
    return strided(storage(array, prefix), size, stride)


def strided(of: Storage, size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> Tensor:
    """Make a tensor that is any window of a storage; `offset` counts from 0."""
    return Tensor(of.type_name.replace("Storage", "Tensor"), of, offset, size, stride)


def save(path: Path, value: Any, **encoding: Any) -> Path:
    """Write a value to a file, encoded as `dumps` takes it; numbers that lie as the file has them are not copied."""
    with path.open("wb") as file:
        _write(file.write, value, **encoding)
    return path


def dumps(value: Any, **encoding: Any) -> bytes:
    """Encode a value; without `versions` as files older than those, without `references` as torch.save(.., false)."""
    data = io.BytesIO()
    _write(data.write, value, **encoding)
    return data.getvalue()


def _write(
    put: Callable[[Any], object],
    value: Any,
    *,
    ascii: bool = False,
    long_bytes: int = 8,
    byte_order: str = "<",
    versions: bool = True,
    references: bool = True,
) -> None:
    writer = (_Ascii if ascii else _Binary)(put, long_bytes, byte_order, versions, references)
    writer.write(value)


@dataclass
class _Binary:
    put: Callable[[Any], object]
    long_bytes: int
    byte_order: str
    versions: bool
    references: bool
    written: dict[int, tuple[int, Any]] = field(default_factory=dict)
    count: int = 0

    def int(self, *numbers: int) -> None:
        self.put(struct.pack(f"{self.byte_order}{len(numbers)}i", *numbers))

    def long(self, *numbers: int) -> None:
        code = "q" if self.long_bytes == 8 else "i"
        self.put(struct.pack(f"{self.byte_order}{len(numbers)}{code}", *numbers))

    def double(self, number: float) -> None:
        self.put(struct.pack(f"{self.byte_order}d", number))

    def raw(self, data: Any) -> None:
        self.put(data)

    def elements(self, data: np.ndarray, code: str) -> None:
        code = f"i{self.long_bytes}" if code == "i8" else code
        self.raw(np.ascontiguousarray(data, self.byte_order + code).data)

    def string(self, text: str | bytes) -> None:
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        self.int(len(data))
        self.raw(data)

    def write(self, value: Any) -> None:
        """Write with a stack of what is still to come, so that depth does not matter."""
        waiting = [value]
        while waiting:
            waiting.extend(reversed(self._write(waiting.pop())))

    def _write(self, value: Any) -> list[Any]:
        match value:
            case None:
                self.int(0)
            case bool() | np.bool_():
                self.int(5)
                self.int(int(value))
            case int() | float() | np.integer() | np.floating():
                self.int(1)
                self.double(float(value))
            case str() | bytes():
                self.int(2)
                self.string(value)
            case dict() | list() | tuple() | Table():
                return self._table(value)
            case LuaFunction():
                return self._function(value)
            case np.ndarray():
                return self._object(value, tensor(value))
            case _:
                return self._object(value, value)
        return []

    def _is_reference(self, tag: int, value: Any) -> bool:
        self.int(tag)
        if self.references and id(value) in self.written:
            self.int(self.written[id(value)][0])
            return True
        self.count += 1
        self.written[id(value)] = (self.count, value)  # kept alive, or its id would be given to another
        self.int(self.count)
        return False

    def _table(self, value: Any) -> list[Any]:
        if self._is_reference(3, value):
            return []
        pairs = list(enumerate(value, 1)) if isinstance(value, (list, tuple)) else list(value.items())
        self.int(len(pairs))
        return [item for pair in pairs for item in pair]

    def _function(self, value: LuaFunction) -> list[Any]:
        if self._is_reference(8, value):
            return []
        self.string(b"\x1bLJ\x01\x00bytecode")
        return [[{"name": "_ENV"}, {"name": "x", "value": 3}]]

    def _object(self, identity: Any, value: Any) -> list[Any]:
        if self._is_reference(4, identity):
            return []
        is_plain = isinstance(value, TorchObject)
        if self.versions:
            self.string(f"V {value.version if is_plain else 1}")
        self.string(value.class_name if is_plain else value.type_name)
        if isinstance(value, Tensor):
            self.int(len(value.size))
            self.long(*value.size)
            self.long(*value.stride)
            self.long(value.offset + 1)
            return [value.storage]
        if isinstance(value, Storage):
            self.long(len(value.data))
            self.elements(value.data, ELEMENTS[element_prefix(value.type_name)])
            return []
        return self._payload(value)

    def _payload(self, value: TorchObject) -> list[Any]:
        match value.class_name:
            case "torch.Timer":
                return []
            case "torch.Generator":
                self.raw(bytes(5048 if self.long_bytes == 8 else 2544))
                return []
            case "tds.Hash" | "tds.Vec":
                self.long(len(value.fields))
                pairs = value.fields.items()
                return [i for k, v in pairs for i in ((k, v) if value.class_name == "tds.Hash" else (v,))]
            case "nn.GPU":
                return [["torch.CudaTensor", 1], value.fields]
            case "nn.DataParallelTable" if value.version >= 2 and self.versions:
                return [[1, 2], value.fields]
        return [value.fields]


class _Ascii(_Binary):
    def int(self, *numbers: int) -> None:
        if numbers:
            self.put((" ".join(map(str, numbers)) + "\n").encode())

    long = int

    def double(self, number: float) -> None:
        self.put(b"%.17g\n" % number)

    def raw(self, data: bytes) -> None:
        if data:
            self.put(data + b"\n")

    def elements(self, data: np.ndarray, code: str) -> None:
        if code[1] == "1":
            self.raw(data.tobytes())
        elif code[0] == "i":
            self.int(*data.tolist())
        elif len(data):
            spelled = "%.17g" if code == "f8" else "%.9g"
            self.put((" ".join([spelled % v for v in data.tolist()]) + "\n").encode())
