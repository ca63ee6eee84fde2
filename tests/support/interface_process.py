"""A process that probes interfaces, as a replica of `serve` does: `python -m tests.support.interface_process ADDRESS NAME FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.interface_server import probing
from tests.support.store_factory import opened


async def main(address: str, name: str, folder: str) -> None:
    async with opened(address) as database, probing(database, Path(folder), name=name):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
