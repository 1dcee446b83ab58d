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
    rows = []
    for name in asked.only or TARGETS:
        began, tried, before = time.monotonic(), 0, len(findings)
        for count, found in campaign(sandbox, name, asked.seed, seconds=asked.seconds):
            tried += count
            findings += found
            print(*found, sep="\n", end="\n" * bool(found), flush=True)
        rows.append((name, tried, tried / (time.monotonic() - began), len(findings) - before))
    print(f"{'target':24}{'inputs':>8}{'a second':>10}{'findings':>10}")
    for name, tried, speed, count in rows:
        print(f"{name:24}{tried:8}{speed:10.1f}{count:10}")
    print(f"{len(findings)} findings, kept in {sandbox.root / 'findings'}")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
