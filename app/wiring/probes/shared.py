"""What replicas share of probes: leases of their parts, and logins."""

from __future__ import annotations

import secrets

from app.clock import Clock
from app.db.engine import Database
from app.db.leader import process_name
from app.probes.interfaces.logins.keeper import KeptLogins, Logins, RequestSender
from app.probes.interfaces.logins.repository import LoginRepository
from app.probes.sharing.leases import WORKER, SeveralLeases, ShardLeases
from app.probes.sharing.repository import ShardRepository
from app.probes.vault import Vault


def leases_of(database: Database, work: str, *, spares_first: bool) -> ShardLeases:
    """Under a name that no other process has had: numbers of processes in containers are all alike.

    Who spares the first shard leaves it to a `serve`, whose files it stands for.
    """
    name = f"{process_name()}:{secrets.token_hex(4)}"
    return ShardLeases(ShardRepository(database, work=work), holder=f"{WORKER}{name}" if spares_first else name)


def with_region(common: ShardLeases, database: Database, region: str, *, spares_first: bool) -> SeveralLeases:
    """The websites that name no region, and those of this region."""
    own = [leases_of(database, f"websites in {region}", spares_first=spares_first)] if region else []
    return SeveralLeases(common, *own)


def shared_logins(database: Database, sender: RequestSender, clock: Clock, vault: Vault, leases: ShardLeases) -> Logins:
    """Logins whose sessions the processes that hold these shards use together."""
    kept = KeptLogins.of(LoginRepository(database), vault, holder=leases.holder, is_alone=lambda: leases.alone)
    return Logins(sender, clock, kept)
