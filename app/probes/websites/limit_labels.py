"""Labels of a website that set the limits of shipped alert rules, and what each may say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LimitLabel:
    """A number within bounds, with so many decimals at most, as the statements of the rules read it."""

    meant: str
    least: float
    most: float
    example: str
    decimals: int = 0
    unit: str = ""
    """That may stand behind the number."""

    def wrong(self, text: str) -> bool:
        decimals = rf"(?:\.[0-9]{{1,{self.decimals}}})?" if self.decimals else ""
        number = text.removesuffix(self.unit)
        return not re.fullmatch(rf"[0-9]{{1,4}}{decimals}", number) or not self.least <= float(number) <= self.most


LIMIT_LABELS: Mapping[str, LimitLabel] = {
    "objective": LimitLabel("percent of the time in which it is up", 1, 99.99999, "99.5", 5, "%"),
    "certificate_days": LimitLabel("days before the end of its certificate", 1, 999, "14"),
    "slow_factor": LimitLabel("times as long as usual", 1.1, 999, "5", 3),
    "flapping": LimitLabel("downtimes in a day", 2, 999, "20"),
    "disagree_minutes": LimitLabel("minutes", 1, 9999, "60"),
}


def wrong_limit(labels: Mapping[str, str]) -> str:
    """What is wrong with the first of the labels that sets no limit as it stands, with the remedy; empty where none is."""
    for name, limit in LIMIT_LABELS.items():
        if name in labels and limit.wrong(labels[name]):
            digits = f" with up to {limit.decimals} decimals" if limit.decimals else ", whole"
            return (
                f"{name} sets the limit of an alert: {limit.meant}, a number from {limit.least:g} to {limit.most:.7g}{digits}; "
                f"write it as {name}={limit.example}"
            )
    return ""
