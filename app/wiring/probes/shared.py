"""What replicas share of probes: leases of their parts, and logins."""

from __future__ import annotations

import secrets

from app.clock import Clock
from app.db.engine import Database
from app.db.leader import process_name
from app.probes.interfaces.logins.keeper import KeptLogins, Logins, RequestSender
from app.probes.interfaces.logins.repository import LoginRepository
from app.probes.sharing.leases import SeveralLeases, ShardLeases
from app.probes.sharing.repository import ShardRepository
from app.probes.vault import Vault


def leases_of(database: Database, work: str) -> ShardLeases:
    """Under a name that no other process has had: numbers of processes in containers are all alike."""
    return ShardLeases(ShardRepository(database, work=work), holder=f"{process_name()}:{secrets.token_hex(4)}")


def with_region(common: ShardLeases, database: Database, region: str) -> SeveralLeases:
    """The websites that name no region, and those of this region."""
    return SeveralLeases(common, *([leases_of(database, f"websites in {region}")] if region else []))


def shared_logins(database: Database, sender: RequestSender, clock: Clock, vault: Vault, leases: ShardLeases) -> Logins:
    """Logins whose sessions the processes that hold these shards use together."""
    kept = KeptLogins.of(LoginRepository(database), vault, holder=leases.holder, is_alone=lambda: leases.alone)
    return Logins(sender, clock, kept)
