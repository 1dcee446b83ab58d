"""Which layers of a network are there in the TEST phase, as Net::FilterNet decides (net.cpp)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipeline.caffe.schema import TEST, LayerParameter, NetParameter, NetState, NetStateRule
from pipeline.errors import InvalidInputError


def in_test_phase(
    net: NetParameter,
    level: int | None = None,
    stages: Collection[str] = (),
    notes: list[str] | None = None,
) -> NetParameter:
    """Return the network of the TEST phase: without the rules, and the layers that these leave out.

    `level` and `stages` replace those of the net's own `state`, where given. A layer that brings data for training
    stays where the rest reads what nothing else brings, and is told in `notes`: of it only the shapes matter.
    Raises InvalidInputError for a layer with rules of both kinds.
    """
    state = NetState(phase=TEST, level=net.state.level if level is None else level)
    state.stage.extend(stages or net.state.stage)
    kept = NetParameter()
    kept.CopyFrom(net)
    kept.ClearField("layer")
    kept.ClearField("state")
    included = [_included(layer, state) for layer in net.layer]
    borrowed = _borrowed(net.layer, included)
    for index, layer in enumerate(net.layer):
        if index in borrowed and notes is not None:
            notes.append(f"{layer.name} ({layer.type}): the TEST phase has no such data; its tops are inputs")
        if included[index] or index in borrowed:
            bare = kept.layer.add()
            bare.CopyFrom(layer)
            for name in ("include", "exclude", "phase"):
                bare.ClearField(name)
    return kept


def _borrowed(layers: Sequence[LayerParameter], included: Sequence[bool]) -> set[int]:
    """Return the places of layers without bottoms that are not included, and make what those that are lack."""
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
    """Return whether a state has all that a rule asks for (Net::StateMeetsRule)."""
    stages = set(state.stage)
    return (
        (not rule.HasField("phase") or rule.phase == state.phase)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and stages.issuperset(rule.stage)
        and stages.isdisjoint(rule.not_stage)
    )
