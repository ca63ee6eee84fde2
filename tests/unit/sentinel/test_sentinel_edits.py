"""The file of the daemon, edited as Kubernetes, Vim, rsync and impatient people do: each edit is used once, as it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from app.wiring.sentinel import followed_file

Edit = Callable[[Path], Iterator[None]]
"""Pauses where the daemon looks in between."""


def volume(folder: Path) -> Path:
    """A file as Kubernetes mounts it: a link by way of `..data` into a folder of one version."""
    (folder / "..v1").mkdir()
    (folder / "..v1" / "alerts.yaml").write_text("old")
    (folder / "..data").symlink_to("..v1")
    (folder / "alerts.yaml").symlink_to("..data/alerts.yaml")
    return folder / "alerts.yaml"


def kubernetes(file: Path) -> Iterator[None]:
    (file.parent / "..v2").mkdir()
    (file.parent / "..v2" / "alerts.yaml").write_text("new")
    (file.parent / "..tmp").symlink_to("..v2")
    yield
    (file.parent / "..tmp").replace(file.parent / "..data")
    (file.parent / "..v1" / "alerts.yaml").unlink()


def vim(file: Path) -> Iterator[None]:
    file.rename(file.with_name("alerts.yaml~"))
    yield
    file.write_text("")
    yield
    file.write_text("new")
    file.with_name("alerts.yaml~").unlink()


def rsync(file: Path) -> Iterator[None]:
    other = file.with_name(".alerts.yaml.Xy12")
    other.write_text("n")
    yield
    other.write_text("new")
    other.replace(file)


def in_a_burst(file: Path) -> Iterator[None]:
    for text in ("a", "ab", "abc", "odd", "new"):
        file.write_text(text)
        yield


def two_of_the_same_size(file: Path) -> Iterator[None]:
    file.write_text("won")
    yield
    file.write_text("new")


@pytest.mark.parametrize("edit", [kubernetes, vim, rsync, in_a_burst, two_of_the_same_size])
def test_an_edit_is_used_once_as_it_ended(tmp_path: Path, edit: Edit) -> None:
    file = volume(tmp_path) if edit is kubernetes else tmp_path / "alerts.yaml"
    if edit is not kubernetes:
        file.write_text("old")
    clock = count(step=0.25)
    followed = followed_file(file, monotonic=lambda: next(clock))
    assert followed.take() == b"old"
    used = [followed.changed() for _ in edit(file)]
    used += [followed.changed() for _ in range(8)]
    assert [content for content in used if content is not None] == [b"new"]
