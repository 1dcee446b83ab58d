"""`python -m pipeline` and the installed command `torch2caffe2`."""

from __future__ import annotations

import codecs
import errno
import io
import os
import signal
import sys
from contextlib import suppress


class _Talk(io.TextIOWrapper):
    """Standard error that ignores failures: a full disk or a closed pipe loses messages, but does not stop the work."""

    def write(self, text: str) -> int:
        """Write `text` if possible."""
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what was written if possible."""
        with suppress(OSError, ValueError):
            super().flush()


def _is_open(number: int) -> bool:
    """Return whether a standard stream is open: 0 for reading, 1 and 2 for writing."""
    try:
        os.write(number, b"") if number else os.fstat(number)
    except OSError as error:
        return error.errno != errno.EBADF  # a full one is open
    return True


def _as_they_are(error: UnicodeError) -> tuple[bytes, int]:
    """Encode what the encoding of stdout lacks: the bytes of a path that are no text stay as they are."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].encode("utf-8", "surrogateescape"), error.end


def _open_streams() -> None:
    """Open standard streams that are closed, as under cron, before another file gets their number."""
    for number in range(3):
        if not _is_open(number):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("as they are", _as_they_are)
        sys.stdout.reconfigure(errors="as they are")
    sys.stderr = _Talk(open(2, "wb", closefd=False), errors="backslashreplace", line_buffering=True)  # noqa: SIM115


def main() -> None:
    """Run the command line and leave with its exit code."""
    _open_streams()
    from pipeline.supervision import supervised

    sys.exit(supervised(_work))


def _work() -> int:
    try:
        from pipeline.cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # while the program was loaded
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # `timeout` sends it to both processes, so that it comes twice
        print("error: interrupted", file=sys.stderr)
        return 130
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends what Python still does, without a traceback


if __name__ == "__main__":
    main()
