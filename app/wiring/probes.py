"""Checks of websites and probes of interfaces."""

from __future__ import annotations

import secrets

from dependency_injector import containers, providers

from app.clock import Clock
from app.db.engine import Database
from app.db.leader import process_name
from app.probes.checking.checker import HttpChecker
from app.probes.configured.watching import ProbeFile
from app.probes.interfaces.config_file import InterfacesFile
from app.probes.interfaces.fetching import DocumentFetcher
from app.probes.interfaces.logins.refresh import RefreshTokens
from app.probes.interfaces.repository import InterfaceRepository
from app.probes.interfaces.runner import InterfaceRunner
from app.probes.interfaces.service import InterfaceService
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.maintenance.service import MaintenanceService
from app.probes.rollups.keeper import RollupKeeper
from app.probes.rollups.repository import RollupRepository
from app.probes.sharing.leases import SeveralLeases, ShardLeases
from app.probes.sharing.repository import ShardRepository
from app.probes.sla.service import SlaService
from app.probes.vault import Vault
from app.probes.websites.network_watch import NetworkWatch
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.runner import WebsiteRunner
from app.probes.websites.service import WebsiteService
from app.settings import Settings


def _leases_of(database: Database, work: str) -> ShardLeases:
    """Under a name that no other process has had: numbers of processes in containers are all alike."""
    return ShardLeases(ShardRepository(database, work=work), holder=f"{process_name()}:{secrets.token_hex(4)}")


def _with_region(common: ShardLeases, database: Database, region: str) -> SeveralLeases:
    """The websites that name no region, and those of this region."""
    return SeveralLeases(common, *([_leases_of(database, f"websites in {region}")] if region else []))


class ProbesWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    storage = providers.DependenciesContainer()

    _vault = providers.Singleton(Vault.by, settings)
    _leases: providers.Singleton[ShardLeases] = providers.Singleton(_leases_of, database, "websites")
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
        providers.Singleton(_with_region, _leases, database, settings.provided.probes.region),
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
    interface_runner: providers.Singleton[InterfaceRunner] = providers.Singleton(
        InterfaceRunner,
        interfaces_file,
        interface_rows,
        providers.Singleton(_leases_of, database, "interfaces"),
        _sender,
        storage.notices,
        clock=clock,
        fetcher=providers.Singleton(DocumentFetcher, _sender, settings.provided.data_dir),
        network=providers.Singleton(NetworkWatch, _sender, clock, settings.provided.probes.references),
        tokens=providers.Singleton(RefreshTokens, interface_rows, _vault),
    )
