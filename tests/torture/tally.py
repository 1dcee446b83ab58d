"""The counts of a campaign."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What was tried, what held, and what did not."""

    campaign: str
    held: int = 0
    wrong: list[str] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)
    skipped: str = ""

    def add(self, trial: str, wrong: str) -> None:
        """Count a trial; `wrong` is empty where it held."""
        if wrong:
            self.wrong.append(f"{trial}: {wrong}")
            print(f"{self.campaign}: {self.wrong[-1]}", file=sys.stderr)
        else:
            self.held += 1

    def count(self, fact: str, times: int = 1) -> None:
        """Count something worth knowing that is neither right nor wrong."""
        self.facts[fact] = self.facts.get(fact, 0) + times

    def __str__(self) -> str:
        if self.skipped:
            return f"{self.campaign}: skipped, {self.skipped}"
        facts = "".join(f"; {count} {fact}" for fact, count in sorted(self.facts.items()))
        return f"{self.campaign}: {self.held} of {self.held + len(self.wrong)} held{facts}"
