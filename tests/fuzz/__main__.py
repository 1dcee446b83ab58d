"""`python -m tests.fuzz`: fuzzes every target for so many seconds, and prints what was found and where it is kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.campaign import Finding, Sandbox, campaign
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Run what is asked for; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, metavar="S", help="for each target (60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the changes (0)")
    parser.add_argument("--only", action="append", choices=list(TARGETS), help="this target only")
    asked = parser.parse_args()
    sandbox = Sandbox.make(Path(tempfile.mkdtemp(prefix="fuzz-")))
    findings: list[Finding] = []
    for name in asked.only or TARGETS:
        began, tried = time.monotonic(), 0
        for count, found in campaign(sandbox, name, asked.seed, seconds=asked.seconds):
            tried += count
            findings += found
            print(*found, sep="\n", end="\n" * bool(found), flush=True)
        print(f"{name}: {tried} files in {time.monotonic() - began:.0f} s", flush=True)
    print(f"{len(findings)} findings, kept in {sandbox.root / 'findings'}")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
