"""Names that must be unique in one network."""

from __future__ import annotations


class Names(set[str]):
    """The names that are taken.

    >>> names = Names({"conv"})
    >>> names.claim("conv"), names.claim("conv"), names.claim("pool")
    ('conv_2', 'conv_3', 'pool')
    """

    def claim(self, name: str) -> str:
        """Take `name`, or the first of `name_2`, `name_3` ... that is free."""
        candidate, count = name, 1
        while candidate in self:
            count += 1
            candidate = f"{name}_{count}"
        self.add(candidate)
        return candidate
