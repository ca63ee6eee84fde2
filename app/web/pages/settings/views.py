"""Settings: what is in force and why, what is wrong with files, what health and metrics say."""

from __future__ import annotations

from itertools import groupby

from fastapi import Request, Response

from app.access.models import AccessScope
from app.db.reading.database import replica_of
from app.kit.language import gettext, gettext_noop
from app.settings.shown import SettingSource, settings_in_force
from app.web.dependencies import READ, Asking, CurrentSettings, Services
from app.web.pages.rendering import render
from app.web.pages.routing import page_router

router = page_router()

HEALTH = (
    (
        "health/live",
        gettext_noop("The scheduler of this process moves; whoever supervises it starts it anew where this fails."),
    ),
    (
        "health/ready",
        gettext_noop("This process does its part. Warnings say what a person should mend although it does."),
    ),
    ("metrics", gettext_noop("Figures of this process for Prometheus, each of which is explained below.")),
)


@router.get("/settings", openapi_extra=READ)
async def settings_page(request: Request, services: Services, settings: CurrentSettings, caller: Asking) -> Response:
    """The files that are wrong, health and metrics; for who administers also every setting and what said it."""
    administers = caller.scope.includes(AccessScope.ADMIN)
    shown = settings_in_force(settings) if administers else []
    families = [
        (one.name, one.type, " ".join(one.documentation.split())) for one in request.app.state.probes.metrics.families()
    ]
    return render(
        request,
        "settings/settings.html",
        replica=replica_of(services.reading()),
        problems=await services.replica().problem_board().standing(),
        files=(
            (gettext("plan"), str(settings.scheduler.plan_file)),
            (gettext("rules of alerts"), str(settings.alerting.rules_dir)),
            (gettext("channels"), str(settings.notifications.channels_file)),
        ),
        sections=[(name, list(group)) for name, group in groupby(shown, key=lambda one: one.section)],
        default=SettingSource.DEFAULT,
        administers=administers,
        health=[(path, gettext(text)) for path, text in HEALTH],
        families=families,
    )
