"""Makes names unique in one network."""

from __future__ import annotations

from collections.abc import Iterable


class Names(set[str]):
    """The names that are in use.

    >>> names = Names({"conv"})
    >>> names.claim("conv"), names.claim("conv"), names.claim("pool")
    ('conv_2', 'conv_3', 'pool')
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        super().__init__(taken)
        self._counts: dict[str, int] = {}  # the last number appended to each name; lower ones are in use

    def claim(self, name: str) -> str:
        """Reserve `name`, or else the first of `name_2`, `name_3` ... that is free."""
        candidate, count = name, self._counts.get(name, 1)
        while candidate in self:
            count += 1
            candidate = f"{name}_{count}"
        self._counts[name] = count
        self.add(candidate)
        return candidate
