"""Workers that share tasks, and their queues, as the page of work shows them; and asking one to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Path, Request, Response

from app.kit.language import gettext
from app.tasks.shared.schemas import QueueResource, TaskWorkerResource
from app.web.dependencies import OPERATE, CurrentSettings, Services
from app.web.pages.forms import done
from app.web.pages.routing import page_router
from app.web.routes.v1 import workers as routes

if TYPE_CHECKING:
    from app.settings import Settings
    from app.wiring.container import Container

router = page_router()

_Worker = Annotated[str, Path(max_length=200)]


async def sharing(services: Container, settings: Settings) -> dict[str, Any]:
    """What the template shows of workers and queues; `shared` is false where every process works alone."""
    if settings.tasks.backend == "local":
        return {"shared": False}
    registry = services.tasks().registry()
    return {
        "shared": True,
        "workers": [TaskWorkerResource.of(one, settings.tasks.silent_after) for one in await registry.workers()],
        "queues": [QueueResource.of(one) for one in await registry.queues()],
    }


@router.post("/work/workers/{name:path}/drain", openapi_extra=OPERATE, name="drain_worker")
async def drain_from_page(request: Request, services: Services, settings: CurrentSettings, name: _Worker) -> Response:
    """Let a worker end once its tasks have."""
    asked = await routes.drain_worker(services, settings, name)
    said = gettext("%(name)s takes no further task, and ends once those under way have.", name=name)
    if asked.state == "silent":
        said = gettext("%(name)s was silent and is forgotten; its tasks were freed.", name=name)
    return done(request, "work", said)
