from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from app.alerting.rules.book import RuleFile
from app.alerting.rules.reload import LONGEST_WAIT, MOST_LOGGED, RuleBook, watch_rules
from app.errors import ConfigurationError
from app.kit.watched_file import FULL_SECONDS, WatchedFile


class Ticks:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def rule(name: str = "r", every: str = "5 s", **fields: str) -> str:
    more = "".join(f", {field}: {value}" for field, value in fields.items())
    return f"- {{name: {name}, every: {every}, sql: select 1{more}}}\n"


def write(folder: Path, *rules: str, name: str = "a.yaml") -> None:
    (folder / name).write_text("rules:\n" + "".join(rules), encoding="utf-8")


def names(watch: WatchedFile[list[RuleFile]]) -> list[str] | None:
    files = watch.changed()
    return None if files is None else [Path(file.name).name for file in files]


def settle(book: RuleBook, ticks: Ticks) -> bool:
    """Two looks with enough time between them."""
    first = book.look()
    ticks.now += 1
    return book.look() or first


def own(book: RuleBook) -> dict[str, str]:
    return {name: str(rule.schedule) for name, rule in book.current().rules.items() if not rule.built_in}


def test_a_change_counts_when_the_file_has_come_to_rest(tmp_path: Path, ticks: Ticks) -> None:
    write(tmp_path, rule())
    watch = watch_rules(tmp_path, monotonic=ticks)
    watch.take()
    (tmp_path / "a.yaml").write_text("")
    assert names(watch) is None
    ticks.now += 0.2
    write(tmp_path, rule("q"))
    assert names(watch) is None
    ticks.now += 0.2
    assert names(watch) is None
    ticks.now += 0.2
    assert names(watch) == ["a.yaml"]
    assert names(watch) is None


def test_files_that_never_rest_are_read_in_the_end(tmp_path: Path, ticks: Ticks) -> None:
    watch = watch_rules(tmp_path, monotonic=ticks)
    watch.take()
    seen = []
    for number in range(int(LONGEST_WAIT / 0.2) + 3):
        write(tmp_path, rule(f"r{number}"))
        seen.append(names(watch))
        ticks.now += 0.2
    assert seen.count(["a.yaml"]) == 1


def test_a_write_with_the_same_time_and_size_is_noticed(tmp_path: Path, ticks: Ticks) -> None:
    write(tmp_path, rule("aa"))
    os.utime(tmp_path / "a.yaml", (1, 1))
    watch = watch_rules(tmp_path, monotonic=ticks)
    watch.take()
    write(tmp_path, rule("bb"))
    os.utime(tmp_path / "a.yaml", (1, 1))
    assert names(watch) is None
    ticks.now += FULL_SECONDS
    assert names(watch) is None
    ticks.now += 1
    assert names(watch) == ["a.yaml"]


def test_an_atomic_rename_and_a_swapped_link_are_noticed(tmp_path: Path, ticks: Ticks) -> None:
    old, new, folder = tmp_path / "old", tmp_path / "new", tmp_path / "rules"
    for made in (old, new, folder):
        made.mkdir()
    write(old, rule("before"))
    write(new, rule("after"))
    (folder / "..data").symlink_to(old)
    (folder / "a.yaml").symlink_to(Path("..data") / "a.yaml")
    book = RuleBook(folder, monotonic=ticks)
    assert list(own(book)) == ["before"]
    (folder / "..tmp").symlink_to(new)
    (folder / "..tmp").rename(folder / "..data")
    assert settle(book, ticks)
    assert list(own(book)) == ["after"]
    write(tmp_path, rule("renamed"), name="b")
    (folder / "a.yaml").unlink()
    (tmp_path / "b").rename(folder / "a.yaml")
    assert settle(book, ticks)
    assert list(own(book)) == ["renamed"]


def test_the_difference_is_logged_field_by_field(tmp_path: Path, ticks: Ticks) -> None:
    write(tmp_path, rule("stays", threshold="'> 5'", description="a"), rule("goes"))
    book = RuleBook(tmp_path, monotonic=ticks)
    book.current()
    write(tmp_path, "\n", rule("stays", every="1 min", threshold="'> 6.5'", description="b"), rule("comes"))
    with capture_logs() as logs:
        assert settle(book, ticks)
    [line] = [line for line in logs if line["event"] == "rules_reloaded"]
    assert (line["added"], line["removed"]) == (["comes"], ["goes"])
    assert line["changed"] == [
        "stays: schedule every 5 s -> every 1 min, description 'a' -> 'b', threshold > 5 -> > 6.5"
    ]


def test_a_long_difference_is_cut(tmp_path: Path, ticks: Ticks) -> None:
    book = RuleBook(tmp_path, monotonic=ticks)
    book.current()
    write(tmp_path, *(rule(f"r{number}") for number in range(MOST_LOGGED + 5)))
    with capture_logs() as logs:
        settle(book, ticks)
    assert logs[-1]["added"][-1] == "and 5 more"


