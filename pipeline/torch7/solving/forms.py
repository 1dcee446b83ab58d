"""What is known, or supposed, of a network's input: tensors whose axes have sizes, in nested tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pipeline.graph.input_spec import InputSpec, TableSpec, TensorSpec

Path = tuple[int, ...]  # positions in nested tables
Place = tuple[Path, int]  # an axis of the tensor at a path


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a tensor: its size, and whether a module has settled that."""

    size: int = 1
    known: bool = False


@dataclass(frozen=True, slots=True)
class TensorForm:
    """A tensor; `flat`: only the number of its elements is settled, and it stands here as a vector.

    `batch`: its first axis counts samples.
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
    """A Lua table; `repeats`: a sequence of any length; `unsettled`: nothing says how many items it has."""

    items: tuple[Form, ...]
    repeats: bool = False
    unsettled: bool = False


Form = TensorForm | TableForm


def tensors(form: Form, path: Path = ()) -> Iterator[tuple[Path, TensorForm]]:
    """Return the tensors of a form with their paths, left to right."""
    if isinstance(form, TensorForm):
        yield path, form
    else:
        for position, item in enumerate(form.items):
            yield from tensors(item, (*path, position))


def tables(form: Form) -> Iterator[TableForm]:
    """Return the tables of a form."""
    if isinstance(form, TableForm):
        yield form
        for item in form.items:
            yield from tables(item)


def at(form: Form, path: Path) -> Form:
    """Return what stands at a path."""
    for position in path:
        assert isinstance(form, TableForm)
        form = form.items[position]
    return form


def tensor_at(form: Form, path: Path) -> TensorForm:
    """Return the tensor that stands at a path."""
    found = at(form, path)
    assert isinstance(found, TensorForm)
    return found


def put(form: Form, path: Path, new: Form) -> Form:
    """Return the form with `new` at a path."""
    if not path:
        return new
    assert isinstance(form, TableForm)
    items = list(form.items)
    items[path[0]] = put(items[path[0]], path[1:], new)
    return replace(form, items=tuple(items))


def resized(form: Form, sizes: Mapping[Place, int]) -> Form:
    """Return the form with other sizes at some places."""
    for (path, number), size in sizes.items():
        tensor = tensor_at(form, path)
        axes = list(tensor.axes)
        axes[number] = replace(axes[number], size=size)
        form = put(form, path, replace(tensor, axes=tuple(axes)))
    return form


def of_count(form: Form, count: int) -> Form:
    """Return the form with so many tensors, where it is a sequence of any length; else as it is."""
    if isinstance(form, TableForm) and form.repeats:
        each = sum(1 for _ in tensors(form.items[0]))
        return replace(form, items=form.items[:1] * max(count // each, 1))
    return form


def specs(form: Form) -> tuple[InputSpec, ...]:
    """Return a form as shapes: the items of a table of several as inputs of their own, as `--input` lists them."""
    if isinstance(form, TableForm) and len(form.items) > 1:
        return tuple([_spec(item) for item in form.items])
    return (_spec(form),)


def _spec(form: Form) -> InputSpec:
    if isinstance(form, TensorForm):
        return TensorSpec(form.shape)
    return TableSpec(tuple([_spec(item) for item in form.items]))
