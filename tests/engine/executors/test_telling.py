from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.engine import events
from pipeline.engine.executors.telling import Telling


def test_events_are_told_soon_in_their_order_and_once() -> None:
    told: list[Sequence[events.Event]] = []
    due: list[Callable[[], None]] = []
    telling = Telling(told.append, lambda seconds, act: due.append(act))
    first, *others, last = map(events.StopAsked, "abcd")
    telling(first)
    for event in others:
        telling(event)
    assert told == []
    due.pop()()
    telling(last)
    telling.tell()
    due.pop()()
    assert told == [[first, *others], [last]]
    assert due == []
