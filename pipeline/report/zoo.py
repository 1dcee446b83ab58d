"""The page about several runs: a table with a row for each, and totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.report.data import Report, as_words
from pipeline.report.verdict import verdict


@dataclass(frozen=True, slots=True)
class Row:
    """A run. `page` and `folder` are the paths of its report and its files, relative to the page about all runs.

    `worst` is the largest error in its verification, None if there is none; `size` is that of its files, in bytes.
    """

    model: str
    page: str
    folder: str
    tone: str
    result: str
    seconds: float
    worst: float | None
    size: int
    worker: str
    why: str


@dataclass(frozen=True, slots=True)
class Zoo:
    """Several runs."""

    rows: Sequence[Row]

    @property
    def results(self) -> Sequence[tuple[str, str, int]]:
        """The number of runs with each result (tone, word, number), most frequent first."""
        counts = Counter((row.tone, row.result) for row in self.rows)
        return [(tone, word, number) for (tone, word), number in counts.most_common()]

    @property
    def workers(self) -> int:
        """The number of workers that did them."""
        return len({row.worker for row in self.rows} - {""})

    @property
    def seconds(self) -> float:
        """The total time of all runs."""
        return sum(row.seconds for row in self.rows)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(row.size for row in self.rows)


def row(report: Report, page: str, folder: str) -> Row:
    """Return the row of a run. If the numbers agree, the reason for the result is only on its page."""
    found, parity = verdict(report), report.parity
    return Row(
        report.run.model,
        page,
        folder,
        found.tone,
        found.word,
        report.run.seconds,
        parity.worst if parity else None,
        sum(file.size for file in report.files),
        report.run.worker,
        report.run.error or ("" if parity and parity.passed and not report.run.edited else found.sentence),
    )


def as_json(rows: Sequence[Row]) -> Any:  # noqa: ANN401 - any JSON value
    """Return rows as JSON values. Infinite numbers and NaN become words."""
    return {"generator": "torch2caffe2", "models": [as_words(asdict(each)) for each in rows]}
