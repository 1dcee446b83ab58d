"""The shape of a network's input where the user gives none: what the modules remember of their last run."""

from __future__ import annotations

from pipeline.graph.input_spec import InputSpec, TableSpec, TensorSpec
from pipeline.torch7.module import Module, find
from pipeline.torch7.objects import Storage, Table, Tensor, TorchObject

Shape = tuple[int | None, ...]  # of one sample; None: not known


def remembered(module: Module) -> tuple[InputSpec, ...] | None:
    """Return the inputs that a network remembers, for a batch of one; None where they are not known."""
    if _name(module) == "ParallelTable":
        shapes = [sample_shape(child) for child in module.children(branches=True)]
    else:
        shapes = [sample_shape(module)]
    specs = []
    for shape in shapes:
        if shape is None or None in shape or not all(size and size > 0 for size in shape):
            return None
        specs.append(TensorSpec((1, *[size for size in shape if size is not None])))
    return tuple(specs) if len(specs) == 1 else (TableSpec(tuple(specs)),)


def sample_shape(module: Module) -> Shape | None:
    """Return the shape of one sample that a module takes, as far as it or a module behind it remembers."""
    name = _name(module)
    if name == "Sequential":
        return _through(module.children())
    if _feeds_first(module):
        inside = module.children()
        return sample_shape(inside[0]) if inside else None
    return _own(module, name)


def _through(chain: list[Module]) -> Shape | None:
    """Find the first module of a chain that remembers, and go back from there to its begin."""
    for position, module in enumerate(chain):
        shape = sample_shape(module)
        shape = None if shape is None else _before_all(chain[:position], shape)
        if shape is not None and None not in shape:
            return shape
    return None


def _name(module: Module) -> str:
    return module.kind.rpartition(".")[2]


def _feeds_first(module: Module) -> bool:
    definition = find(module.kind)
    return definition is not None and definition.feeds_first


def _own(module: Module, name: str) -> Shape | None:
    found = module.object
    size = found.get("iSize")
    if isinstance(size, Storage) and len(size.data) > 2 and all(int(v) > 0 for v in size.data):
        return tuple(int(v) for v in size.data)[1:]
    for field in ("_input", "gradInput"):
        tensor = found.get(field)
        if isinstance(tensor, Tensor) and len(tensor.size) == (5 if name.startswith("Volumetric") else 4):
            return tensor.size[1:]
    if name == "Linear" and module.has("weight"):
        return module.weight().shape[1:]
    if name.startswith("Spatial") and "MaxPooling" in name and module.has("iheight") and module.has("iwidth"):
        return (None, module.int("iheight"), module.int("iwidth"))
    output = found.get("output")
    if name.startswith("Spatial") and "Convolution" in name and isinstance(output, Tensor) and len(output.size) == 4:
        return _before(module, output.size[1:])
    return None


def _before(module: Module, shape: Shape) -> Shape | None:
    """Return the shape that a module takes to give `shape`: the smallest, where several do."""
    name, image = _name(module), len(shape) == 3
    definition = find(module.kind)
    if definition and definition.keeps_shape:
        return shape
    if name == "Sequential":
        return _before_all(module.children(), shape)
    if image and "Convolution" in name and "Full" not in name and "Temporal" not in name:
        return (module.int("nInputPlane"), *_windowed(module, shape))
    if image and name in ("SpatialMaxPooling", "SpatialAveragePooling"):
        return (shape[0], *_windowed(module, shape))
    if image and name == "SpatialZeroPadding":
        pads = (module.int("pad_t") + module.int("pad_b"), module.int("pad_l") + module.int("pad_r"))
        return (shape[0], *(None if size is None else size - pad for size, pad in zip(shape[1:], pads, strict=True)))
    return None


def _before_all(chain: list[Module], shape: Shape | None) -> Shape | None:
    for module in reversed(chain):
        if shape is None:
            break
        shape = _before(module, shape)
    return shape


def _windowed(module: Module, shape: Shape) -> Shape:
    sizes = []
    for axis, count in zip("HW", shape[1:], strict=True):
        pad = module.int("padding") if module.has("padding") else module.int(f"pad{axis}", 0)
        kernel = (module.int(f"k{axis}") - 1) * module.int(f"dilation{axis}", 1) + 1
        sizes.append(None if count is None else (count - 1) * module.int(f"d{axis}", 1) + kernel - 2 * pad)
    return tuple(sizes)


def known(module: Module) -> str:
    """Say what is known about a network's input."""
    current, seen = module, 0
    while _feeds_first(current) and seen < 1000:
        inside = current.object.get("modules")
        children = inside.array() if isinstance(inside, Table) else []
        if not children or not isinstance(children[0], TorchObject):
            break
        current, seen = current.children()[0], seen + 1
    planes = current.object.get("nInputPlane")
    if isinstance(planes, int | float):
        return f"its first module, {current.origin}, takes images of {planes:g} planes; their size is not remembered"
    return f"its first module is {current.origin}, which does not remember what it took"
