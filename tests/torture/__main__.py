"""`python -m tests.torture`: runs every campaign on a network of 67 MB, and prints what held and what did not."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.config import ENVIRONMENT
from tests.torture import (
    cluster,
    corruption,
    crash,
    crowd,
    disk,
    foreign,
    home,
    orphans,
    power,
    strangers,
    truncation,
)
from tests.torture.subject import Subject, prepared
from tests.torture.tally import Tally

Campaign = Callable[[Subject, Path, int], Tally]

CAMPAIGNS: Mapping[str, tuple[Campaign, float]] = {  # and its part of the points
    "time": (crash.by_time, 0.5),
    "calls": (crash.by_system_call, 0.5),
    "full": (disk.full, 0.1),
    "readonly": (disk.read_only, 0.1),
    "fsync": (disk.fsync_fails, 0.1),
    "vanish": (disk.vanishes, 0.2),
    "crowd": (crowd.crowd, 0.02),
    "corruption": (corruption.flipped, 0.2),
    "power": (power.cut, 1),
    "truncation": (truncation.under_the_map, 1),
    "orphans": (orphans.orphaned, 1),
    "foreign": (foreign.stores, 1),
    "strangers": (strangers.strangers, 1),
    "home": (home.home, 1),
    "cluster": (cluster.cluster, 0.35),
}
WIDTH = 2048  # of four linear layers: 67 MB


def main() -> int:
    """Run what is asked for; 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--points", type=int, default=200, metavar="N", help="kills of a run, all in all (200)")
    parser.add_argument("--only", action="append", choices=list(CAMPAIGNS), help="this campaign only")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to work; needs 1 GB")
    parser.add_argument("--width", type=int, default=WIDTH, help="of the network's layers; 64 for a quick look")
    parser.add_argument("--no-verify", action="store_true", help="leave the verification out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-", dir=asked.folder) as temporary:
        folder = Path(temporary)
        os.environ[ENVIRONMENT["store"]] = str(folder / "users")  # what the user's own store remembers
        subject = prepared(folder, asked.width, *(["--no-verify"] if asked.no_verify else []))
        print(f"a network of {subject.model.stat().st_size / 1e6:.0f} MB", flush=True)
        tallies = []
        for name in asked.only or CAMPAIGNS:
            campaign, part = CAMPAIGNS[name]
            tallies.append(campaign(subject, folder, max(1, round(asked.points * part))))
            print(tallies[-1], flush=True)
    return int(any(tally.wrong for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
