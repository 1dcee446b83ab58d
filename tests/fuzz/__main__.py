"""`python -m tests.fuzz`: fuzzes every target for so many seconds, and prints what was found and where it is kept.

Where atheris is installed, coverage guides it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    """Run what is asked for; 1 where something was found."""
    from tests.fuzz.campaign import campaign
    from tests.fuzz.sandbox import Sandbox
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, metavar="S", help="for each target (60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the changes (0)")
    parser.add_argument("--only", action="append", choices=list(TARGETS), help="this target only")
    asked = parser.parse_args()
    fuzzed = campaign
    if find_spec("atheris"):
        from tests.fuzz.guided import guided as fuzzed
    sandbox = Sandbox.make(Path(tempfile.mkdtemp(prefix="fuzz-")))
    found = 0
    print(f"{'target':24}{'inputs':>8}{'a second':>10}{'findings':>10}")
    for name in asked.only or TARGETS:
        began = time.monotonic()
        batches = list(fuzzed(sandbox, name, asked.seed, seconds=asked.seconds))
        tried, findings = sum(count for count, _ in batches), [each for _, batch in batches for each in batch]
        print(f"{name:24}{tried:8}{tried / (time.monotonic() - began):10.1f}{len(findings):10}")
        print(*findings, sep="\n", end="\n" * bool(findings), flush=True)
        found += len(findings)
    print(f"{found} findings, kept in {sandbox.root / 'findings'}")
    return int(found > 0)


if __name__ == "__main__":
    if find_spec("atheris"):
        import atheris

        with atheris.instrument_imports(include=["pipeline"]):
            sys.exit(main())
    sys.exit(main())
