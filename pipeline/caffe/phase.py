"""Selects the layers that a network has in a state, as Net::FilterNet does (net.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.caffe.schema import TEST, TRAIN, LayerParameter, NetParameter, NetState, NetStateRule
from pipeline.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class State:
    """The state by which rules select layers. `level` and `stages`, if given, replace those of the net itself."""

    phase: str = "TEST"
    level: int | None = None
    stages: tuple[str, ...] = ()
    not_stages: tuple[str, ...] = ()


def in_state(net: NetParameter, state: State = State(), notes: list[str] | None = None) -> NetParameter:
    """Return the network in a state: without the rules, and without the layers that they exclude.

    A layer that provides data for training is kept if other layers need its tops, since only their shapes matter. This
    is noted in `notes`, and so are the layers that are excluded by a stage or a level. Raises InvalidInputError for a
    layer with rules of both kinds, and if no layer remains that computes anything.
    """
    own = NetState(phase=TRAIN if state.phase == "TRAIN" else TEST)
    own.level = net.state.level if state.level is None else state.level
    own.stage.extend(each for each in state.stages or net.state.stage if each not in state.not_stages)
    kept = NetParameter()
    kept.CopyFrom(net)
    kept.ClearField("layer")
    kept.ClearField("state")
    included = [_included(layer, own) for layer in net.layer]
    borrowed = _borrowed(net.layer, included)
    for index, layer in enumerate(net.layer):
        if index in borrowed and notes is not None:
            notes.append(f"{layer.name} ({layer.type}): the {state.phase} phase has no such data; its tops are inputs")
        if included[index] or index in borrowed:
            bare = kept.layer.add()
            bare.CopyFrom(layer)
            for name in ("include", "exclude", "phase"):
                bare.ClearField(name)
        elif notes is not None and (asked := _asked(layer)):
            notes.append(f"{layer.name} ({layer.type}): left out by its rules; they ask for {asked}")
    if not any(layer.bottom for layer in kept.layer):
        _refuse_empty(net, state)
    return kept


def _asked(layer: LayerParameter) -> str:
    """Return the stages and levels in the rules of a layer; "" if there are none."""
    rules = [*layer.include, *layer.exclude]
    leveled = any(rule.HasField("min_level") or rule.HasField("max_level") for rule in rules)
    return ", ".join([*(f"stage {name}" for name in _stages(layer)), *["a level"] * leveled])


def _stages(*layers: LayerParameter) -> dict[str, None]:
    """Return the names of the stages in the rules of some layers, each once, in order."""
    rules = (rule for layer in layers for rule in (*layer.include, *layer.exclude))
    return dict.fromkeys(name for rule in rules for name in (*rule.stage, *rule.not_stage))


def _refuse_empty(net: NetParameter, state: State) -> None:
    """Raise InvalidInputError if the rules left no layer that computes, and the net is not data layers only."""
    left_out = any(layer.bottom for layer in net.layer)
    if net.layer and not left_out:
        return
    stages = _stages(*net.layer)
    raise InvalidInputError(
        "the network has no layers" if not left_out else "rules leave no layer that computes anything",
        where=f"{state.phase} phase",
        why=f"the stages that the file knows are {', '.join(stages)}" if stages else "",
        advice="--stage NAME chooses one" if stages else "",
    )


def _borrowed(layers: Sequence[LayerParameter], included: Sequence[bool]) -> set[int]:
    """Return the positions of excluded layers without bottoms whose tops included layers need."""
    kept = [layer for layer, there in zip(layers, included, strict=True) if there]
    lacking = {blob for layer in kept for blob in layer.bottom} - {top for layer in kept for top in layer.top}
    borrowed: set[int] = set()
    for index, layer in enumerate(layers):
        if not included[index] and not layer.bottom and lacking.intersection(layer.top):
            borrowed.add(index)
            lacking.difference_update(layer.top)
    return borrowed


def _included(layer: LayerParameter, state: NetState) -> bool:
    if layer.include and layer.exclude:
        raise InvalidInputError(
            "a layer has both include and exclude rules",
            where=f"layer {layer.name}",
            why="Caffe takes one kind",
        )
    if layer.include:
        return any(meets(state, rule) for rule in layer.include)
    return not any(meets(state, rule) for rule in layer.exclude)


def meets(state: NetState, rule: NetStateRule) -> bool:
    """Return whether a state meets a rule (Net::StateMeetsRule)."""
    stages = set(state.stage)
    return (
        (not rule.HasField("phase") or rule.phase == state.phase)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and stages.issuperset(rule.stage)
        and stages.isdisjoint(rule.not_stage)
    )
