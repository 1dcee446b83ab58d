"""The power goes: what is then on an ext4 disk is looked at by a run that comes after.

The disk is a file, mounted as one. It is copied in front of a system call of a run, as it is: what the system still
holds in memory is not in the copy. So that names get there before bytes, the journal is made to be written at times.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.children import in_child
from tests.torture import trace
from tests.torture.disk import mount, mounted
from tests.torture.subject import Place, Subject, a_place
from tests.torture.tally import Tally

_SIZE = 128 << 20  # bytes of the disk, beside what a run writes
_TIMES = 4  # the model's bytes that a run writes, and some
_OPTIONS = ("noauto_da_alloc", "auto_da_alloc", "noauto_da_alloc,nodelalloc", "noauto_da_alloc,data=writeback")


def cut(subject: Subject, folder: Path, points: int) -> Tally:
    """Cut the power at changes of the disk that are spread over a run, with ext4's options in turn; then resume."""
    tally = Tally("the power cut")
    if why := trace.unavailable() or _unavailable(folder, subject):
        tally.skipped = why
        return tally
    with a_place(folder, "power counted") as place, _mounted_disk(place.folder, subject):
        changes = trace.traced(lambda: subject.convert(place)).changes
    for point in range(points):
        at, options, journal = 1 + changes * point // points, _OPTIONS[point % len(_OPTIONS)], point // 4 % 2 == 0
        with a_place(folder, f"power {point}") as place:
            trial = f"before change {at}, {options}{', journal written' * journal}"
            tally.add(trial, _cut_and_resumed(subject, place, tally, at, options, journal))
    tally.facts["changes of the disk in a run"] = changes
    return tally


def _cut_and_resumed(subject: Subject, place: Place, tally: Tally, at: int, options: str, journal: bool) -> str:
    left, told = b"", set[str]()

    def cut(child: int) -> None:
        nonlocal left, told
        told = place.told()
        if journal:
            _confirm(place.folder / "unrelated")
        left = disk.content()
        os.kill(child, signal.SIGKILL)

    with _mounted_disk(place.folder, subject, options) as disk:
        trace.traced(lambda: subject.convert(place), at, cut)
        disk.replace(left or disk.content())  # of a run that was over before
        finished = place.finished()
        tally.count(f"with {len(finished)} stages finished")
        if lost := told - finished:
            return f"what was told to be finished is lost: {sorted(lost)}"
        return subject.wrong_after(place, finished, in_child(lambda: subject.resume(place)))


def _confirm(path: Path) -> None:
    """Have the disk confirm a file that nobody needs: the names that were given to others get there with it."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.fsync(descriptor)
    os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Disk:
    """An ext4 file system in a file, mounted at a folder with these options."""

    image: Path
    at: Path
    options: str

    def mount(self) -> None:
        """Mount it. Raises OSError."""
        mount("-o", f"loop,{self.options}", str(self.image), str(self.at))

    def unmount(self) -> None:
        """Unmount it, which writes what the system still holds in memory."""
        subprocess.run(["umount", str(self.at)], check=True)

    def content(self) -> bytes:
        """Return what is on the disk, once nothing is on its way there."""
        before = b""
        while (now := self.image.read_bytes()) != before:
            before = now
        return now

    def replace(self, content: bytes) -> None:
        """Mount what a power cut has left in place of what is mounted."""
        self.unmount()
        self.image.write_bytes(content)
        self.mount()


@contextmanager
def _mounted_disk(at: Path, subject: Subject, options: str = "auto_da_alloc") -> Iterator[_Disk]:
    """Make an empty disk in memory, with room for a run, and mount it. Raises OSError."""
    size = _SIZE + _TIMES * subject.model.stat().st_size
    with mounted(at.with_name("memory"), 2 * size):
        disk = _Disk(at.with_name("memory") / "disk", at, options)
        with disk.image.open("wb") as stream:
            stream.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(disk.image)], check=True)
        disk.mount()
        try:
            (at / "lost+found").rmdir()
            yield disk
        finally:
            disk.unmount()


def _unavailable(folder: Path, subject: Subject) -> str:
    try:
        with a_place(folder, "power tried") as place, _mounted_disk(place.folder, subject):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a disk in a file cannot be mounted: {error}"
