"""What is edited is used once it has come to rest, whoever reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.kit.watched_file import SETTLED_SECONDS, WatchedFile, read_present


class Watch:
    """A watched text with a clock that stands until it is told to go on."""

    def __init__(self, path: Path, *, stat: bool = False) -> None:
        self.path, self.now, self.reads = path, 100.0, 0
        self.file: WatchedFile[bytes | None] = WatchedFile(
            self._read, files=(lambda: [path]) if stat else None, monotonic=lambda: self.now, wall=lambda: 0.0
        )

    def after(self, seconds: float) -> bytes | None:
        self.now += seconds
        return self.file.changed()

    def _read(self) -> bytes | None:
        self.reads += 1
        return read_present(self.path)


@pytest.mark.parametrize("stat", [False, True])
def test_what_stays_the_same_for_a_while_is_used_once(tmp_path: Path, stat: bool) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    watch = Watch(path, stat=stat)
    assert watch.file.take() == b"one"
    path.write_text("")
    assert watch.after(1) is None
    path.write_text("other")
    assert watch.after(2 * SETTLED_SECONDS) is None
    assert watch.after(2 * SETTLED_SECONDS) == b"other"
    assert watch.after(2 * SETTLED_SECONDS) is None
    assert watch.file.used == b"other"


def test_a_file_that_looks_the_same_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    watch = Watch(path, stat=True)
    watch.file.take()
    assert [watch.after(1) for _ in range(5)] == [None] * 5
    assert watch.reads == 1


def test_what_cannot_be_read_leaves_the_content_in_use(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    watch = Watch(path)
    watch.file.take()
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigurationError, match="is a folder and no file"):
        watch.after(1)
    assert watch.file.used == b"one"


def test_without_a_file_there_is_no_content(tmp_path: Path) -> None:
    assert read_present(tmp_path / "none.yaml") is None
