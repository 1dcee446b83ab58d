"""Writes the method `forward`: a line for each submodule or expression, with variables for the values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.graph.names import Names
from pipeline.pytorch.code import WIDTH, Bracket, Code, Text, call, flat, lines, refs, sequence
from pipeline.pytorch.identifiers import identifier
from pipeline.pytorch.structure import Applied, Chain, Line

RUNNING = "x"  # the variable of a value that only the next line uses
_DEPTH = 2


def variables(inputs: Sequence[str], body: Sequence[Line], outputs: Sequence[Code]) -> dict[str, str]:
    """Return the variables by value. A value that only the next line uses has the variable RUNNING.

    If a line makes several values, those that are not used are underscores.
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
    """Return the numbers of the lines that use each value. The line that returns the outputs comes after the last."""
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
    """Return the lines of `forward`. The last one returns its expression directly, without a variable.

    `modules` are the names of submodules; `names` are those of values: variables, and arrays of the module.
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
