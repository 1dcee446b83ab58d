"""Which networks a run converts: what was typed, what the configuration file lists, and what folders hold.

A network is given by what was set for it: its options with their sources (`Sourced`), before they become `Options`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError, nearest
from pipeline.toml import Sourced

if TYPE_CHECKING:
    from pipeline.formats import Candidate


def selected(models: list[Sourced], typed: Sourced) -> list[Sourced]:
    """Return the models to convert: those typed as MODEL, by path or by their name in the file, or all in the file.

    Takes "model" out of `typed`. Raises UsageError for a name that the file does not list.
    """
    if "model" not in typed:
        return models or [{}]
    value, origin = typed.pop("model")
    wanted = dict.fromkeys(value if isinstance(value, list | tuple) else [value])
    if not models:
        return [{"model": (path, origin)} for path in wanted]
    known = [_name(model) for model in models]
    for name in map(str, wanted):
        if name not in known:
            raise UsageError(f"the configuration lists no model {name}", advice=nearest(name, known))
    return [models[known.index(str(name))] for name in wanted]


def networks(layer: Sourced, leave_out: Callable[[Candidate], object]) -> list[Sourced]:
    """Return the options of each network in a folder, or of a pattern (`models/*.t7`); none where the model is a file.

    `leave_out` is called with networks of a folder that lack something.
    Raises UsageError where all of them would have one name, and for what is no pattern.
    """
    if "model" not in layer:
        return []
    path, origin = Path(layer["model"][0]), layer["model"][1]
    if path.is_dir():
        from pipeline import formats

        candidates = formats.networks_in(path)
        found = [each.path for each in candidates if not each.lacks]
        for each in candidates:
            if each.lacks:
                leave_out(each)
    else:
        is_pattern = not path.exists() and set("*?[").intersection(str(path))
        found = _matches(path, origin) if is_pattern else []
    if found and "name" in layer:
        where = layer["name"][1]
        raise UsageError("one name is given to all networks of a folder or pattern", where=where, advice="leave it out")
    return [_with_weights({**layer, "model": (each, origin)}) for each in found]


def _matches(pattern: Path, origin: str) -> list[Path]:
    """Return what a pattern matches, sorted; `origin` gave it."""
    root = Path(pattern.absolute().anchor)
    try:
        return sorted(root.glob(str(pattern.absolute().relative_to(root))))
    except (ValueError, RecursionError) as error:  # ** beside other characters, in Python before 3.13; very many parts
        raise UsageError(f"{pattern} is no pattern", where=origin, why=str(error)) from None


def _with_weights(layer: Sourced) -> Sourced:
    """Return the options of a network with the weights that lie beside it, where it needs them."""
    from pipeline import formats

    path, origin = layer["model"]
    weights = formats.weights_beside(path) if "weights" not in layer else None
    return {**layer, "weights": (weights, origin)} if weights else layer


def names(layers: Sequence[Sourced]) -> list[str]:
    """Return the names of models: given ones, else that of the file, with folders before it where names are equal."""
    depth = dict.fromkeys(range(len(layers)), 1)
    while True:
        found = {i: _name(layers[i], depth[i]) for i in depth}
        taken = Counter(found.values())
        alike = [i for i in depth if taken[found[i]] > 1 and "name" not in layers[i]]
        longer = [i for i in alike if found[i] != _name(layers[i], depth[i] + 1)]
        if not longer:
            return list(found.values())
        depth |= {i: depth[i] + 1 for i in longer}


def _name(layer: Sourced, depth: int = 1) -> str:
    """Return the name of a model: the given one, or that of its file, with `depth` - 1 folders before it."""
    if "name" in layer:
        return str(layer["name"][0])
    if "model" not in layer:
        return ""
    path = Path(layer["model"][0]).absolute()
    folders = path.parts[1:-1]
    return "-".join([*folders[max(0, len(folders) - depth + 1) :], path.stem])
