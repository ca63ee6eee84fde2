"""Regular expressions of operators, matched by RE2: the time grows with the text, whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from app.errors import ConfigurationError
from app.mistakes import pattern_fault

LONGEST_PATTERN = 200
LONGEST_VALUE = 500
"""Characters of a value that are looked at; labels are shorter."""
LARGEST_PROGRAM = 1500
"""Steps of a compiled pattern: (a?){1000} has more, and a value would take a tenth of a second."""
_MEMORY = 8 << 20


@lru_cache(maxsize=100_000)
def matches_whole(pattern: str, text: str) -> bool:
    """Whether the whole text matches; ConfigurationError where `check_pattern` would raise it."""
    shown = text[:LONGEST_VALUE].encode("utf-8", "replace").decode()
    return check_pattern(pattern).fullmatch(shown) is not None


@lru_cache(maxsize=1000)
def check_pattern(pattern: str) -> Any:
    """The compiled pattern; ConfigurationError with the reason where it cannot be used."""
    import re2

    if len(pattern) > LONGEST_PATTERN:
        raise ConfigurationError(f"the pattern has {len(pattern)} characters; {LONGEST_PATTERN} are allowed")
    options = re2.Options()
    options.log_errors, options.never_capture, options.max_mem = False, True, _MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise ConfigurationError(
            f"{pattern_fault(error.args[0])}; RE2 takes neither look-around nor back-references"
        ) from None
    except UnicodeEncodeError:
        raise ConfigurationError("it is no UTF-8 text") from None
    if max(compiled.programsize, compiled.reverseprogramsize) > LARGEST_PROGRAM:
        raise ConfigurationError("its repetitions are too large; use smaller numbers, or + and *")
    return compiled
