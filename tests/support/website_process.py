"""A process that checks websites, as a replica of `serve` does: `python -m tests.support.website_process ADDRESS NAME`."""

from __future__ import annotations

import asyncio
import sys

from app.clock import SystemClock
from app.db.feed.notices import Notices
from app.probes.checking.checker import HttpChecker
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.maintenance.service import MaintenanceService
from app.probes.sharing.leases import ShardLeases
from app.probes.sharing.repository import ShardRepository
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.runner import WebsiteRunner
from app.settings import ProbeSettings
from tests.support.store_factory import opened


async def main(address: str, name: str) -> None:
    clock = SystemClock()
    async with opened(address) as database:
        runner = WebsiteRunner(
            WebsiteRepository(database), ShardLeases(ShardRepository(database, work="websites"), holder=name),
            HttpChecker(), Notices(database), clock, settings=ProbeSettings(per_host=50),
            maintenance=MaintenanceService(MaintenanceRepository(database), clock),
        )  # fmt: skip
        await runner.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
