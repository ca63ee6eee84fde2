"""The jobs that there are: those that a leader has stored, and those of the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.output import say
from app.db.leader import LeaderView
from app.scheduling.plan import Plan, cautious
from app.scheduling.plan_file import PlanFile
from app.scheduling.repository import JobView, with_planned
from app.settings import Settings
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from app.wiring.container import Container


async def jobs_and_leader(wiring: Container, settings: Settings) -> tuple[list[JobView], LeaderView]:
    return await known_jobs(wiring, settings), await wiring.storage().job_runs().leader()


async def known_jobs(wiring: Container, settings: Settings) -> list[JobView]:
    """The stored jobs, and those of the plan that no leader has stored yet."""
    return with_planned(await wiring.storage().job_runs().jobs(), plan_of(settings).jobs())


def plan_of(settings: Settings) -> Plan:
    """The plan of the settings, as its profile has it."""
    plan = PlanFile(settings.scheduler.plan_file, settings.collection, CATALOG).load()
    return cautious(plan) if settings.scheduler.profile == "cautious" else plan


def say_what_replaces(name: str, found: str) -> None:
    if name != found:
        say(f"{name} is part of {found} now, which asks for each value again by its own age and history")
