"""What the person at the terminal sees while windows are asked for, and how a signal ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app.collection.models import CollectionRun, Outcome, Work
from app.market.text import counted

T = TypeVar("T")


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end; SIGTERM ends it as Ctrl-C does, with KeyboardInterrupt."""
    try:
        return asyncio.run(_terminable(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _terminable(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


class WindowProgress:
    """Progress on standard error: a bar at a terminal, else a line a window."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.planned = 0
        self.done = 0
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._said: set[str] = set()
        self._task: TaskID | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("windows"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False)

    def begin(self, work: Sequence[Work], what: str) -> None:
        self.planned = len(work)
        pairs = len({(one.item, one.place.eic) for one in work})
        self.say(f"{what} {counted(len(work), 'window')} for {counted(pairs, 'pair')} of item and area")
        self._task = self._bar.add_task(what, total=len(work))
        self._bar.start()

    def add(self, run: CollectionRun) -> None:
        self.done += 1
        if self._task is not None:
            self._bar.update(self._task, advance=1, description=f"{run.item} {run.place.code}")
        if run.outcome is Outcome.FAILED:
            self.say(f"failed: {where(run)}: {self._once(run.error_message)}")
        elif not self._quiet and not self._console.is_terminal:
            self.say(_line(run, self.done, self.planned))

    def stop(self) -> None:
        self._bar.stop()

    def _once(self, message: str) -> str:
        """A long message in full the first time, then only its beginning."""
        if message not in self._said:
            self._said.add(message)
            return message
        return message if len(message) <= 60 else f"{message[:60]}…"


def where(run: CollectionRun) -> str:
    return f"{run.item} {run.place.code} {run.window}"


def _line(run: CollectionRun, done: int, planned: int) -> str:
    what = "no matching data" if run.outcome is Outcome.EMPTY else f"{run.received} values, {run.new} new"
    return f"[{done}/{planned}] {where(run)}: {what}"
