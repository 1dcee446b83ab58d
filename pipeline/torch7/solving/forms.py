"""What is known, or assumed, of a network's input: tensors whose axes have sizes, in nested tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pipeline.graph.input_spec import InputSpec, TableSpec, TensorSpec

Path = tuple[int, ...]  # positions in nested tables
Place = tuple[Path, int]  # an axis of the tensor at a path


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a tensor: its size, and whether a module determines it."""

    size: int = 1
    known: bool = False


@dataclass(frozen=True, slots=True)
class TensorForm:
    """A tensor. If it is `flat`, only the number of its elements is determined, and its axes are those of a vector.

    With `batch`, its first axis counts samples.
    """

    axes: tuple[Axis, ...] = (Axis(),)
    flat: bool = False
    batch: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of all axes."""
        return tuple(axis.size for axis in self.axes)


@dataclass(frozen=True, slots=True)
class TableForm:
    """A Lua table: a sequence of any length if it `repeats`; of unknown length if `unsettled`."""

    items: tuple[Form, ...]
    repeats: bool = False
    unsettled: bool = False


Form = TensorForm | TableForm


def tensors(form: Form, path: Path = ()) -> Iterator[tuple[Path, TensorForm]]:
    """Yield the tensors of a form with their paths, from left to right."""
    if isinstance(form, TensorForm):
        yield path, form
    else:
        for position, item in enumerate(form.items):
            yield from tensors(item, (*path, position))


def tables(form: Form) -> Iterator[TableForm]:
    """Yield the tables of a form."""
    if isinstance(form, TableForm):
        yield form
        for item in form.items:
            yield from tables(item)


def at(form: Form, path: Path) -> Form:
    """Return the part of a form at a path."""
    for position in path:
        assert isinstance(form, TableForm)
        form = form.items[position]
    return form


def tensor_at(form: Form, path: Path) -> TensorForm:
    """Return the tensor at a path."""
    found = at(form, path)
    assert isinstance(found, TensorForm)
    return found


def put(form: Form, path: Path, new: Form) -> Form:
    """Return the form with its part at a path replaced by `new`."""
    if not path:
        return new
    assert isinstance(form, TableForm)
    items = list(form.items)
    items[path[0]] = put(items[path[0]], path[1:], new)
    return replace(form, items=tuple(items))


def resized(form: Form, sizes: Mapping[Place, int]) -> Form:
    """Return the form with other sizes of some axes."""
    for (path, number), size in sizes.items():
        tensor = tensor_at(form, path)
        axes = list(tensor.axes)
        axes[number] = replace(axes[number], size=size)
        form = put(form, path, replace(tensor, axes=tuple(axes)))
    return form


def of_count(form: Form, count: int) -> Form:
    """Return a sequence of any length with `count` items, and any other form unchanged."""
    if isinstance(form, TableForm) and form.repeats:
        each = sum(1 for _ in tensors(form.items[0]))
        return replace(form, items=form.items[:1] * max(count // each, 1))
    return form


def specs(form: Form) -> tuple[InputSpec, ...]:
    """Return a form as shapes for `--input`: a table of several items becomes several inputs."""
    if isinstance(form, TableForm) and len(form.items) > 1:
        return tuple([_spec(item) for item in form.items])
    return (_spec(form),)


def _spec(form: Form) -> InputSpec:
    if isinstance(form, TensorForm):
        return TensorSpec(form.shape)
    return TableSpec(tuple([_spec(item) for item in form.items]))
