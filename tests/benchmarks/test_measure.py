import sys

import pytest

from benchmarks import measure
from benchmarks.measure import CommandError, in_turn, run


def test_a_commands_private_memory_is_seen_with_that_of_its_children():
    script = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]]))"
    child = "held = b'x' * 100_000_000; import time; time.sleep(0.2)"
    cost = run([sys.executable, "-c", script, child])
    assert cost.memory > 100_000_000
    assert cost.seconds > 0.2
    assert cost.cpu > 0


def test_a_command_that_fails_is_told_with_its_last_words():
    with pytest.raises(CommandError, match="gave 3: farewell"):
        run([sys.executable, "-c", "import sys; print('farewell', file=sys.stderr); sys.exit(3)"])


def test_works_take_turns_and_the_median_counts():
    calls, given = [], iter([1.0, 9.0, 2.0])

    def first():
        calls.append("first")
        return next(given)

    def second():
        calls.append("second")
        return 5.0

    assert in_turn(3, first, second) == [2.0, 5.0]
    assert calls == ["first", "second"] * 3


def test_what_takes_long_is_not_repeated():
    calls = []
    assert in_turn(3, lambda: calls.append(1) or 2 * measure._LONG_SECONDS) == [2 * measure._LONG_SECONDS]
    assert len(calls) == 1
