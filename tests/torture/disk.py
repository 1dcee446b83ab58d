"""The machine refuses: exit code 6, what and where, and the run goes on once it can."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from pipeline.errors import UsageError
from tests.children import in_child
from tests.torture import trace
from tests.torture.subject import Place, Subject, a_place, changes_of
from tests.torture.tally import Tally

REFUSED = 6


def _refusal(place: Place, code: int, *places: Path) -> str:
    """Say what is wrong with a refusal: it must have exit code 6, and name one of the places."""
    said = place.said()
    if code != REFUSED:
        return f"exit {code} in place of {REFUSED}: {said}"
    if not said.startswith("error: ") or "where: " not in said or not any(str(path) in said for path in places):
        return f"it does not say what and where: {said}"
    return ""


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[Callable[[str], None]]:
    """Mount a small file system; give a way to mount it anew with other options. Raises OSError where we may not."""
    folder.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield lambda options: mount("-o", f"remount,{options}", str(folder))
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # a loop device may not have let go yet


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(errno.EPERM, done.stderr.strip())


def _mounting_refused(folder: Path) -> str:
    try:
        with mounted(folder / "mounted", 1 << 20):
            return ""
    except OSError as error:
        return f"a file system cannot be mounted: {error.strerror}"


def full(subject: Subject, folder: Path, points: int) -> Tally:
    """Convert on file systems of sizes up to what is needed, then with room."""
    tally = Tally("a full disk")
    if why := _mounting_refused(folder):
        tally.skipped = why
        return tally
    need = _needed(subject, folder)
    for point in range(points):
        size = need * (point + 1) // (points + 1)
        with a_place(folder, f"full {size}") as place, mounted(place.folder, size) as again:
            code = in_child(lambda place=place: subject.convert(place))
            wrong = _refusal(place, code, place.folder)
            tally.count(
                f"refused in {'the beginning' if not place.finished() else f'stage {1 + len(place.finished())}'}"
            )
            again("size=1g")
            tally.add(str(size), wrong or _resumed(subject, place))
    tally.facts["bytes needed"] = need
    return tally


def _needed(subject: Subject, folder: Path) -> int:
    with a_place(folder, "measured") as place, mounted(place.folder, 1 << 30):
        assert in_child(lambda: subject.convert(place)) == 0
        room = os.statvfs(place.folder)
        return (room.f_blocks - room.f_bfree) * room.f_frsize


def _resumed(subject: Subject, place: Place, *more: str) -> str:
    """Go on; say what is wrong then, or that what was left is no store any more."""
    try:
        finished = place.finished()
    except UsageError as error:
        return error.what
    code = in_child(lambda: subject.resume(place, *more))
    return subject.wrong_after(place, finished, code)


def read_only(subject: Subject, folder: Path, points: int) -> Tally:
    """Convert with a store that cannot be written, empty or with some stages in it; then with one that can."""
    tally = Tally("a read-only store")
    if why := _mounting_refused(folder):
        tally.skipped = why
        return tally
    stops = ("", "import", "emit", "translate")
    for point in range(min(points, len(stops))):
        with a_place(folder, "read-only") as place:
            place.store.mkdir()
            with mounted(place.store, 1 << 30) as again:
                if stop := stops[point]:
                    first = Subject(subject.model, (*subject.options, "--stop-after", stop))
                    assert in_child(lambda first=first, place=place: first.convert(place)) == 0
                again("ro")
                code = in_child(lambda place=place: subject.convert(place))
                wrong = _refusal(place, code, place.store)
                again("rw")
                tally.add(f"after {stop or 'nothing'}", wrong or _resumed(subject, place))
    return tally


def fsync_fails(subject: Subject, folder: Path, points: int) -> Tally:
    """Let one call of fsync after the other fail, spread over all that a run makes."""
    tally = Tally("an fsync that fails")
    with a_place(folder, "counted") as place:
        count = _fsyncs(subject, place, folder)
    for number in sorted({1 + count * point // points for point in range(points)}):
        with a_place(folder, f"fsync {number}") as place:
            code = in_child(lambda place=place, number=number: _failing(subject, place, number))
            # How often the disk is asked while a file is written depends on its pace: there may be fewer this time.
            wrong = "" if _of_no_need(place) and code == 0 else _refusal(place, code, place.folder)
            # What could not be remembered of the user's own runs has to be said again: --trust.
            tally.add(str(number), wrong or _resumed(subject, place, "--trust"))
    tally.facts["fsyncs in a run"] = count
    return tally


def _of_no_need(place: Place) -> bool:
    """Return whether the fsync that failed, if any did, was of what a run can do without: its history, its ledger."""
    failed = place.folder / "failed"
    return not failed.exists() or bool({"history", "ledger"}.intersection(Path(failed.read_text()).parts))


def _fsyncs(subject: Subject, place: Place, folder: Path) -> int:
    counted = folder / "fsyncs"

    def count() -> int:
        real = os.fsync

        def one_more(descriptor: int) -> None:
            with counted.open("a") as stream:
                stream.write("x")
            real(descriptor)

        os.fsync = one_more
        return subject.convert(place)

    assert in_child(count) == 0, place.said()
    return counted.stat().st_size


def _failing(subject: Subject, place: Place, number: int) -> int:
    real, counted = os.fsync, count(1)

    def fsync(descriptor: int) -> None:
        if next(counted) == number:
            (place.folder / "failed").write_text(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    os.fsync = fsync
    return subject.convert(place)


def _remove(folder: Path) -> None:
    """Remove a folder, though other threads of the run may still make files in it."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def vanishes(subject: Subject, folder: Path, points: int) -> Tally:
    """Remove the store, or the output folder, in front of a system call of the run; then convert again."""
    tally = Tally("a folder that disappears")
    if why := trace.unavailable():
        tally.skipped = why
        return tally
    changes = changes_of(subject, folder)
    for number in range(points):
        with a_place(folder, f"vanish {number}") as place:
            gone = (place.store, place.output)[number % 2]
            traced = trace.traced(
                lambda place=place: subject.convert(place),
                1 + changes * number // points,
                lambda child, gone=gone: _remove(gone),
            )
            tally.count("noticed" if traced.code else "not needed any more")
            wrong = _refusal(place, traced.code, place.folder) if traced.code else ""
            tally.add(f"{gone.name} before change {1 + changes * number // points}", wrong or _resumed(subject, place))
    return tally
