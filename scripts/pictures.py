"""Makes the pictures of README and docs: `python -m scripts.pictures` (a part of `make pictures`).

Starts a sandbox on a database of its own and waits until it has what the pictures show; `--address` names a service that
runs already. The browser is the one of the tests. Pictures are of synthetic data, which each of them says.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.lifecycle import services
from app.settings import Settings
from tests.support.api_factory import ServedApi
from tests.support.browser import chromium, visiting
from tests.support.monitor_factory import keep_shown

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
ITEMS: Mapping[str, tuple[str, str]] = {
    "load": ("load_actual", "DE_LU"),
    "forecast": ("load_forecast_day_ahead", "DE_LU"),
    "price": ("price_day_ahead", "FR"),
    "flow": ("flow_physical", "FR>DE_LU"),
}
"""Series by the names that paths take them by; flows are the last that a first cycle brings."""
PATIENCE = 180.0
"""Seconds until the sandbox has filled its first days."""


@dataclass(frozen=True, slots=True)
class DocumentPicture:
    """A page as the docs show it; `ready` is an element that is there when the page is whole."""

    path: str
    ready: str
    dark: bool = False
    height: int = 900


PICTURES: Mapping[str, DocumentPicture] = {
    "page-overview": DocumentPicture("/", ".verdict.good"),
    "page-series": DocumentPicture("/data/{load}?from=-3d&with={forecast}", "#chart[data-state=complete]", dark=True),
}
OF_WEBSITES: Mapping[str, DocumentPicture] = {"page-monitors": DocumentPicture("/monitors", "li.monitor.bad")}
"""Taken of a service of its own, whose websites are down and would be told on the other pages."""
WIDTH = 1200


async def take(address: str, pictures: Mapping[str, DocumentPicture], numbers: Mapping[str, int]) -> None:
    """These pictures, of the service at the address."""
    async with chromium() as browser:
        for name, wanted in pictures.items():
            async with visiting(browser, width=WIDTH, dark=wanted.dark) as visit:
                # An open page keeps a stream open, so that its network is never idle.
                await visit.page.set_viewport_size({"width": WIDTH, "height": wanted.height})
                await visit.page.goto(f"{address}{wanted.path.format(**numbers)}")
                await visit.page.locator(wanted.ready).first.wait_for()
                await visit.page.screenshot(path=FOLDER / f"{name}.png")


async def stored(address: str) -> dict[str, int]:
    """The numbers of the series that are shown, as soon as the first cycle has brought everything."""
    found: dict[str, int] = {}
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(base_url=address, timeout=30) as client:
        while found.keys() != ITEMS.keys():
            await asyncio.sleep(2)
            for name, (item, area) in ITEMS.items():
                answer = await client.get("/api/v1/series", params={"item": item, "area": area})
                for one in answer.json()["data"][:1]:
                    found[name] = one["id"]
    return found


@asynccontextmanager
async def sandbox(*, websites: bool = False) -> AsyncIterator[str]:
    """A service of synthetic data on a database of its own, where it is chosen with websites; its address."""
    with tempfile.TemporaryDirectory(prefix="gridkeeper-pictures-") as name:
        folder = Path(name)
        own = {"SANDBOX": "1", "DATA_DIR": str(folder / "data"), "WEB__PORT": "0", "LOG__FORMAT": "json"}
        kept = {name: text for name, text in os.environ.items() if not name.startswith("GRIDKEEPER_")}
        if websites:
            chosen = {"sandbox": True, "data_dir": str(folder / "data")}
            async with services(Settings.model_validate(chosen), lambda _text: None, made=True) as wiring:
                await keep_shown(ServedApi("", wiring))
        log = folder / "log"
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app", "serve",
                env=kept | {f"GRIDKEEPER_{name}": text for name, text in own.items()}, stdout=sink, stderr=sink,
            )  # fmt: skip
        try:
            yield await _address_in(log, process)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def _address_in(log: Path, process: asyncio.subprocess.Process) -> str:
    """What the service says of its address as soon as it is reached."""
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            await asyncio.sleep(0.5)
            text = await asyncio.to_thread(log.read_text)
            if found := re.search(r'"url": ?"(http[^"]+)"', text):
                return found[1]
    raise RuntimeError(f"the service ended: {await asyncio.to_thread(log.read_text)}")


async def main(address: str) -> None:
    if address:
        await take(address, PICTURES, await stored(address))
        return
    async with sandbox() as started:
        await take(started, PICTURES, await stored(started))
    async with sandbox(websites=True) as started:
        await take(started, OF_WEBSITES, {})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="", help="where a service runs already; without it one is started")
    asyncio.run(main(parser.parse_args().address))
