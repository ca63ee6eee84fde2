"""Which object gets which; the only place that builds services. A domain is loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from dependency_injector import containers, providers

from app.clock import SystemClock
from app.db.engine import Database
from app.settings import Settings

if TYPE_CHECKING:
    from app.wiring.access import AccessWiring
    from app.wiring.alerting import AlertingWiring
    from app.wiring.collection import CollectionWiring
    from app.wiring.monitoring import MonitoringWiring
    from app.wiring.probes import ProbesWiring
    from app.wiring.quality import QualityWiring
    from app.wiring.reads import ReadsWiring
    from app.wiring.replica import ReplicaWiring
    from app.wiring.reporting import ReportingWiring
    from app.wiring.scheduling import SchedulingWiring
    from app.wiring.sharing import SharingWiring
    from app.wiring.sources import Echo, SourcesWiring
    from app.wiring.storage import StorageWiring
    from app.wiring.tasks import TasksWiring


def _domain(name: str) -> Callable[..., Any]:
    """Builds the wiring of a domain, whose module is imported by that."""

    def build(**parts: Any) -> Any:
        return getattr(import_module(f"app.wiring.{name}"), f"{name.capitalize()}Wiring")(**parts)

    return build


class Container(containers.DeclarativeContainer):
    """The services of one process by domain; settings and the open database come from the lifecycle.

    A domain that another needs for some services only is handed over as its provider, which loads it with the first.
    """

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    reading: providers.Dependency[Database] = providers.Dependency(instance_of=Database, default=database)
    """Where reads go: the database itself, or a replica in front of it."""
    echo: providers.Dependency[Echo] = providers.Dependency()
    clock: providers.Singleton[SystemClock] = providers.Singleton(SystemClock)
    _stored: ClassVar[dict[str, Any]] = {"settings": settings, "database": database}
    _common: ClassVar[dict[str, Any]] = {**_stored, "clock": clock}

    storage: providers.Singleton[StorageWiring] = providers.Singleton(_domain("storage"), **_stored)
    reads: providers.Singleton[ReadsWiring] = providers.Singleton(_domain("reads"), **_stored, reading=reading)
    sources: providers.Singleton[SourcesWiring] = providers.Singleton(
        _domain("sources"), **_common, echo=echo, storage=storage
    )
    collection: providers.Singleton[CollectionWiring] = providers.Singleton(
        _domain("collection"), settings=settings, database=database, storage=storage
    )
    tasks: providers.Singleton[TasksWiring] = providers.Singleton(
        _domain("tasks"), **_common, storage=storage, collection=collection, sources=sources.provider
    )
    quality: providers.Singleton[QualityWiring] = providers.Singleton(
        _domain("quality"), **_common, storage=storage, collection=collection.provider
    )
    sharing: providers.Singleton[SharingWiring] = providers.Singleton(
        _domain("sharing"), **_stored, tasks=tasks.provider, quality=quality.provider
    )
    _work: ClassVar[dict[str, Any]] = {"collection": collection, "tasks": tasks, "sharing": sharing, "quality": quality}
    monitoring: providers.Singleton[MonitoringWiring] = providers.Singleton(_domain("monitoring"), **_common)
    reporting: providers.Singleton[ReportingWiring] = providers.Singleton(
        _domain("reporting"),
        **_common,
        storage=storage,
        monitoring=monitoring,
        quality=quality,
        sharing=sharing.provider,
    )
    alerting: providers.Singleton[AlertingWiring] = providers.Singleton(_domain("alerting"), **_common, storage=storage)
    access: providers.Singleton[AccessWiring] = providers.Singleton(_domain("access"), **_common)
    probes: providers.Singleton[ProbesWiring] = providers.Singleton(_domain("probes"), **_common, storage=storage)
    _watched: ClassVar[dict[str, Any]] = {"alerting": alerting, "monitoring": monitoring, "probes": probes}
    scheduling: providers.Singleton[SchedulingWiring] = providers.Singleton(
        _domain("scheduling"),
        **_common,
        storage=storage,
        sources=sources,
        **_work,
        **_watched,
        reporting=reporting.provider,
        access=access,
    )
    replica: providers.Singleton[ReplicaWiring] = providers.Singleton(
        _domain("replica"), **_common, **_watched, scheduling=scheduling, reading=reading
    )
