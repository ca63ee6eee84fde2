"""What a person sees of backfills: progress while they run, tables of their windows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from app.cli.tables import print_table
from app.collection.backfill.models import BackfillProgress, BackfillState, FailedWindow, WindowState
from app.market.areas import find_place
from app.market.text import counted
from app.market.time import iso

SHOWN = (WindowState.PENDING, WindowState.CLAIMED, WindowState.STORED, WindowState.EMPTY, WindowState.FAILED)
FAILURES_SHOWN = 20
LINE_EACH = 20
"""Without a terminal a line is written each so many looks."""

TimeLeft = Callable[[BackfillProgress], timedelta | None]


class Follower:
    """Shows a backfill while it is worked on; the time left comes from the token's rate."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("windows, {task.fields[rest]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._looks = 0
        self._waits: list[str] = []

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False)

    def show(self, progress: BackfillProgress, left: timedelta | None, worker: str) -> None:
        """`worker` is this process: what only others hold is waited for, and that is said."""
        rest = _rest(progress, left, worker)
        if self._task is None:
            self._task = self._bar.add_task(f"backfill {progress.backfill_id}", total=progress.planned, rest=rest)
            self._bar.start()
        self._bar.update(self._task, completed=progress.ended, total=progress.planned, rest=rest)
        waits = [one.name for one in progress.held_by_others(worker)]
        if not self._console.is_terminal and (self._looks % LINE_EACH == 0 or waits != self._waits):
            self.say(
                f"backfill {progress.backfill_id}: {progress.ended} of {counted(progress.planned, 'window')}, {rest}"
            )
        self._looks, self._waits = self._looks + 1, waits

    def stop(self) -> None:
        self._bar.stop()


def _rest(progress: BackfillProgress, left: timedelta | None, worker: str) -> str:
    if progress.state is not BackfillState.RUNNING:
        return f"{progress.state}: {progress.reason}" if progress.reason else progress.state
    failed = progress.counts[WindowState.FAILED]
    parts = [f"{in_words(left.total_seconds())} left at the token's rate"] if left is not None else []
    parts += [f"{failed} failed"] if failed else []
    parts += [
        f"waiting for {counted(one.windows, 'window')} of process {one.name} until {one.until:%H:%M:%S}Z"
        for one in progress.held_by_others(worker)
    ]
    return ", ".join([*parts, progress.reason] if progress.reason else parts)


def in_words(seconds: float) -> str:
    """A duration to two units: `12 s`, `3 min 20 s`, `2 h 5 min`, `1 d 3 h`."""
    whole = round(seconds)
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {name}")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"


def _left(progress: BackfillProgress, left: timedelta | None) -> str:
    if left is None or progress.waiting or progress.state.terminal:
        return ""
    return in_words(left.total_seconds())


def _workers(progress: BackfillProgress) -> str:
    return ", ".join(f"{one.name} ({one.windows} until {one.until:%H:%M:%S}Z)" for one in progress.holders)


def print_progress(found: Sequence[BackfillProgress], time_left: TimeLeft) -> None:
    columns = (
        "id", "state", *(state.value for state in SHOWN), "windows", "left", "worked on by", "last ended", "what",
    )  # fmt: skip
    rows = [
        (
            str(one.backfill_id),
            "waiting" if one.waiting else one.state.value,
            *(str(one.counts[state]) for state in SHOWN),
            str(one.planned),
            _left(one, time_left(one)),
            _workers(one),
            iso(one.last_ended) if one.last_ended else "",
            f"{one.description} ({reason})" if (reason := one.explanation) else one.description,
        )
        for one in found
    ]
    print_table(columns, rows, right={"id", *(state.value for state in SHOWN), "windows"})


def print_failures(failures: Sequence[FailedWindow]) -> None:
    if not failures:
        return
    sys.stdout.write("\n")
    rows = [
        (
            one.item,
            _code(one.area),
            iso(one.start),
            iso(one.end),
            str(one.attempts),
            str(one.run_id or ""),
            one.error_message,
        )
        for one in failures[:FAILURES_SHOWN]
    ]
    print_table(("item", "area", "from", "to", "attempts", "run", "reason"), rows, right={"attempts", "run"})
    if len(failures) > FAILURES_SHOWN:
        sys.stdout.write("and more; --json lists them all\n")


def _code(eic: str) -> str:
    return find_place(eic).code
