"""`make mutants`: break the program in one place at a time, and list the changes that no test notices."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.related import DEFAULT, modules, related
from tests.mutants.session import ROOT, Survey, copied, survey


def main() -> int:
    """Survey the modules, several at a time, each in a tree of its own; exit code 1 where a mutant survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("paths", nargs="*", default=DEFAULT, help="modules and folders of them (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="modules at a time")
    parser.add_argument("--timeout", type=float, default=600, help="seconds after which tests are taken to hang")
    asked = parser.parse_args()
    trees: SimpleQueue[Path] = SimpleQueue()
    for number in range(asked.jobs):
        trees.put(copied(ROOT / "build" / "mutants" / str(number)))

    def surveyed(module: Path) -> Survey:
        tree = trees.get()
        try:
            return survey(tree, module, related(ROOT, module), asked.timeout)
        finally:
            trees.put(tree)

    survivors = 0
    with ThreadPoolExecutor(asked.jobs) as pool:
        for found in pool.map(surveyed, modules(ROOT, asked.paths)):
            print(f"{found.module}: {len(found.survivors)} of {found.tried} survive", flush=True)
            for change in found.survivors:
                print(f"{change}\n", flush=True)
            survivors += len(found.survivors)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
