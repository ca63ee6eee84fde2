"""`gridkeeper open`: the page of the running service in a browser."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.output import say
from app.cli.session import begin
from app.errors import ConfigurationError

SECONDS = 3.0


def open_command(
    path: Annotated[str, typer.Argument(help="Page to open, as data/12 or alerts.")] = "",
    only_print: Annotated[bool, typer.Option("--print", help="Print the address and open nothing.")] = False,
) -> int:
    """Print the address of the running service and open it in the browser of this desktop.

    Where there is no desktop, as over SSH, it only prints.

    Exit code: 0 the service answers there, 1 it does not.
    """
    settings = begin()
    if not settings.url:
        raise ConfigurationError(
            "port 0 is any: the line `http_started` of the log has the address; set GRIDKEEPER_WEB__PORT or GRIDKEEPER_WEB__BASE_URL"
        )
    address = f"{settings.url}/{path.lstrip('/')}"
    typer.echo(address)
    if not _answers(settings.url):
        say("nobody answers there; start it with `gridkeeper serve`")
        return UNAVAILABLE
    if not only_print and _has_desktop():
        import webbrowser

        webbrowser.open(address)
    return OK


def _answers(url: str) -> bool:
    """Whether the service at the address lives; whatever answers in HTTP may be a proxy that asks who we are."""
    import httpx

    try:
        return httpx.get(f"{url}/health/live", timeout=SECONDS).status_code < 500
    except httpx.HTTPError:
        return False


def _has_desktop() -> bool:
    """On Linux without a display the library would start a browser for text in this terminal."""
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
