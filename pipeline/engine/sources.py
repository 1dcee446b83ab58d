"""Recognises what a run starts from: the user's files, and the kind of artifact or source that they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline import formats
from pipeline.config import OPTIONS, Options
from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.format import Format, Role
from pipeline.wire.foreign import foreign
from pipeline.wire.mapped import map_file


@dataclass(frozen=True, slots=True)
class Entrance:
    """The files of the user: in `roles` by their role in the format, in `files` by their name in an artifact.

    If they are `adopted`, they are an artifact themselves (a Caffe pair), which is taken into the store; otherwise the
    file is passed to the stage that reads this kind.
    """

    format: Format
    roles: Mapping[str, Path]

    @property
    def kind(self) -> str:
        """The kind of artifact or source."""
        return self.format.name

    @property
    def adopted(self) -> bool:
        """Whether they are an artifact themselves."""
        return self.format.is_artifact

    @property
    def files(self) -> Mapping[str, Path]:
        """The files by their names in an artifact."""
        if self.adopted:
            return self.format.artifact(self.roles)
        return {path.name: path for path in self.roles.values()}


def idle(options: Options, source: Entrance) -> list[str]:
    """Return notes about options that were set but have no effect on a network of this format."""
    titles = {known.name: known.title for known in formats.READ}
    about = [OPTIONS[name].metadata for name in _idle(options, source)]
    return [
        f"{each['flag'].partition('/')[0]} is for {titles[each['only']]} networks, and has no effect" for each in about
    ]


def without_idle(options: Options, source: Entrance) -> Options:
    """Return the options without those that have no effect, so that they do not change the keys of stages."""
    defaults: dict[str, Any] = {name: OPTIONS[name].default for name in _idle(options, source)}
    return replace(options, **defaults)


def _idle(options: Options, source: Entrance) -> list[str]:
    return [
        name
        for name, field in OPTIONS.items()
        if field.metadata["only"] not in ("", source.kind) and getattr(options, name) != field.default
    ]


def recognise(options: Options) -> Entrance:
    """Recognise the model by its content.

    Raises InvalidInputError for files that are no network or only a part of one, UsageError if the options do not fit
    the model.
    """
    model, weights = options.model, options.weights
    found = formats.recognise(model)
    known, role = found or formats.SAYS_WHY
    if found and known not in formats.CONVERTED:
        starts = " or ".join(each.roles[0].title for each in formats.CONVERTED)
        raise UsageError(
            f"{model.name} is {role.title}, which no conversion starts from",
            why=f"one starts from {starts}",
            advice="inspect and diff read it",
        )
    if weights is None:
        return Entrance(known, _alone(known, role, model))
    if known.weights_role is None:
        if found is None:
            raise _no_network(model)
        raise UsageError(
            f"{model.name} is {role.title}, which holds its weights itself",
            where=options.origins.get("weights", ""),
            advice="leave --weights out",
        )
    _check_weights(known, role, model, weights)
    return Entrance(known, {known.roles[0].name: model, known.weights_role.name: weights})


def _no_network(path: Path) -> InvalidInputError:
    view = map_file(path)
    what = foreign(view)
    is_what = f"{path.name} is {what.name}, and no network" if what else f"{path.name} is no network"
    why = "" if what else f"it begins with the bytes {bytes(view[:8]).hex(' ')}"
    return InvalidInputError(is_what, where=str(path), why=why, advice=what.advice if what else "")


def _alone(known: Format, role: Role, model: Path) -> Mapping[str, Path]:
    """Return the files of a network whose weights were not named: they are in the same file, or beside it."""
    if role.lacks_weights or role.only_weights:
        lacks = "no weights" if role.lacks_weights else "only the weights of a network"
        beside = formats.weights_beside(model)
        pair = (model.name, beside.name if beside else "FILE")
        pair = pair if role.lacks_weights else (known.roles[0].name.upper(), model.name)
        raise InvalidInputError(
            f"{model.name} is {role.title}, which holds {lacks}",
            where=str(model),
            advice=f"torch2caffe2 convert {pair[0]} --weights {pair[1]}",
        )
    files = {role.name: model, **known.beside(model)} if known.is_artifact else {role.name: model}
    if known.weights_role and known.weights_role.name not in files:
        raise UsageError(f"the weights of {model.name} do not lie beside it", advice="--weights FILE names them")
    return files


def _check_weights(known: Format, role: Role, model: Path, weights: Path) -> None:
    """Raise InvalidInputError for weights that are known to be something else; other files are left to the reader."""
    found = formats.recognise(weights)
    if found and found[0] is known and found[1].only_weights:
        if role.only_weights:
            raise InvalidInputError(
                f"{model.name} is {role.title}, as {weights.name} is: neither says how the weights are used",
                where=str(model),
                advice=f"torch2caffe2 convert {known.roles[0].name.upper()} --weights {weights.name}",
            )
        return
    if found and found[0] is known and role.only_weights:
        raise InvalidInputError(
            f"{model.name} is {role.title}, and {weights.name} {found[1].title}: they are swapped",
            advice=f"torch2caffe2 convert {weights.name} --weights {model.name}",
        )
    what = None if found else foreign(map_file(weights))
    name = found[1].title if found else what.name if what else ""
    if name and known.weights_role:
        takes = f"--weights takes {known.weights_role.title}"
        raise InvalidInputError(
            f"{weights.name} is {name}, and holds no weights for {model.name}",
            where=str(weights),
            advice="; ".join(filter(None, (what.advice if what else "", takes))),
        )
