"""The group `gridkeeper quality`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "detect": Lazy(
        "app.cli.quality.detect:detect_command", "Judge every value of CSV files: writes timestamp,flag,rule,score."
    ),
    "structure": Lazy(
        "app.cli.quality.structure:structure_command",
        "Report missing, duplicate, off-grid and unsorted stamps of a CSV file.",
    ),
    "scan": Lazy(
        "app.cli.quality.scores:scan_command",
        "Score stored series and find what is wrong with them; only what has changed is looked at.",
    ),
    "score": Lazy(
        "app.cli.quality.scores:score_command",
        "Show completeness, timeliness, validity, accuracy and the overall score of each series and day, 0 to 100.",
    ),
    "accept": Lazy(
        "app.cli.quality.findings:accept_command",
        "Say that the values of a finding are right: they count as sound, and the finding is not raised again.",
        hidden=True,
    ),
    "recheck": Lazy(
        "app.cli.quality.findings:recheck_command",
        "Look again at the stored values of findings, and say how many are in which state now.",
        hidden=True,
    ),
    "findings": Lazy(
        "app.cli.quality.findings:findings", "List findings (without a command), accept them, look at them again."
    ),
}

quality = lazy_typer(TABLE, no_args_is_help=True)
