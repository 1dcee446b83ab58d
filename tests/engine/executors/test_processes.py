from __future__ import annotations

import time
from multiprocessing import active_children
from pathlib import Path

from pipeline.engine.executors.processes import Processes
from pipeline.engine.job import new_job
from tests.engine.fakes import STAGES, zoo


def test_processes_that_die_before_any_work_is_handed_out_cost_none_of_it(tmp_path: Path) -> None:
    jobs = [new_job(options, stages=STAGES) for options in zoo(tmp_path, "a", "b")]
    executor, others = Processes(2), set(active_children())  # such as the workers of a cluster
    try:
        executor.start(jobs, lambda event: None)
        died = set(active_children()) - others
        for process in died:
            process.kill()
            process.join()
        time.sleep(0.5)  # for the pool to notice
        results = [result() for result in executor.submit(jobs)]
    finally:
        executor.stop()
    assert len(died) == 2
    assert [result.exit_code for result in results if result] == [0, 0]
