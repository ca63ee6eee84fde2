"""Judges files one after the other, each with a result of its own; one that cannot be read stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from app.cli.exit_codes import OK, USAGE
from app.errors import ConfigurationError


def each_file(
    files: Sequence[Path], output_dir: Path | None, judged: Callable[[Path], Iterable[str]], out: TextIO, err: TextIO
) -> int:
    """Write what is judged of each file, in pieces, to `out` or to a file of the same name in `output_dir`; the exit code."""
    code = OK
    for file, target in zip(files, _targets(files, output_dir), strict=True):
        try:
            _write(judged(file), target, out)
        except ConfigurationError as error:
            err.write(f"gridkeeper: {error}\n")
            code = USAGE
    return code


def _write(pieces: Iterable[str], target: Path | None, out: TextIO) -> None:
    if target is None:
        out.writelines(pieces)
        return
    try:
        with target.open("w", encoding="utf-8", newline="") as opened:
            opened.writelines(pieces)
    except OSError as error:
        raise ConfigurationError(f"--output {target}: {error.strerror or error}") from error


def _targets(files: Sequence[Path], output_dir: Path | None) -> list[Path | None]:
    if output_dir is None:
        if len(files) > 1:
            raise ConfigurationError("several files need --output DIR, where each gets a file of its own")
        return [None] * len(files)
    targets = [output_dir / file.name for file in files]
    for file, target in zip(files, targets, strict=True):
        if targets.count(target) > 1:
            raise ConfigurationError(f"--output: two files are called {file.name}; judge them one after the other")
        if target.resolve() == file.resolve():
            raise ConfigurationError(f"--output {output_dir} would overwrite {file}; name another directory")
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--output {output_dir}: {error.strerror or error}") from error
    return list(targets)
