"""The nightly job of quality: a scan outside this process, then what its findings have to be asked for again."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog

from app.clock import Clock
from app.errors import JobFailed
from app.scheduling.jobs.declaration import daily, every, job
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.tasks.work_items.sharing import Abandoned

COMMAND = (sys.executable, "-m", "app", "quality", "scan", "--nightly", "--json")
"""It reads the same settings from the same environment, so no address and no password is handed over."""
MOST_SAID = 500


class Repaired(Protocol):
    """What was asked for again and settled; its text is for people."""

    @property
    def anything(self) -> bool: ...


class Repairs(Protocol):
    """Asks again for values that findings doubt."""

    async def run(self, now: datetime) -> Repaired: ...


class SharedPortions(Protocol):
    """A scan in portions that others do."""

    def taken(self) -> bool: ...

    async def run(self, now: datetime) -> dict[str, int]: ...


class ScannedSeries(Protocol):
    """What is kept of scans, whoever has made them."""

    async def scanned_since(self, since: datetime) -> dict[str, int]: ...


class NightlyQuality:
    """Scans all stored series where the event loop of the service never waits for it."""

    def __init__(
        self,
        repairs: Repairs,
        clock: Clock,
        *,
        timeout: float,
        command: Sequence[str] = COMMAND,
        shared: SharedPortions | None = None,
        scanned: ScannedSeries | None = None,
    ) -> None:
        self._repairs = repairs
        self._clock = clock
        self._timeout = timeout
        self._command = command
        self._shared = shared
        self._scanned = scanned
        self._log = structlog.get_logger()

    @job(
        "quality",
        daily("05:00"),
        title="Scan all stored series, then ask again for what findings doubt",
        selection=False,
    )
    async def run(self, ticket: Ticket) -> RunReport:
        """Scan, then ask again for what is doubted; JobFailed where the process failed or took too long.

        The summary is of the night: what a process did that was killed, or an attempt before this one, is not done again,
        and counts.
        """
        figures = await self._figures()
        night = await self._scanned.scanned_since(ticket.scheduled_for) if self._scanned is not None else {}
        figures |= {name: max(number, figures[name]) for name, number in night.items()}
        counted = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in figures.items())
        repairs = await self._repairs.run(self._clock.now())
        return RunReport(JobOutcome.SUCCEEDED, f"{counted}; {repairs}")

    @job(
        "quality_repair",
        every(60, least=15, most=1440),
        title="Settle what the source answered, and ask again for what is doubted and ripe",
        selection=False,
        asks_source=True,
    )
    async def repair(self, _ticket: Ticket) -> RunReport:
        done = await self._repairs.run(self._clock.now())
        outcome = JobOutcome.SUCCEEDED if done.anything else JobOutcome.NOTHING_DUE
        return RunReport(outcome, str(done))

    async def _figures(self) -> dict[str, int]:
        """What the scan did: in portions by those who take them, else in a process of its own."""
        if self._shared is not None and self._shared.taken():
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._shared.run(self._clock.now())
            except TimeoutError:
                raise self._too_long() from None
            except Abandoned as error:
                self._log.warning("quality_portions_abandoned", reason=str(error), note="a process here does the rest")
        figures: dict[str, int] = json.loads(await self._output())
        return figures

    def _too_long(self) -> JobFailed:
        return JobFailed(
            f"the scan took longer than {self._timeout:g} s; the next goes on, or raise GRIDKEEPER_QUALITY__SCAN_TIMEOUT"
        )

    async def _output(self) -> bytes:
        """What the process printed; it ends with this job, however that ends."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._timeout):
                out, err = await process.communicate()
        except TimeoutError:
            raise self._too_long() from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            said = err.decode(errors="replace").strip()[-MOST_SAID:]
            raise JobFailed(f"the scan ended with code {process.returncode}: {said or 'it said nothing'}")
        return out
