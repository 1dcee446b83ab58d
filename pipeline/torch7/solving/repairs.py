"""Proposes forms of the network's input that fit a module better whose own input did not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipeline.graph.values import Value
from pipeline.torch7.module import Definition, Module, TorchValue, definition_of
from pipeline.torch7.solving.attempts import Attempt
from pipeline.torch7.solving.forms import Axis, Form, Path, TableForm, TensorForm, at, put, tensor_at
from pipeline.torch7.tables import leaves

_RANKS = 5  # the most axes that a module asks for
_MOST_ITEMS = 100  # of a table that is tried; a longer one is to be given


def repairs(form: Form, attempt: Attempt) -> Iterator[Form]:
    """Yield forms that may fit the module at which an attempt failed, the likeliest first."""
    misfit = attempt.misfit
    if misfit is None:
        return
    module, x = misfit.module, misfit.given
    definition = definition_of(module)
    for path in attempt.sources:
        tensor = tensor_at(form, path)
        if 0 < misfit.items <= _MOST_ITEMS and isinstance(x, Value):
            yield put(form, path, TableForm((TensorForm(),) * misfit.items))
        for new in (*_of_module(definition, module, x, tensor), *_of_company(x, tensor)):
            yield put(form, path, new)
    for paths in dict.fromkeys([*((path,) for path in attempt.sources), attempt.sources]):
        for more in range(1, _RANKS):
            yield _with_axes(form, paths, more)
    if isinstance(x, tuple) and (longer := _longer(form, attempt.sources, len(x))):
        yield longer


def _with_axes(form: Form, paths: tuple[Path, ...], more: int) -> Form:
    """Return the form with `more` axes in the tensors at some paths, but at most _RANKS in each."""
    for path in paths:
        tensor = tensor_at(form, path)
        count = min(more, max(_RANKS - len(tensor.axes), 0))
        form = put(form, path, replace(tensor, axes=(*tensor.axes, *[Axis()] * count), flat=False))
    return form


def _of_module(definition: Definition | None, module: Module, x: TorchValue, tensor: TensorForm) -> Iterator[Form]:
    if definition is None or not isinstance(x, Value):
        return
    items = definition.items(module) if definition.items else 2
    if items > _MOST_ITEMS:
        return
    if definition.takes == "table" or (definition.items and items > 1):
        table = TableForm((TensorForm(),) * items, unsettled=not definition.items)
        yield table
        yield TableForm((table,), repeats=True)  # a sequence of such tables
        return
    if definition.elements and (count := definition.elements(module)):
        yield TensorForm((Axis(), Axis(count, known=True)), flat=True)
    sizes = definition.sizes(module) if definition.sizes else {}
    rank = definition.rank or (max(x.rank, *(axis + 1 for axis in sizes)) if sizes else None)
    if rank is not None and definition.unbatched == "only":
        yield replace(_of_rank(rank - 1, {axis - 1: size for axis, size in sizes.items()}, x, tensor), batch=False)
    elif rank is not None:
        yield _of_rank(rank, sizes, x, tensor)
        if x.rank == rank == len(tensor.axes):
            yield _by_difference(sizes, x, tensor)


def _of_company(x: TorchValue, tensor: TensorForm) -> Iterator[TensorForm]:
    """Yield the shapes of the other items of a table, for a tensor of which nothing is known."""
    if isinstance(x, tuple) and not any(axis.known for axis in tensor.axes):
        for shape in dict.fromkeys(value.shape for value in leaves(x)):
            if len(shape) > 1:
                yield TensorForm((Axis(), *[Axis(size, known=True) for size in shape[1:]]))


def _of_rank(rank: int, sizes: Mapping[int, int | None], x: Value, tensor: TensorForm) -> TensorForm:
    """Return the input for which `x` would be a tensor of this rank, with these sizes by axis.

    If `x` has got more axes on the way, as by a lookup, its sizes are not those of the input.
    """
    count = max(len(tensor.axes) + rank - x.rank, 1)
    axes = [*tensor.axes, *[Axis()] * (count - len(tensor.axes))][:count]
    for axis, size in sizes.items():
        seen = axis + x.rank - rank
        missing = not 0 <= seen < x.rank or x.shape[seen] != size or count > len(tensor.axes)
        if x.rank <= len(tensor.axes) and missing and 0 <= (place := axis + count - rank) < count:
            axes[place] = Axis(size or 1, known=size is not None)
    return TensorForm(tuple(axes), batch=tensor.batch)


def _by_difference(sizes: Mapping[int, int | None], x: Value, tensor: TensorForm) -> TensorForm:
    """Return the input enlarged by as much as `x` is too small, which helps if it is joined with others."""
    axes = list(tensor.axes)
    for axis, size in sizes.items():
        if size is not None and axis and (new := axes[axis].size + size - x.shape[axis]) > 0:
            axes[axis] = Axis(new, known=True)
    return replace(tensor, axes=tuple(axes))


def _longer(form: Form, sources: tuple[Path, ...], count: int) -> Form | None:
    """Return the form with one more item in the table of `count` items that contains the sources."""
    for path in sources:
        for length in range(len(path)):
            table = at(form, path[:length])
            if isinstance(table, TableForm) and len(table.items) == count:
                return put(form, path[:length], replace(table, items=(*table.items, TensorForm())))
    return None
