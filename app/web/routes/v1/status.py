"""How the service is, and what it is set to."""

from __future__ import annotations

from dataclasses import replace

from app.alerting.evaluation.query_runner import own_login_warning
from app.db.reading.database import replica_of
from app.monitoring.schemas import SettingResource, StatusResource
from app.monitoring.status import login_seen
from app.schemas import Page
from app.web.dependencies import ADMIN, READ, CurrentSettings, Now, Services, api_router
from app.web.paging import Paging

router = api_router("service")


@router.get("/status", openapi_extra=READ)
async def read_status_of_service(services: Services, settings: CurrentSettings, now: Now) -> StatusResource:
    """Tell how everything is: service, jobs, success, lateness, gaps, alerts, what is stored, what is wrong."""
    jobs = await services.storage().job_runs().jobs()
    found = await services.monitoring().status().read(now, [view.job.name for view in jobs if view.job.unreadable])
    database = services.database()
    login, refusal = await login_seen(own_login_warning(database.address.dsn, settings.database.rules_password_file))
    found = replace(found, rules_login=login, refusal=refusal or database.refusal)
    return StatusResource.of(replace(found, read_replica=replica_of(services.reading())))


@router.get("/settings", openapi_extra=ADMIN)
async def list_settings(settings: CurrentSettings, paging: Paging) -> Page[SettingResource]:
    """List every setting with its value, without secrets."""
    return paging.of(SettingResource.all_of(settings), lambda setting: (setting.name,), lambda setting: setting)
