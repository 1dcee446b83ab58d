"""The process that works, and its parent: a small one that says what a process which was killed no longer can.

Models and artifacts are read as mapped memory. Where such a file is cut short meanwhile, the next look past its end
kills the reader with SIGBUS, in the middle of any library, and no Python code runs any more in it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from pipeline.errors import Interrupted, MachineError, PipelineError, render

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # what asks a process to stop
_SENT = (0, -1)  # si_code of a signal that was sent by kill, or by sigqueue, and not by the terminal
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h


def supervised(work: Callable[[], int]) -> int:
    """Run `work` in a child process and return its exit code; word a death by a signal, and return a code for it.

    A stop that is sent to this process reaches the child; one that the terminal sends reaches it anyway. The child
    dies with this process. Where the system is not Linux there is no child.
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
    """Have the kernel kill this process as soon as `parent`, its parent, is dead."""
    import ctypes

    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was dead before
        os._exit(Interrupted.exit_code)


def _wait(child: int, heard: set[signal.Signals]) -> int:
    """Return the wait status of a child; pass on to it what it is sent by way of us."""
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
    """Say why a process was killed, and return the exit code for it."""
    error: PipelineError
    if number in STOPS:
        error = Interrupted("interrupted")
    elif number == signal.SIGBUS:
        error = MachineError(
            "a file became shorter while it was read",
            why="the model, or a file of the store, was cut short by another program, or its disk failed",
            advice="see that the file is whole, and run again",
        )
    elif number == signal.SIGKILL:
        error = MachineError(
            "the process that works was killed",
            why="it used more memory than there is, or somebody killed it",
            advice="free some memory, and run again",
        )
    else:
        error = PipelineError(f"this is a bug in torch2caffe2: it died of {signal.Signals(number).name}")
    print(render(error), file=sys.stderr)
    return error.exit_code
