"""`python -m torch2caffe2` and the installed command `torch2caffe2`."""

from __future__ import annotations

import sys

from torch2caffe2.origin import complaint, stranger


def main() -> None:
    """Run the command line and exit with its exit code, or with 2 if another module `pipeline` hides the program."""
    if place := stranger():
        print(f"error: {complaint(place)}", file=sys.stderr)
        sys.exit(2)
    from pipeline.__main__ import main as run

    run()


if __name__ == "__main__":
    main()
