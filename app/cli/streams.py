"""Standard output and error of the process, whatever they are connected to."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def open_output() -> None:
    """Where standard output or error was closed (`>&-`), what is said there goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  it lasts as long as the process
        _show_what_the_terminal_lacks(getattr(sys, name))


def _show_what_the_terminal_lacks(stream: Any) -> None:
    """A character that the terminal's encoding does not have is written as its number, and ends no command."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and (stream.encoding or "").lower().replace("-", "") != "utf8":
        reconfigure(errors="backslashreplace")


def discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
