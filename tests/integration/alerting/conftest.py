"""What tests of alerting begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.db.engine import Database
from tests.support.store_factory import opened


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


@pytest.fixture
def folder(make_folder: Callable[[], Path]) -> Path:
    return make_folder()
