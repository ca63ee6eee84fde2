"""`gridkeeper api openapi`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exit_codes import OK
from app.errors import ConfigurationError


def openapi_command(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.")
    ] = None,
) -> int:
    """Write the OpenAPI document of the REST API, without a server or a database.

    Example: gridkeeper api openapi -o openapi.json
    """
    from app.settings import load_settings
    from app.web.api.openapi import document_text
    from app.web.routes.v1.api import create_api

    text = document_text(create_api(None, load_settings().api).openapi())
    if output is None:
        sys.stdout.write(text)
        return OK
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--output {output} cannot be written: {error.strerror or error}") from None
    return OK
