"""Makes the pictures of README and docs: `gridkeeper --sandbox serve` in one window, `python -m scripts.pictures` in another.

The browser is the one of the tests. Pictures are of synthetic data, which each of them says.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path

from tests.support.browser import chromium, visiting

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
PICTURES: Mapping[str, tuple[str, bool, int]] = {
    "page-overview": ("/", False, 1200),
    "page-series": ("/data/1", True, 1200),
}
"""By name: the page, whether it is dark, and its width."""


async def take(address: str) -> None:
    """Every picture, of the service at the address."""
    async with chromium() as browser:
        for name, (path, dark, width) in PICTURES.items():
            async with visiting(browser, width=width, dark=dark) as visit:
                await visit.page.goto(f"{address}{path}", wait_until="networkidle")
                await visit.page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8080", help="where the service is reached")
    asyncio.run(take(parser.parse_args().address))
