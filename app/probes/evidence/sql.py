"""The statements of what checks saw at the other end."""

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention

CONNECTIONS = Retention(
    "website_connections",
    "at",
    "probes.checks_days",
    only="rows whose successor is as old",
    condition="""exists (
        select from website_connections as later
        where
            later.website_id = website_connections.website_id and later.region = website_connections.region
            and later.at > website_connections.at and later.at < $1
    )""",
)
CERTIFICATES = Retention(
    "certificates",
    "first_seen_at",
    timedelta(days=1),
    only="certificates that no connection names",
    condition="not exists (select from website_connections as c where c.fingerprint = certificates.fingerprint)",
)
RETAINED = (CONNECTIONS, CERTIFICATES)

ADD_CERTIFICATES = """
    insert into certificates (fingerprint, subject, name, names, issuer, begins_at, ends_at, first_seen_at)
    select distinct on (fingerprint) fingerprint, subject, name, string_to_array(names, ' '), issuer, begins_at, ends_at, seen_at
    from unnest(
        $1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[]
    ) as n (fingerprint, subject, name, names, issuer, begins_at, ends_at, seen_at)
    order by fingerprint
    on conflict do nothing
"""
# What another process has seen before is no news.
ADD_CONNECTIONS = """
    insert into website_connections (
        website_id, region, at, fingerprint, problem, chain_ends_at, tls_version, http_version, addresses
    )
    select
        n.website_id, n.region, n.at, n.fingerprint, n.problem, n.chain_ends_at, n.tls_version, n.http_version,
        string_to_array(n.addresses, ' ')
    from unnest(
        $1::bigint[], $2::text[], $3::timestamptz[], $4::bytea[], $5::text[], $6::timestamptz[], $7::text[], $8::text[],
        $9::text[]
    ) as n (website_id, region, at, fingerprint, problem, chain_ends_at, tls_version, http_version, addresses)
    left join lateral (
        select fingerprint, problem, tls_version, http_version, addresses
        from website_connections as c
        where c.website_id = n.website_id and c.region = n.region
        order by c.at desc
        limit 1
    ) as known on true
    where
        known.addresses is null
        or (known.fingerprint, known.problem, known.tls_version, known.http_version)
            is distinct from (n.fingerprint, n.problem, n.tls_version, n.http_version)
        or (known.addresses <> string_to_array(n.addresses, ' ') and not known.addresses && string_to_array(n.addresses, ' '))
    on conflict do nothing
"""
FORGET = "delete from website_connections where website_id = $1"

SEEN = """
    s.at as seen_since, s.problem as seen_problem, s.chain_ends_at as seen_chain_ends, s.tls_version as seen_protocol,
    s.http_version as seen_http_version, s.addresses as seen_addresses, k.fingerprint as seen_fingerprint,
    k.subject as seen_subject, k.name as seen_name, k.names as seen_names, k.issuer as seen_issuer,
    k.begins_at as seen_begins, k.ends_at as seen_ends
"""
"""Columns of what was seen as of a check `c`, for the joins that follow."""
JOIN_SEEN = """
    left join lateral (
        select * from website_connections as latest
        where latest.website_id = c.website_id and latest.region = c.region and latest.at <= c.at
        order by latest.at desc
        limit 1
    ) as s on true
    left join certificates as k using (fingerprint)
"""
