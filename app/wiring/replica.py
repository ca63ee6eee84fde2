"""How one process of `serve` watches itself: what it takes, what is wrong with its files, its heartbeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dependency_injector import containers, providers

from app.alerting.config_problems import ProblemBoard
from app.alerting.delivery.config import ChannelFile
from app.alerting.delivery.heartbeat import Heartbeat, Unwell
from app.alerting.delivery.worker import WELL_WITHIN, DeliveryWorker
from app.alerting.evaluation.service import AlertService
from app.alerting.rules.reload import RuleBook
from app.clock import Clock
from app.db.engine import Database
from app.db.leader import process_name
from app.db.reading.database import replica_of
from app.kit.yaml.tree import Problem
from app.monitoring.replica.data_disk import DataDisk
from app.monitoring.replica.sampler import Replica, ResourceSampler
from app.probes.configured.watching import ProbeFile
from app.probes.interfaces.config_file import InterfacesFile
from app.scheduling.service import LEADER, SchedulerService
from app.settings import SchedulerSettings, Settings


def _replica(scheduler: SchedulerService, database: Database, reading: Database, settings: Settings) -> Replica:
    return Replica(
        name=scheduler.status().name,
        leads=lambda: scheduler.status().role == LEADER,
        pool=database.pool_use,
        disk=DataDisk(database, settings.database.data_folder).left,
        reads=lambda: replica_of(reading),
    )


def _problems_of(files: RuleBook | ChannelFile | InterfacesFile | ProbeFile) -> Callable[[], Sequence[Problem]]:
    return lambda: files.problems


def _plan_problems(scheduler: SchedulerService, settings: SchedulerSettings) -> Callable[[], Sequence[Problem]]:
    """What the leader says of the plan's file, which names file, line and field itself."""

    return lambda: [Problem(str(settings.plan_file), 0, "", error)] if (error := scheduler.plan_error) else []


def _unwell(scheduler: SchedulerService, alerts: AlertService, delivery: DeliveryWorker) -> Unwell:
    """What keeps the heartbeat from being sent: a part of this process that has stood still."""

    def why() -> str:
        if not scheduler.status().ready:
            return "the scheduler is not ready"
        if alerts.status().tick_age > WELL_WITHIN:
            return "no rule is evaluated"
        return "no message is delivered" if delivery.age > WELL_WITHIN else delivery.mute

    return why


class ReplicaWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    reading: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    alerting = providers.DependenciesContainer()
    monitoring = providers.DependenciesContainer()
    probes = providers.DependenciesContainer()
    scheduling = providers.DependenciesContainer()

    resource_sampler: providers.Singleton[ResourceSampler] = providers.Singleton(
        ResourceSampler,
        monitoring.rows,
        monitoring.recorder,
        providers.Callable(_replica, scheduling.scheduler, database, reading, settings),
        clock,
        seconds=settings.provided.monitoring.sample_seconds,
    )
    problem_board: providers.Singleton[ProblemBoard] = providers.Singleton(
        ProblemBoard,
        database,
        clock,
        providers.Dict(
            rules=providers.Callable(_problems_of, alerting.rule_book),
            channels=providers.Callable(_problems_of, alerting.channel_file),
            interfaces=providers.Callable(_problems_of, probes.interfaces_file),
            probes=providers.Callable(_problems_of, probes.probe_file),
            plan=providers.Callable(_plan_problems, scheduling.scheduler, settings.provided.scheduler),
        ),
        instance=providers.Callable(process_name),
    )
    heartbeat: providers.Singleton[Heartbeat] = providers.Singleton(
        Heartbeat,
        alerting.channel_file,
        alerting.sender,
        providers.Callable(_unwell, scheduling.scheduler, alerting.service, alerting.delivery_worker),
        seconds=settings.provided.notifications.heartbeat_seconds,
    )
