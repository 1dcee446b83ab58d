from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the program has no parent of its own elsewhere")

_PROGRAM = """
import mmap, os, signal, sys, time
from pipeline.supervision import supervised
def work():
    {work}
sys.exit(supervised(work))
"""


def _start(work: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(work=work)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _ended(work: str) -> tuple[int, str]:
    with _start(work) as process:
        said = process.communicate(timeout=30)[1]
    return process.returncode, said


@pytest.mark.parametrize("code", [0, 3, 130])
def test_the_exit_code_is_that_of_the_work(code: int) -> None:
    assert _ended(f"return {code}") == (code, "")


def test_a_file_cut_short_under_its_map_is_the_machines_fault(tmp_path: Path) -> None:
    path = tmp_path / "model.t7"
    path.write_bytes(bytes(1 << 16))
    work = f"f = open({str(path)!r}, 'r+b'); m = mmap.mmap(f.fileno(), 0); os.truncate({str(path)!r}, 1); bytes(m)"
    code, said = _ended(work)
    assert code == 6
    assert said.startswith("error: a file became shorter while it was read\n")


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGKILL, 6, "error: the process that works was killed"),
        (signal.SIGTERM, 130, "error: interrupted"),
        (signal.SIGHUP, 130, "error: interrupted"),
        (signal.SIGSEGV, 1, "error: this is a bug in torch2caffe2: it died of SIGSEGV"),
    ],
)
def test_a_death_by_a_signal_is_worded(number: signal.Signals, code: int, said: str) -> None:
    as_usual = "" if number == signal.SIGKILL else f"signal.signal({int(number)}, signal.SIG_DFL); "
    found = _ended(f"{as_usual}os.kill(os.getpid(), {int(number)})")
    assert (found[0], found[1].splitlines()[0]) == (code, said)


def test_a_stop_sent_to_the_program_reaches_the_work_once() -> None:
    work = "heard = []; signal.signal(15, lambda *a: heard.append(1)); print('up', flush=True); "
    work += "time.sleep(1); return 40 + len(heard)"
    with _start(work) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 41


def _gone(number: int) -> bool:
    """Return whether a process ends within ten seconds."""
    for _ in range(1000):
        stat = Path(f"/proc/{number}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_the_work_dies_with_the_program() -> None:
    with _start("print(os.getpid(), flush=True); time.sleep(60)") as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        process.kill()
        assert _gone(worker)


_SLOW_ZOO = """
from dataclasses import replace
from pathlib import Path
from pipeline.config import load
from pipeline.engine import batch
from tests.engine.fakes import EMIT, IMPORT
from tests.test_supervision import tell_and_sleep
if __name__ == "__main__":
    batch.convert_all(load(Path("zoo.toml"), {}, {}), print, stages=(replace(IMPORT, run=tell_and_sleep), EMIT))
"""


def tell_and_sleep(task: object) -> None:
    """Say which process works, and work for long."""
    Path(f"worker-{os.getpid()}").touch()
    time.sleep(60)


def test_the_processes_of_a_batch_die_with_it(tmp_path: Path) -> None:
    lines = ["store = 'store'", "output = 'out'", "jobs = 2"]
    for name in ("a", "b"):
        (tmp_path / f"{name}.t7").write_bytes(b"\x04\0\0\0" + name.encode())
        lines += ["[[model]]", f"model = '{name}.t7'"]
    (tmp_path / "zoo.toml").write_text("\n".join(lines))
    (tmp_path / "zoo.py").write_text(_SLOW_ZOO)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "zoo.py"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    ) as batch:
        while len(workers := list(tmp_path.glob("worker-*"))) < 2:
            time.sleep(0.01)
        batch.kill()
        assert all(_gone(int(path.name.removeprefix("worker-"))) for path in workers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_the_processes_of_a_batch_start_is_no_death(
    tmp_path: Path, number: signal.Signals
) -> None:
    from concurrent.futures import ProcessPoolExecutor

    from pipeline.engine import batch
    from tests.engine.fakes import STAGES, zoo

    submit = ProcessPoolExecutor.submit

    def interrupted(pool: ProcessPoolExecutor, *work: object) -> object:
        future = submit(pool, *work)  # which starts a process
        os.kill(os.getpid(), number)
        return future

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProcessPoolExecutor, "submit", interrupted)
        assert batch.convert_all(zoo(tmp_path, "a", "b", "c", jobs=2), lambda event: None, stages=STAGES) == []


_INTERRUPTED_TWICE = """
import os, signal, sys
from pipeline import __main__ as program
from pipeline.cli import app
def interrupt(*_):
    os.kill(os.getpid(), signal.SIGINT)
class Stream:
    def write(self, text):
        interrupt()
        return sys.__stderr__.write(text)
    def flush(self):
        sys.__stderr__.flush()
app.run, sys.stderr = interrupt, Stream()
sys.exit(program._work())
"""


def test_a_second_interruption_does_not_disturb_the_words_about_the_first() -> None:
    command = [sys.executable, "-c", _INTERRUPTED_TWICE]
    place = Path(__file__).parents[1]
    done = subprocess.run(command, check=False, cwd=place, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")
