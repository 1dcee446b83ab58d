"""Makes untrusted text safe to print: nothing in it moves the cursor, reverses the text, or is invisible."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})  # control, format (bidi), surrogates, private, separators


def visible(text: str, keep: str = "") -> str:
    r"""Return a text with its invisible characters as escape sequences, except those in `keep`.

    >>> print(visible("a\x1b[2J\nb"))
    a\u001b[2J\u000ab
    """
    if text.isprintable():
        return text
    unseen = (c for c in set(text).difference(keep) if unicodedata.category(c) in _UNSEEN)
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in unseen})
