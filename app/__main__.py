"""`python -m app`: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; `parse` starts without the weight of the others because it needs none of it."""
    from app.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
