"""Many processes, the same and different models, one store: everyone succeeds, and nothing is made twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from pipeline.store import collect
from pipeline.store.store import Store
from tests.children import ended, forked
from tests.torture.subject import Place, Subject, a_place
from tests.torture.tally import Tally

PROCESSES = 8


def crowd(subject: Subject, folder: Path, rounds: int) -> Tally:
    """Start eight processes at once, on three models, into one store; so many times."""
    tally = Tally(f"{PROCESSES} processes at once")
    for number in range(rounds):
        with a_place(folder, f"crowd {number}") as place:
            tally.add(str(number), _round(subject, place, tally))
    return tally


def _round(subject: Subject, place: Place, tally: Tally) -> str:
    models = [subject.model, *subject.others]
    places = [Place(place.folder / f"process{number}") for number in range(PROCESSES)]
    children = []
    for number, one in enumerate(places):
        one.folder.mkdir()
        one.store.symlink_to(place.folder / "store")
        (place.folder / "store").mkdir(exist_ok=True)
        mine = replace(subject, model=models[number % len(models)])
        children.append(forked(lambda mine=mine, one=one: mine.convert(one)))
    codes = [ended(child) for child in children]
    if any(codes):
        return "; ".join(f"exit {code}: {one.said()}" for code, one in zip(codes, places, strict=True) if code)
    made = Counter(event["key"] for one in places for event in one.events() if event["event"] == "stage_finished")
    if twice := {key: count for key, count in made.items() if count > 1}:
        return f"made more than once: {twice}"
    stored = len(list((place.folder / "store" / "artifacts").glob("??/*")))
    tally.facts["distinct stages, each made once"] = len(made)
    if stored != len(made) or stored != len(models) * len(places[0].stages("done") | places[0].stages("hit")):
        return f"{stored} artifacts of {len(made)} stages"
    for number in range(len(models)):
        if any(one.delivered() != places[number].delivered() for one in places[number :: len(models)]):
            return "the same model gave different bytes"
    if places[0].delivered() != subject.wanted:
        return "the result is not byte-identical"
    return "; ".join(map(str, collect.check(Store(place.folder / "store"))))
