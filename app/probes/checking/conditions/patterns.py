"""Regular expressions over what targets send, matched by RE2: the time grows with the text, whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from app.errors import ConfigurationError
from app.mistakes import pattern_fault

LONGEST_SEARCH = 500
"""Characters of a pattern."""
LARGEST_SEARCH = 1000
"""Steps of a compiled pattern: a body is longer than a label, and each of its characters may take so many."""
_MEMORY = 8 << 20


@lru_cache(maxsize=4096)
def parse_pattern(pattern: str, *, captures: bool = False) -> Any:
    """The compiled pattern; ConfigurationError with the reason where it cannot be used. Its groups count only on wish."""
    import re2

    if len(pattern) > LONGEST_SEARCH:
        raise ConfigurationError(f"the pattern has {len(pattern)} characters; {LONGEST_SEARCH} are allowed")
    options = re2.Options()
    options.log_errors, options.never_capture, options.max_mem = False, not captures, _MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = pattern_fault(error.args[0])
        raise ConfigurationError(
            f"the pattern {pattern[:50]!r}: {reason}; RE2 takes neither look-around nor back-references"
        ) from None
    if compiled.programsize > LARGEST_SEARCH:
        raise ConfigurationError(f"the repetitions of the pattern {pattern[:50]!r} are too large; use + and *")
    return compiled
