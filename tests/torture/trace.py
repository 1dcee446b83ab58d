"""Stops a process of ours in front of a system call that changes the disk, and does something to it there.

By ptrace(2), through the C library: nothing is put into the process itself. Linux on x86-64 only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

# The numbers of arch/x86/entry/syscalls/syscall_64.tbl.
_CHANGES = {
    **{1: "write", 2: "open", 16: "ioctl", 18: "pwrite64", 20: "writev", 40: "sendfile", 73: "flock", 74: "fsync"},
    **{75: "fdatasync", 77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 86: "link", 87: "unlink"},
    **{90: "chmod", 91: "fchmod", 257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat"},
    **{268: "fchmodat", 280: "utimensat", 285: "fallocate", 316: "renameat2", 326: "copy_file_range"},
}
_FLAGS_AT = {2: 1, 257: 2}  # which argument of open and openat holds its flags
_TO_A_FILE = {1, 18, 20, 40}  # whose first argument is a descriptor; 0, 1 and 2 are talk

_TRACEME, _SYSCALL, _SETOPTIONS, _SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000  # good stops; follow fork, vfork and clone; die with the tracer
_WALL = 0x40000000  # wait for threads too


class _Info(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8),
        ("arch", ctypes.c_uint32),
        ("instruction", ctypes.c_uint64),
        ("stack", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("rest", ctypes.c_uint64 * 2),
    )


@dataclass(frozen=True, slots=True)
class Traced:
    """How a process ended, as `os.waitstatus_to_exitcode` has it, and how often it changed the disk until then."""

    code: int
    changes: int


def unavailable() -> str:
    """Say why processes cannot be traced here; empty where they can."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return "system calls are known by their numbers on Linux, x86-64, only"
    try:
        traced(lambda: 0)
    except OSError as error:
        return f"this machine does not let us trace: {error.strerror}"
    return ""


def traced(work: Callable[[], int], at: int = 0, act: Callable[[int], None] = lambda process: None) -> Traced:
    """Run `work` in a process of its own, and call `act` with its id in front of its `at`-th change of the disk."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        if _ptrace(_TRACEME, 0, 0, None) < 0:
            os._exit(127)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(work())
    _, status = os.waitpid(child, _WALL)
    if not os.WIFSTOPPED(status):
        raise PermissionError(1, "PTRACE_TRACEME was refused")
    _ptrace(_SETOPTIONS, child, 0, _OPTIONS)
    return _follow(child, at, act)


def _follow(child: int, at: int, act: Callable[[int], None]) -> Traced:
    changes, waiting = 0, 0
    _ptrace(_SYSCALL, child, 0, 0)
    while True:
        thread, status = os.waitpid(-child, _WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if thread == child:
                return Traced(os.waitstatus_to_exitcode(status), changes)
            continue
        stop, event = os.WSTOPSIG(status), status >> 16
        if stop == signal.SIGTRAP | 0x80:
            waiting = 0
            if _changes_the_disk(thread):
                changes += 1
                if changes == at:
                    act(child)
        elif not event and stop != signal.SIGSTOP:  # a signal for the process itself
            waiting = stop
        _ptrace(_SYSCALL, thread, 0, waiting)
        waiting = 0


def _changes_the_disk(thread: int) -> bool:
    info = _Info()
    if _ptrace(_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info)) < 0 or info.op != 1:
        return False  # just killed, or coming back from the call
    if info.number in _FLAGS_AT:
        return bool(info.arguments[_FLAGS_AT[info.number]] & os.O_CREAT)
    return info.number in _CHANGES and not (info.number in _TO_A_FILE and info.arguments[0] <= 2)


def _ptrace(request: int, thread: int, address: int, data: int | None) -> int:
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.restype, call.argtypes = ctypes.c_long, (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    return int(call(request, thread, address, data))
