"""What the exit code of a command means; docs/using.md tells it to users."""

from __future__ import annotations

OK, UNAVAILABLE, USAGE, FAILED, MALFORMED, EMPTY, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 4, 5, 130, 141
