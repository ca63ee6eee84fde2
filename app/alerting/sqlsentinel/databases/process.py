"""A process that asks one database, for drivers that cannot be cancelled: ending the process ends the statement."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection

from app.alerting.sqlsentinel.databases.asking import MOST_ROWS, AnswerRow, Asker, AskingFailed
from app.errors import AppError

START_SECONDS = 30.0
"""For a process to start and its driver to load; not counted as time of the statement."""


class TookTooLong(AskingFailed):
    """The statement was ended because its time was over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the statement took longer than {seconds:g} s and was ended; narrow it, or raise timeout")


class AskingProcess:
    """One process and its pipe; started when it is first asked, and again after it was ended."""

    def __init__(self, url: str, *, writable: bool, most_rows: int = MOST_ROWS) -> None:
        self._url = url
        self._writable = writable
        self._most_rows = most_rows
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def ask(self, query: str, seconds: float) -> list[AnswerRow]:
        pipe = self._pipe or self._start()
        try:
            pipe.send((query, seconds))
            answered = pipe.poll(seconds)
            rows, error = pipe.recv() if answered else ([], "")
        except (EOFError, OSError):
            self.end()
            raise AskingFailed("the process that asks the database ended; it is started again") from None
        if not answered:
            self.end()
            raise TookTooLong(seconds)
        if error:
            raise AskingFailed(error)
        found: list[AnswerRow] = rows
        return found

    def _start(self) -> Connection:
        pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_serve, args=(theirs, self._url, self._writable, self._most_rows), daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe = pipe
        try:
            refused = pipe.recv() if pipe.poll(START_SECONDS) else f"it does not start within {START_SECONDS:g} s"
        except EOFError:
            refused = "it ended at its start"
        if refused:
            self.end()
            raise AskingFailed(f"the process that asks the database cannot begin: {refused}")
        return pipe

    def end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join(5)
        self._pipe = self._process = None


def _serve(pipe: Connection, url: str, writable: bool, most_rows: int) -> None:
    """What the process does: answer each query with rows or with what went wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C of the terminal is for the parent
    try:
        asker = Asker(url, connections=1, writable=writable, most_rows=most_rows)
    except AppError as error:
        pipe.send(str(error))
        return
    pipe.send("")
    while True:
        try:
            query, seconds = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((asker.ask(query, seconds), ""))
        except AppError as error:
            pipe.send(([], str(error)))
