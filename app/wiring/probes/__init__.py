"""Checks of websites and probes of interfaces."""

from __future__ import annotations

from dependency_injector import containers, providers

from app.clock import Clock
from app.db.engine import Database
from app.probes.checking.checker import HttpChecker
from app.probes.configured.watching import ProbeFile
from app.probes.interfaces.config_file import InterfacesFile
from app.probes.interfaces.fetching import DocumentFetcher
from app.probes.interfaces.repository import InterfaceRepository
from app.probes.interfaces.runner import InterfaceRunner
from app.probes.interfaces.service import InterfaceService
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.maintenance.service import MaintenanceService
from app.probes.rollups.keeper import RollupKeeper
from app.probes.rollups.repository import RollupRepository
from app.probes.sharing.leases import ShardLeases
from app.probes.sla.service import SlaService
from app.probes.vault import Vault
from app.probes.websites.network_watch import NetworkWatch
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.runner import WebsiteRunner
from app.probes.websites.service import WebsiteService
from app.settings import Settings
from app.wiring.probes.shared import leases_of, shared_logins, with_region


class ProbesWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    storage = providers.DependenciesContainer()

    _vault = providers.Singleton(Vault.by, settings)
    # Whether this process leaves the first shards to a `serve`.
    spares_first: providers.Object[bool] = providers.Object(False)
    _leases: providers.Singleton[ShardLeases] = providers.Singleton(
        leases_of, database, "websites", spares_first=spares_first
    )
    website_rows: providers.Singleton[WebsiteRepository] = providers.Singleton(
        WebsiteRepository, database, _vault, region=settings.provided.probes.region
    )
    maintenance: providers.Singleton[MaintenanceService] = providers.Singleton(
        MaintenanceService, providers.Singleton(MaintenanceRepository, database), clock
    )
    websites: providers.Singleton[WebsiteService] = providers.Singleton(
        WebsiteService, website_rows, maintenance, clock, settings=settings.provided.probes
    )
    rollups: providers.Singleton[RollupKeeper] = providers.Singleton(
        RollupKeeper, providers.Singleton(RollupRepository, database), clock, _leases.provided.holds_first
    )
    sla: providers.Singleton[SlaService] = providers.Singleton(SlaService, websites, rollups, clock)
    probe_file: providers.Singleton[ProbeFile] = providers.Singleton(
        ProbeFile.of, settings.provided.probes, websites, _leases.provided.holds_first
    )
    runner: providers.Singleton[WebsiteRunner] = providers.Singleton(
        WebsiteRunner,
        website_rows,
        providers.Singleton(with_region, _leases, database, settings.provided.probes.region, spares_first=spares_first),
        providers.Singleton(HttpChecker.of, settings.provided.probes),
        storage.notices,
        clock,
        maintenance=maintenance,
        settings=settings.provided.probes,
    )
    interface_rows: providers.Singleton[InterfaceRepository] = providers.Singleton(InterfaceRepository, database)
    interfaces: providers.Singleton[InterfaceService] = providers.Singleton(
        InterfaceService, interface_rows, clock, kept_days=settings.provided.probes.checks_days
    )
    interfaces_file: providers.Singleton[InterfacesFile] = providers.Singleton(
        InterfacesFile.of, settings.provided.probes
    )
    _sender = providers.Singleton(HttpChecker.of, settings.provided.probes)
    _interface_leases: providers.Singleton[ShardLeases] = providers.Singleton(
        leases_of, database, "interfaces", spares_first=spares_first
    )
    interface_runner: providers.Singleton[InterfaceRunner] = providers.Singleton(
        InterfaceRunner,
        interfaces_file,
        interface_rows,
        _interface_leases,
        _sender,
        storage.notices,
        clock=clock,
        fetcher=providers.Singleton(DocumentFetcher, _sender, settings.provided.data_dir),
        network=providers.Singleton(NetworkWatch, _sender, clock, settings.provided.probes.references),
        logins=providers.Singleton(shared_logins, database, _sender, clock, _vault, _interface_leases),
    )
