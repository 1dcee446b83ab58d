"""One module's mutants, made and tried by cosmic-ray in a copy of the tree: a run that is killed breaks nothing."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT = Path(__file__).parents[2]
LEFT = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "*.egg-info", "demo-output", "mutants")

# One exchange for each operator: cosmic-ray's others are noticed wherever this one is. `|` is left alone, since it
# mostly stands in annotations.
OPERATORS = frozenset(
    [
        "ReplaceBinaryOperator_Add_Sub",
        "ReplaceBinaryOperator_Sub_Add",
        "ReplaceBinaryOperator_Mul_Add",
        "ReplaceBinaryOperator_Div_Mul",
        "ReplaceBinaryOperator_FloorDiv_Mul",
        "ReplaceBinaryOperator_Mod_FloorDiv",
        "ReplaceBinaryOperator_Pow_Mul",
        "ReplaceBinaryOperator_LShift_RShift",
        "ReplaceBinaryOperator_BitAnd_BitOr",
        "ReplaceComparisonOperator_Eq_NotEq",
        "ReplaceComparisonOperator_NotEq_Eq",
        "ReplaceComparisonOperator_Lt_LtE",
        "ReplaceComparisonOperator_LtE_Lt",
        "ReplaceComparisonOperator_Gt_GtE",
        "ReplaceComparisonOperator_GtE_Gt",
        "ReplaceComparisonOperator_Is_IsNot",
        "ReplaceComparisonOperator_IsNot_Is",
        "ReplaceUnaryOperator_Delete_USub",
        "AddNot",
        "ReplaceAndWithOr",
        "ReplaceOrWithAnd",
        "NumberReplacer",
        "ReplaceTrueWithFalse",
        "ReplaceFalseWithTrue",
        "ReplaceBreakWithContinue",
        "ReplaceContinueWithBreak",
        "ZeroIterationForLoop",
    ]
)


@dataclass(frozen=True)
class Survey:
    """How many mutants of a module there were, and the changes that no test noticed."""

    module: Path
    tried: int
    survivors: list[str] = field(default_factory=list)


def copied(place: Path) -> Path:
    """Copy the tree, without what is installed or made in it; the real Caffe2s are linked to."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT, place, ignore=LEFT)
    if (ROOT / ".runtimes").exists():
        (place / ".runtimes").symlink_to(ROOT / ".runtimes")
    return place


def survey(tree: Path, module: Path, asked: Sequence[Path], timeout: float) -> Survey:
    """Try the mutants of a module in `tree` on the tests `asked`; `timeout` is that of all of them, in seconds.

    Raises RuntimeError, with what the tests said, where they fail without any mutant.
    """
    config, session = tree.with_suffix(".toml"), tree.with_suffix(".sqlite")
    session.unlink(missing_ok=True)
    config.write_text(_config(module, asked, timeout), encoding="utf-8")
    _run(tree, "cosmic-ray", "init", config, session)
    with use_db(str(session), WorkDB.Mode.open) as database:
        _leave_out(database, (tree / module).read_text(encoding="utf-8").splitlines())
        if not list(database.pending_work_items):
            return Survey(module, 0)
    _run(tree, "cosmic-ray", "baseline", config)
    _run(tree, "cosmic-ray", "exec", config, session)
    with use_db(str(session), WorkDB.Mode.open) as database:
        results = [result for _, result in database.results if result.test_outcome is not None]
        return Survey(module, len(results), list(_survivors(results)))


def _run(tree: Path, program: str, *words: object) -> None:
    """Run a program of cosmic-ray in a tree; RuntimeError where it fails, with what it said."""
    command = [Path(sys.executable).with_name(program), *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program} {words[0]} fails:\n{done.stdout}{done.stderr}")


def _leave_out(database: WorkDB, lines: Sequence[str]) -> None:
    """Leave out mutants by other exchanges, and of decorators: what is not registered is missed at once."""
    for item in list(database.pending_work_items):
        (mutation,) = item.mutations
        line = lines[mutation.start_pos[0] - 1]
        if mutation.operator_name.removeprefix("core/") not in OPERATORS or line.lstrip().startswith("@"):
            database.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def _survivors(results: Sequence[WorkResult]) -> Iterator[str]:
    for result in results:
        if result.test_outcome is not TestOutcome.KILLED:
            lines = (result.diff or result.output).splitlines()
            yield "\n".join(line for line in lines if not line.startswith(("---", "+++", "diff")))


def _config(module: Path, asked: Sequence[Path], timeout: float) -> str:
    pytest = shlex.join([sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"])
    command = shlex.join(["sh", "-c", " && ".join(f"{pytest} {shlex.quote(str(path))}" for path in asked)])
    return "\n".join(
        [
            "[cosmic-ray]",
            f"module-path = {json.dumps(str(module))}",
            f"timeout = {timeout}",
            "excluded-modules = []",
            f"test-command = {json.dumps(command)}",
            "[cosmic-ray.distributor]",
            'name = "local"',
        ]
    )
