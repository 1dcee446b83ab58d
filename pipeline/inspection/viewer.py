"""Shows a network in Netron, a viewer in the browser."""

from __future__ import annotations

from pathlib import Path

from pipeline import formats
from pipeline.errors import MachineError, MissingLibrary, UsageError
from pipeline.formats import Location

LOOPBACK = "127.0.0.1"


def show(path: Path, *, browse: bool = True) -> None:
    """Serve a file to browsers on this machine only, until the user interrupts.

    Raises MissingLibrary without Netron, UsageError if it does not know the format, MachineError if it cannot serve.
    """
    known, source = formats.locate(Location(path), [known for known in formats.FORMATS if known.viewable])
    file = source.path
    if not known.viewable:
        raise UsageError(
            f"Netron cannot show {file.name}",
            why=f"it knows no such file ({known.title})",
            advice="show the net of another format",
        )
    try:
        import netron
    except ImportError as error:
        raise MissingLibrary("netron", "--open") from error
    try:
        netron.start(str(file), address=(LOOPBACK, 0), browse=browse)
        netron.wait()
    except OSError as error:
        raise MachineError("Netron cannot be started", why=error.strerror or str(error)) from error
    except KeyboardInterrupt:
        netron.stop()
