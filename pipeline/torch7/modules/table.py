"""Modules that take or give tables."""

from __future__ import annotations

from pipeline.graph.operators import Cast, Gather
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module, refused
from pipeline.torch7.modules.axes import axis_of, batched_axis, joined
from pipeline.torch7.tables import leaves

Table = tuple[TorchValue, ...]


def pair(m: Module) -> int:
    """Return 2, the number of items of modules with two inputs."""
    return 2


def alike(x: Table, net: Lowering, count: int | None = None) -> tuple[Value, ...]:
    """Return the tensors of a table in the shape of the first. Torch requires only as many elements (add, cmul ...)."""
    items = net.tensors(x if count is None else x[:count])
    if count is not None and len(items) != count:
        net.misfit(f"a table of {count} tensors", x)
    if any(item.size != items[0].size for item in items):
        net.misfit("a table of tensors of one shape", x)
    return tuple([net.reshape(item, items[0].shape, part=f"input{i}") for i, item in enumerate(items, 1)])


def fold(operator: str, x: Table, net: Lowering) -> Value:
    """Return all tensors of a table combined by an operator."""
    items = alike(x, net)
    return net.add(operator, *items) if len(items) > 1 else net.copy(items[0])


@module("nn.CAddTable")
def cadd_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The sum of all; in place it is written over the first."""
    y = fold("Sum", x, net)
    first = x[0]
    return net.overwrite(net.current(first), y) if m.flag("inplace") and isinstance(first, Value) else y


@module("nn.CMulTable")
def cmul_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The product of all."""
    first, *others = alike(x, net)
    for position, other in enumerate(others, 2):
        part = f"product{position}" if position <= len(others) else ""
        first = net.add("Mul", first, other, part=part)
    return first if others else net.copy(first)


@module("nn.CSubTable", items=pair)
def csub_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """y = x1 - x2."""
    return net.add("Sub", *alike(x, net, 2))


@module("nn.CDivTable", items=pair)
def cdiv_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """y = x1 / x2."""
    return net.add("Div", *alike(x, net, 2))


@module("nn.CMaxTable")
def cmax_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The largest of all, element by element."""
    return fold("Max", x, net)


@module("nn.CMinTable")
def cmin_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The smallest of all, element by element."""
    return fold("Min", x, net)


@module("nn.CAddTensorTable", items=pair)
def cadd_tensor_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Add a tensor to every item of a table: {v, {a, b}} gives {a + v, b + v}."""
    if len(x) < 2 or not isinstance(x[1], tuple) or not isinstance(x[0], Value):
        net.misfit("a table of a tensor and a table", x)
    first, *others = alike((x[0], *x[1]), net)
    return tuple([net.add("Add", item, first, part=f"item{i}") for i, item in enumerate(others, 1)])


def item_of(x: Table, index: int, net: Lowering) -> TorchValue:
    """Return the item with Lua's `index`. A negative one counts from the end."""
    position = index - 1 if index > 0 else len(x) + index
    if index == 0 or not 0 <= position < len(x):
        net.misfit(f"a table with an item {index}", x)
    return x[position]


@module("nn.SelectTable")
def select_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Return one item."""
    return item_of(x, m.int("index"), net)


@module("nn.NarrowTable")
def narrow_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Return `length` items from `offset` on, or as many as are there: nil ends a table (NarrowTable.lua)."""
    offset, length = m.int("offset"), m.int("length", 1)
    if offset < 1:
        net.misfit(f"a table with an item {offset}", x)
    return x[offset - 1 : offset - 1 + max(length, 0)]


@module("nn.FlattenTable")
def flatten_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Return all tensors of nested tables in one table."""
    return tuple(leaves(x))


@module("nn.ReverseTable")
def reverse_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Return the items in reverse order (dpnn)."""
    return x[::-1]


@module("nn.ZipTable")
def zip_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """{{a1, a2}, {b1, b2}} gives {{a1, b1}, {a2, b2}}."""
    rows = [row if isinstance(row, tuple) else net.misfit("a table of tables", x) for row in x]
    return tuple([tuple([row[i] for row in rows if i < len(row)]) for i in range(max(map(len, rows)))])


@module("nn.ZipTableOneToMany", items=pair)
def zip_one_to_many(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """{v, {a, b}} gives {{v, a}, {v, b}}."""
    if len(x) < 2 or not isinstance(x[1], tuple):
        net.misfit("a table of an element and a table", x)
    return tuple([(x[0], item) for item in x[1]])


@module("nn.SplitTable")
def split_table(m: Module, x: Value, net: Lowering) -> TorchValue:
    """Return the slices along `dimension` as a table; they share the input's memory."""
    axis = batched_axis(m, x, net)
    return tuple([net.select(x, axis, i, part=f"slice{i + 1}") for i in range(x.shape[axis])])


@module("nn.JoinTable")
def join_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Join the items along `dimension`, which `nInputDims` moves behind the batch dimension."""
    items = net.tensors(x)
    return joined(items, batched_axis(m, items[0], net), net)


@module("nn.MixtureTable", items=pair)
def mixture_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Add up the experts, each times its column of the gate: {gate (N, E), {e1, e2 ...}} or {gate, experts}."""
    if len(x) < 2 or not isinstance(x[0], Value):
        net.misfit("a table of a gate and its experts", x)
    gate, experts = net.current(x[0]), x[1]
    axis = gate.rank - 1
    if isinstance(experts, Value):
        experts = net.current(experts)
        split = axis_of(m.int("dim", axis + 1), experts, net)
        experts = tuple([net.select(experts, split, i, part=f"expert{i + 1}") for i in range(experts.shape[split])])
    chosen = net.tensors(experts)
    if gate.rank not in (1, 2) or gate.shape[axis] != len(chosen):
        net.misfit(f"a gate of {len(chosen)} columns", x)
    terms = []
    for i, expert in enumerate(chosen):
        column = net.narrow(gate, axis, i, 1, part=f"gate{i + 1}")
        shape = (*gate.shape[:-1], *[1] * (expert.rank - axis))
        column = net.reshape(column, shape, part=f"column{i + 1}")
        terms.append(net.add("Mul", expert, column, part=f"term{i + 1}"))
    return net.add("Sum", *terms) if len(terms) > 1 else terms[0]


@module("nn.Index", items=pair)
def index(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Return the slices of the first tensor that the second names, from 1 on."""
    tensor, indices = alike_pair(x[:2], net)  # Torch ignores further items of the table
    return net.add(Gather(axis=axis_of(m.int("dimension"), tensor, net)), tensor, zero_based(indices, net))


def alike_pair(x: Table, net: Lowering) -> tuple[Value, Value]:
    """Return the two tensors of a table."""
    items = net.tensors(x)
    if len(items) != 2:
        net.misfit("a table of two tensors", x)
    return items[0], items[1]


def zero_based(indices: Value, net: Lowering) -> Value:
    """Return Torch's indices, which are numbers from 1 on, as int64 from 0 on."""
    shifted = net.add("Sub", indices, net.constant(1.0, "one"), part="index")
    return net.add(Cast(to="int64"), shifted, part="index_int")


refused(
    "nn.MaskedSelect",
    reason="gives as many elements as its mask has ones, which no static network can",
    advice="select after the network",
)
