"""The folders that a campaign works in: one to work in, restored for each input, and one that nothing may touch."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import typer

from pipeline.cli import app as cli
from pipeline.store import digests
from tests.fuzz.targets import Place, prepared


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Two folders beside each other, what the first is restored from, and what was found."""

    root: Path

    @staticmethod
    def make(root: Path) -> Sandbox:
        """Prepare a sandbox; what the program keeps by default is kept in it too."""
        sandbox = Sandbox(root)
        (root / "outside").mkdir()
        (root / "outside" / "precious").write_text("precious\n")
        (root / "findings").mkdir()
        os.environ["TORCH2CAFFE2_STORE"] = str(sandbox.place.store)
        os.chdir(root / "outside")
        _without_what_no_input_changes()
        prepared(sandbox.place.folder)
        shutil.copytree(sandbox.place.folder, root / "pristine", symlinks=True)
        return sandbox

    @property
    def place(self) -> Place:
        return Place(self.root / "work")

    def restore(self, part: str = "") -> None:
        """Bring the folder to work in, or a part of it, back to what it was."""
        shutil.rmtree(self.place.folder / part)
        shutil.copytree(self.root / "pristine" / part, self.place.folder / part, symlinks=True)

    def touched(self) -> str:
        """Return what was written where nothing may be written; "" for nothing."""
        outside = self.root / "outside"
        names = sorted(str(path.relative_to(self.root)) for path in (*self.root.iterdir(), *outside.iterdir()))
        if names != ["findings", "outside", "outside/precious", "pristine", "work"]:
            return f"there is {', '.join(names)}"
        return "" if (outside / "precious").read_text() == "precious\n" else "a file outside was written to"


def _without_what_no_input_changes() -> None:
    """Let a command cost little more than what its input makes it do.

    The command line is built once, files need not outlast a power cut, and PyTorch starts no threads: a process that
    has some cannot be forked.
    """
    import torch

    digests._WORTH = 0  # or the store would not remember those of files as small as these
    cli.app = typer.main.get_command(cli.app)
    os.fsync = lambda descriptor: None
    torch.set_num_threads(1)