def test_a_wrong_edit_keeps_the_last_good_book_and_says_where(tmp_path: Path, ticks: Ticks) -> None:
    write(tmp_path, rule("r"))
    book = RuleBook(tmp_path, monotonic=ticks)
    before = book.current()
    write(tmp_path, rule("r", every="soon"))
    with capture_logs() as logs:
        assert not settle(book, ticks)
    assert book.current() is before
    [problem] = book.problems
    assert (problem.line, problem.field) == (2, "rules[r].every")
    assert [line["event"] for line in logs] == ["rules_refused"]
    write(tmp_path, rule("r"))
    with capture_logs() as logs:
        assert not settle(book, ticks)
    assert book.problems == ()
    assert book.current() is before
    assert [line["event"] for line in logs] == ["rules_recovered"]


def test_a_deleted_file_takes_its_rules_along(tmp_path: Path, ticks: Ticks) -> None:
    write(tmp_path, rule("r"))
    write(tmp_path, rule("q"), name="b.yml")
    book = RuleBook(tmp_path, monotonic=ticks)
    assert set(own(book)) == {"r", "q"}
    (tmp_path / "a.yaml").unlink()
    with capture_logs() as logs:
        assert settle(book, ticks)
    assert set(own(book)) == {"q"}
    assert logs[-1]["removed"] == ["r"]


def test_a_start_with_a_wrong_file_works_with_what_is_right(tmp_path: Path, ticks: Ticks) -> None:
    write(tmp_path, rule("r"), rule("bad", every="soon"))
    book = RuleBook(tmp_path, monotonic=ticks)
    assert set(own(book)) == {"r"}
    assert len(book.problems) == 1


def test_a_folder_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert own(RuleBook(tmp_path / "none")) == {}
    for read in (RuleBook(tmp_path / "none", required=True).current, RuleBook(tmp_path / "none", required=True).check):
        with pytest.raises(ConfigurationError, match="GRIDKEEPER_ALERTING__RULES_DIR: there is no folder"):
            read()


def test_a_single_file_may_be_watched(tmp_path: Path, ticks: Ticks) -> None:
    write(tmp_path, rule("r"))
    watch = watch_rules(tmp_path / "a.yaml", monotonic=ticks)
    assert [Path(file.name).name for file in watch.take()] == ["a.yaml"]
    (tmp_path / "a.yaml").unlink()
    names(watch)
    ticks.now += 1
    assert names(watch) == []


async def test_the_book_follows_its_files_until_it_is_stopped(tmp_path: Path, ticks: Ticks) -> None:
    book, stop = RuleBook(tmp_path, monotonic=ticks), asyncio.Event()
    book.current()
    write(tmp_path, rule("comes"))
    book.look()
    ticks.now += 1
    running = asyncio.create_task(book.run(stop))
    async with asyncio.timeout(60):
        while not own(book):  # noqa: ASYNC110  a file has no event
            await asyncio.sleep(0.01)
    stop.set()
    await running
    assert list(own(book)) == ["comes"]


@pytest.mark.parametrize("content", ["", "\n", "# nothing\n", "---\n"])
def test_a_file_that_was_emptied_leaves_the_last_good_book(tmp_path: Path, ticks: Ticks, content: str) -> None:
    write(tmp_path, rule("r"))
    write(tmp_path, rule("q"), name="b.yaml")
    book = RuleBook(tmp_path, monotonic=ticks)
    before = book.current()
    (tmp_path / "a.yaml").write_text(content)
    for _ in range(3):
        assert not settle(book, ticks)
    assert book.current() is before
    [problem] = book.problems
    assert "was emptied; write `rules: []`" in problem.message
    write(tmp_path, rule("r"))
    assert not settle(book, ticks)
    assert book.problems == ()
    (tmp_path / "a.yaml").write_text("rules: []\n")
    assert settle(book, ticks)
    assert set(own(book)) == {"q"}


def test_a_folder_that_went_leaves_the_last_good_book(tmp_path: Path, ticks: Ticks) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    write(folder, rule("r"))
    book = RuleBook(folder, required=True, monotonic=ticks)
    before = book.current()
    folder.rename(tmp_path / "away")
    for _ in range(3):
        assert not settle(book, ticks)
    assert book.current() is before
    assert "was there and is not any more" in book.problems[0].message
    (tmp_path / "away").rename(folder)
    assert not settle(book, ticks)
    assert (book.current(), book.problems) == (before, ())


def test_a_pipe_in_the_folder_is_named_and_holds_nobody_up(tmp_path: Path, ticks: Ticks) -> None:
    write(tmp_path, rule("r"))
    book = RuleBook(tmp_path, monotonic=ticks)
    assert set(own(book)) == {"r"}
    os.mkfifo(tmp_path / "pipe.yaml")
    write(tmp_path, rule("r", every="9 s"))
    assert not settle(book, ticks)
    [problem] = book.problems
    assert "is a pipe and no file" in problem.message
    (tmp_path / "pipe.yaml").unlink()
    assert settle(book, ticks)
    assert own(book) == {"r": "every 9 s"}


def test_a_folder_that_cannot_be_read_is_a_problem_and_ends_nothing(
    tmp_path: Path, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, rule("r"))
    book = RuleBook(tmp_path, monotonic=ticks)
    before = book.current()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", _refused)
        assert not settle(book, ticks)
        assert "cannot be read" in book.problems[0].message
        started = RuleBook(tmp_path, monotonic=ticks)
        assert own(started) == {}
        assert "cannot be read" in started.problems[0].message
    assert not settle(book, ticks)
    assert (book.current(), book.problems) == (before, ())


def _refused(path: Path) -> Iterator[Path]:
    raise PermissionError(13, "Permission denied", str(path))
