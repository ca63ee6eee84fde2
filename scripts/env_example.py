"""Prints .env.example from the settings: every variable, its description and its default."""

from __future__ import annotations

from pydantic import SecretStr

from app.settings import variables

HEADER = """\
# Settings of Gridkeeper. Copy this file to .env and uncomment what you change; the environment wins over the file.
# Made from app/settings by `python scripts/env_example.py > .env.example`.
"""


def main() -> None:
    """Write the file to standard output."""
    print(HEADER)  # noqa: T201  a script prints
    for name, field in variables().items():
        default = field.get_default(call_default_factory=True)
        shown = ",".join(default) if isinstance(default, tuple) else default
        shown = "" if shown is None or isinstance(shown, SecretStr) else shown
        shown = int(shown) if isinstance(shown, bool) else shown
        print(f"# {field.description}\n#{name}={shown}\n")  # noqa: T201  a script prints


if __name__ == "__main__":
    main()
