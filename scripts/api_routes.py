"""Prints the table of routes of docs/api.md: python scripts/api_routes.py."""

from __future__ import annotations

from app.settings import ApiSettings
from app.web.api.openapi import routes_table
from app.web.routes.v1.api import create_api


def routes() -> str:
    """The table of the present routes."""
    return routes_table(create_api(None, ApiSettings()).openapi())


if __name__ == "__main__":
    print(routes())  # noqa: T201  a script prints
