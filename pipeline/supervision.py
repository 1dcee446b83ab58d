"""Runs the command in a child process, whose small parent can report it if the child is killed.

Models and artifacts are read as mapped memory. If such a file is truncated meanwhile, the next access beyond its end
kills the reader with SIGBUS, possibly inside a library, and no Python code runs in that process any more.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from pipeline.errors import Interrupted, MachineError, PipelineError, render

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the signals that ask a process to stop
_SENT = (0, -1)  # si_code of a signal that was sent by kill, or by sigqueue, and not by the terminal
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h


def supervised(work: Callable[[], int]) -> int:
    """Run `work` in a child process and return its exit code. If a signal kills it, print why and return a code.

    A signal to stop that is sent to this process is passed on to the child; one from the terminal reaches the child
    anyway. The child dies with this process. On systems other than Linux there is no child.
    """
    if sys.platform != "linux":
        return work()
    heard = {number for number in STOPS if signal.getsignal(number) != signal.SIG_IGN}
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else there would be no exit code to wait for
    before = signal.pthread_sigmask(signal.SIG_BLOCK, heard | {signal.SIGCHLD})
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        die_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return work()
    code = os.waitstatus_to_exitcode(_wait(child, heard))
    return code if code >= 0 else _killed(-code)


def die_with(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent dies."""
    import ctypes

    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was dead before
        os._exit(Interrupted.exit_code)


def _wait(child: int, heard: set[signal.Signals]) -> int:
    """Return the wait status of a child, and pass on signals that are sent to this process meanwhile."""
    while True:
        arrived = signal.sigwaitinfo(heard | {signal.SIGCHLD})
        if arrived.si_signo != signal.SIGCHLD:
            if arrived.si_code in _SENT:
                os.kill(child, arrived.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status


def _killed(number: int) -> int:
    """Print why a process was killed, and return the exit code for that."""
    error: PipelineError
    if number in STOPS:
        error = Interrupted("interrupted")
    elif number == signal.SIGBUS:
        error = MachineError(
            "a file became shorter while it was read",
            why="the model, or a file of the store, was cut short by another program, or its disk failed",
            advice="see that the file is whole, and run again",
        )
    elif number == signal.SIGKILL or (number == signal.SIGABRT and _memory_is_limited()):
        error = MachineError(
            "the process that works was killed",
            why="it used more memory than there is, or than `ulimit -v` allows, or somebody killed it",
            advice="free some memory, and run again",
        )
    else:
        error = PipelineError(f"this is a bug in torch2caffe2: it died of {signal.Signals(number).name}")
    print(render(error), file=sys.stderr)
    return error.exit_code


def _memory_is_limited() -> bool:
    """Return whether this process may not map as much as it likes: C++ libraries abort where they get no memory."""
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
