"""The method `forward`: a line for each submodule or expression, and the variables between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.graph.names import Names
from pipeline.pytorch.code import WIDTH, Bracket, Code, Text, call, flat, lines, refs, sequence
from pipeline.pytorch.identifiers import identifier
from pipeline.pytorch.structure import Applied, Chain, Line

RUNNING = "x"  # the variable of a value that the next line alone takes
_DEPTH = 2


def variables(inputs: Sequence[str], body: Sequence[Line], outputs: Sequence[Code]) -> dict[str, str]:
    """Return the variable of each value that is taken; of one that the next line alone takes, that is the running one.

    Of a line that makes several values, one that nobody takes is an underscore.
    """
    takers = _takers([line.code for line in body], outputs)
    taken, names = Names({RUNNING}), dict[str, str]()
    runs = len(inputs) == 1 and takers.get(inputs[0], {0}) == {0}
    for value in inputs:
        names[value] = RUNNING if runs else taken.claim(identifier(value.lower(), "y"))
    for i, line in enumerate(body, 1):
        for value in line.outputs:
            if value not in takers:
                names[value] = "_"
            elif len(line.outputs) == 1 and takers[value] == {i}:
                names[value] = RUNNING
            else:
                names[value] = taken.claim(identifier(line.name.lower(), "y"))
    return names


def _takers(body: Sequence[Code], outputs: Iterable[Code]) -> dict[str, set[int]]:
    """Return the lines that take each value; what returns the outputs is behind the last."""
    found: dict[str, set[int]] = {}
    for i, parts in enumerate([*([code] for code in body), outputs]):
        for name in (name for part in parts for name in refs(part)):
            found.setdefault(name, set()).add(i)
    return found


def method(
    arguments: Sequence[str],
    body: Sequence[Line],
    outputs: Sequence[Code],
    modules: Mapping[Chain | int, str],
    names: Mapping[str, str],
) -> list[str]:
    """Return the lines of `forward`, whose last one returns what it would else name.

    `modules` are the names of submodules, `names` those of values: variables, and arrays that the module holds.
    """
    shown = [(", ".join(names[value] for value in line.outputs), _expression(line, modules)) for line in body]
    if len(outputs) == 1 and shown and shown[-1][0] == flat(outputs[0], names):
        *shown, (_, last) = shown
        end = lines(last, names, _DEPTH, "return ")
    else:
        end = _returned(outputs, names)
    head = lines(call("forward", *map(Text, ("self", *arguments))), {}, 1, "def ", ":")
    return [*head, *(row for left, made in shown for row in lines(made, names, _DEPTH, f"{left} = ")), *end]


def _expression(line: Line, modules: Mapping[Chain | int, str]) -> Code:
    if isinstance(line, Applied):
        return Bracket((Text(f"self.{modules[line.module]}"),), (("", line.code),))
    return line.code


def _returned(outputs: Sequence[Code], names: Mapping[str, str]) -> list[str]:
    plain = f"        return {', '.join(flat(found, names) for found in outputs)}"
    return [plain] if len(plain) <= WIDTH else lines(sequence(outputs), names, _DEPTH, "return ")
