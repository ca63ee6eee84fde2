"""What checks saw at the other end, as rows of the database have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.probes.evidence.models import NotedConnection, SeenConnection
from app.probes.models import ServerCertificate

if TYPE_CHECKING:
    from asyncpg import Record


def certificate_lists(noted: Sequence[NotedConnection]) -> list[list[Any]]:
    """By column, of those that showed a certificate."""
    rows = [
        (bytes.fromhex(shown.fingerprint), shown.subject, shown.name, " ".join(shown.names), shown.issuer, shown.begins,
         shown.ends, one.at)
        for one in noted
        if (shown := one.facts.certificate) is not None
    ]  # fmt: skip
    return [list(column) for column in zip(*rows, strict=True)]


def connection_lists(noted: Sequence[NotedConnection]) -> list[list[Any]]:
    """By column."""
    rows = []
    for one in noted:
        shown = one.facts.certificate
        tls = (bytes.fromhex(shown.fingerprint), shown.problem, shown.chain_ends, shown.protocol) if shown else _NONE
        rows.append((one.website_id, one.region, one.at, *tls, one.facts.http_version, " ".join(one.facts.addresses)))
    return [list(column) for column in zip(*rows, strict=True)]


_NONE = (None, "", None, "")


def seen_of(row: Record) -> SeenConnection | None:
    """Of the columns `seen_…`; None where nothing was."""
    if row["seen_since"] is None:
        return None
    shown = None
    if row["seen_fingerprint"] is not None:
        shown = ServerCertificate(
            ends=row["seen_ends"], chain_ends=row["seen_chain_ends"], name=row["seen_name"], issuer=row["seen_issuer"],
            protocol=row["seen_protocol"], begins=row["seen_begins"], subject=row["seen_subject"],
            names=tuple(row["seen_names"]), fingerprint=row["seen_fingerprint"].hex(), problem=row["seen_problem"],
        )  # fmt: skip
    return SeenConnection(row["seen_since"], shown, row["seen_http_version"], tuple(row["seen_addresses"]))
