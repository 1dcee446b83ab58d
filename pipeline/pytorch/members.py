"""The submodules and parameters of a class: the code that makes them, and the arrays that they load."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.pytorch.code import Bracket, Literal, Text, call, lines, sequence
from pipeline.pytorch.steps import Array, Held, Layer, tied
from pipeline.pytorch.structure import Chain

DEPTH = 2  # levels of indentation in a method


class Members:
    """Collects the lines of `__init__`, and the arrays by their names in PyTorch's state_dict."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.arrays: dict[str, Array] = {}
        self.paths: dict[int, str] = {}  # the path of the submodule of each layer
        self._layers = layers
        self._lines: list[str] = []
        self._ties: list[str] = []
        self._owners: dict[str, str] = {}  # the parameter of each weight of the graph

    def add(self, name: str, module: Chain | int) -> None:
        """Add a submodule."""
        self._lines += lines(self._made(module, name), {}, DEPTH, f"self.{name} = ")

    def add_array(self, name: str, value: str, held: Held) -> None:
        """Add a weight as a parameter, or as a buffer if it is not learnt. One that a layer holds is shared with it."""
        owner = self._owners.get(tied(value, held.array))
        if owner:
            self._tie(f"self.{name}", owner)
            return
        kind = {} if held.array.dtype.kind == "f" else {"dtype": Text("torch.int64")}
        zeros = call("torch.zeros", *sizes(held.array.shape), **kind)
        self.arrays[name] = held.array
        if held.learnt:
            self._lines += lines(call("nn.Parameter", zeros), {}, DEPTH, f"self.{name} = ")
        else:
            self._lines += lines(call("self.register_buffer", name, zeros), {}, DEPTH)

    def of_chain(self, chain: Chain) -> list[str]:
        """Return the lines of `__init__` of a class that is itself an nn.Sequential."""
        return self._init(lines(call("super().__init__", self._parts(chain, "")), {}, DEPTH))

    def init(self) -> list[str]:
        """Return the lines of `__init__`; none if there is nothing to make."""
        return self._init(["        super().__init__()", *self._lines]) if self._lines else []

    def _init(self, body: Sequence[str]) -> list[str]:
        shared = ["        # These are the same parameters, not copies of them."] if self._ties else []
        return ["    def __init__(self):", *body, *shared, *self._ties]

    def _made(self, module: Chain | int, path: str) -> Bracket:
        if isinstance(module, Chain):
            return call("nn.Sequential", self._parts(module, f"{path}."))
        layer = self._layers[module]
        self.paths[module] = path
        for name, array in layer.arrays.items():
            own = f"{path}.{name}"
            owner = self._owners.setdefault(layer.tied.get(name, own), own)
            if owner == own:
                self.arrays[own] = array
            else:
                self._tie(f'self.get_submodule("{path}").{name}', owner)
        return layer.made

    def _parts(self, chain: Chain, before: str) -> Bracket:
        pairs = (sequence((name, self._made(part, before + name))) for name, part in chain.parts)
        return call("OrderedDict", Bracket((), tuple(("", pair) for pair in pairs), "[]"))

    def _tie(self, target: str, owner: str) -> None:
        path, _, name = owner.rpartition(".")
        indent = " " * (4 * DEPTH)
        self._ties += [f'{indent}owner = self.get_submodule("{path}")', f"{indent}{target} = owner.{name}"]


def sizes(shape: Sequence[int]) -> Sequence[Literal]:
    """Return a shape as the arguments of torch.zeros."""
    return list(shape) or [()]
