"""Reads what follows a class name in a .t7 file: usually a table of fields, but some classes have another form."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.torch7.objects import ELEMENTS, LuaValue, Storage, Table, Tensor, TorchObject, describe, element_prefix

if TYPE_CHECKING:
    from pipeline.torch7.decoding import ObjectReader

MAX_DIMENSIONS = 32  # numpy's older limit; real tensors have up to 8
MAX_EXPANSION = 1 << 31  # elements of a tensor that repeats some of them (stride 0), at most

# sizeof(THGenerator) with the Mersenne twister's 624 longs, by the bytes of a long (torch7/lib/TH/THRandom.h)
GENERATOR_BYTES = {8: 5048, 4: 2544}


@dataclass(frozen=True, slots=True)
class Head:
    """What precedes a payload. `start` is the first byte of the object."""

    class_name: str
    version: int
    index: int
    start: int


Payload: TypeAlias = "Callable[[ObjectReader, Head], Generator[Any, LuaValue, LuaValue]]"


def read_fields(reader: ObjectReader, head: Head) -> Generator[Any, LuaValue, LuaValue]:
    """Read a table of fields. The object is registered first, because its fields may refer to it."""
    found = TorchObject(head.class_name, head.version, Table(), head.start, head.index)
    reader.objects[head.index] = found
    fields = yield None
    if not isinstance(fields, Table):
        raise reader.damage(
            f"{head.class_name} has {describe(fields)} instead of a table of fields"
            " (modules of 2011, before the first release of Torch7, are written so: no Torch7 reads them)",
            head.start,
        )
    found.fields = fields
    return found


def read_headed_fields(reader: ObjectReader, head: Head) -> Generator[Any, LuaValue, LuaValue]:
    """Read nn.GPU or nn.DataParallelTable: an object for the devices, and then the fields."""
    if head.class_name != "nn.DataParallelTable" or head.version >= 2:
        yield "devices"
    return (yield from read_fields(reader, head))


def read_nothing(reader: ObjectReader, head: Head) -> Generator[Any, LuaValue, LuaValue]:
    """Read torch.Timer, which has no payload."""
    yield from ()
    return TorchObject(head.class_name, head.version, Table(), head.start, head.index)


def read_generator(reader: ObjectReader, head: Head) -> Generator[Any, LuaValue, LuaValue]:
    """Skip the raw memory of torch.Generator."""
    yield from ()
    reader.has_longs = True
    size = GENERATOR_BYTES[reader.long_bytes]
    if size > reader.left:
        raise reader.shortage(f"a torch.Generator takes {size} bytes")
    reader.read_bytes(size)
    return TorchObject(head.class_name, head.version, Table(), head.start, head.index)


def read_hash(reader: ObjectReader, head: Head) -> Generator[Any, LuaValue, LuaValue]:
    """Read tds.Hash (a long, keys and values) or tds.Vec (a long, values) into fields (tds/hash.lua)."""
    count = reader.read_long()
    if count < 0 or count > reader.left:
        raise reader.shortage(f"{head.class_name} announces {count} entries")
    found = TorchObject(head.class_name, head.version, Table(offset=head.start), head.start, head.index)
    reader.objects[head.index] = found
    for position in range(1, count + 1):
        key = position if head.class_name == "tds.Vec" else (yield "key")
        if not isinstance(key, (str, int, float)):
            raise reader.damage(f"a key of {head.class_name} is {describe(key)}")
        found.fields[key] = yield key
    return found


def read_storage(reader: ObjectReader, head: Head) -> Generator[Any, LuaValue, LuaValue]:
    """Read a storage: a long, and so many numbers."""
    yield from ()
    count = reader.read_long()
    if count < 0:
        raise reader.damage(f"{head.class_name} announces {count} elements", head.start)
    elements = reader.read_elements(ELEMENTS[element_prefix(head.class_name)], count)
    reader.elements += count
    return Storage(head.class_name, elements, head.start)


def read_tensor(reader: ObjectReader, head: Head) -> Generator[Any, LuaValue, LuaValue]:
    """Read a tensor: its dimensions, sizes, strides, 1-based offset, and storage (an object, or nil)."""
    dimensions = reader.read_int()
    if not 0 <= dimensions <= MAX_DIMENSIONS:
        raise reader.damage(f"{head.class_name} announces {dimensions} dimensions", head.start)
    size = tuple(reader.read_long_array(dimensions))
    stride = tuple(reader.read_long_array(dimensions))
    offset = reader.read_long() - 1
    # Sizes of 0 do not occur: Torch drops them and all dimensions after them (generic/THTensor.c, resizeNd).
    if any(n < 1 for n in size) or any(step < 0 for step in stride) or offset < 0:
        raise reader.damage(
            f"{head.class_name} has size {size}, stride {stride}, storage offset {offset + 1}", head.start
        )
    storage = yield "storage"
    tensor = Tensor(head.class_name, _fitting(reader, head, storage), offset, size, stride)
    _check_window(reader, head, tensor)
    return tensor


def _fitting(reader: ObjectReader, head: Head, storage: LuaValue) -> Storage | None:
    expected = head.class_name.removesuffix("Tensor") + "Storage"
    if storage is None or (isinstance(storage, Storage) and storage.type_name == expected):
        return storage
    raise reader.damage(f"{head.class_name} has {describe(storage)} instead of its {expected}", head.start)


def _check_window(reader: ObjectReader, head: Head, tensor: Tensor) -> None:
    if tensor.is_empty:
        return
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.size, tensor.stride, strict=True))
    there = 0 if tensor.storage is None else len(tensor.storage.data)
    if last >= there:
        raise reader.damage(
            f"{head.class_name} reaches element {last + 1} of a storage of {there}"
            f" (size {tensor.size}, stride {tensor.stride}, storage offset {tensor.offset + 1})",
            head.start,
        )
    count = math.prod(tensor.size)
    if count > max(there, MAX_EXPANSION):
        raise reader.damage(f"{head.class_name} repeats {there} elements to {count}", head.start)


PAYLOADS: dict[str, Payload] = {
    "nn.DataParallelTable": read_headed_fields,
    "nn.GPU": read_headed_fields,
    "tds.Hash": read_hash,
    "tds.Vec": read_hash,
    "torch.Generator": read_generator,
    "torch.Timer": read_nothing,
    **{f"torch.{prefix}Storage": read_storage for prefix in ELEMENTS},
    **{f"torch.{prefix}Tensor": read_tensor for prefix in ELEMENTS},
}
