#!/usr/bin/env bash
# Restores a backup into an empty database; nothing is ever overwritten:
#   scripts/restore.sh NAME.dump
# Which database: see postgres.sh. Exit code: 0 done, 1 failed (create an empty database and begin again), 2 wrong
# usage, 3 refused (damaged backup, database in use or not empty, another version of the extension); nothing changed.
set -euo pipefail
[ $# -eq 1 ] && [ -f "$1" ] && [ "${1%.dump}" != "$1" ] || {
  sed -n '2,5s/^# //p' "$0" >&2
  exit 2
}
folder=$(cd "$(dirname "$1")" && pwd)
name=$(basename "$1" .dump)
cd "$(dirname "$0")/.."
# shellcheck source=scripts/postgres.sh
. scripts/postgres.sh

for kind in info sha256; do
  [ -f "$folder/$name.$kind" ] || stop "$REFUSED" "$folder/$name.$kind is missing; a backup is NAME.dump, NAME.info and NAME.sha256"
done
(cd "$folder" && checksum --check --status "$name.sha256") ||
  stop "$REFUSED" "$folder/$name.dump or .info is not what was written; take another backup"
noted() { sed -n "s/^$1=//p" "$folder/$name.info"; }
wanted=$(noted timescaledb)

choose_database
server=$(query "select current_setting('server_version_num')::int / 10000") ||
  stop "$FAILED" "the database does not answer; see the message above"
[ "$server" -ge "$(noted server)" ] ||
  stop "$REFUSED" "the backup is of PostgreSQL $(noted server), this server is $server; restore into $(noted server) or newer"

others=$(query "select count(*) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'")
[ "$others" = 0 ] || stop "$REFUSED" "$others other connections use the database; stop the service first"
filled=$(query "select coalesce(string_agg(relname, ', '), '') from (
  select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname !~ '^(pg_|information_schema|_?timescaledb_)' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by c.relname limit 3) as found")
[ -z "$filled" ] || stop "$REFUSED" "the database is not empty ($filled …); create a new one and restore into that"

present=$(extension_version)
if [ "$wanted" != none ] && [ "$present" = none ]; then
  found=$(query "select count(*) from pg_available_extension_versions where name = 'timescaledb' and version = '$wanted'")
  [ "$found" = 1 ] || stop "$REFUSED" "the backup needs TimescaleDB $wanted, which this server does not have; start a server that has it"
  query "create extension timescaledb version '$wanted'" || stop "$FAILED" "the extension could not be created"
elif [ "$wanted" != none ] && [ "$present" != "$wanted" ]; then
  stop "$REFUSED" "the backup needs TimescaleDB $wanted, the database has $present; start a server with $wanted, and update it after the restore"
fi

[ "$wanted" = none ] || query "select timescaledb_pre_restore()" >/dev/null || stop "$FAILED" "timescaledb_pre_restore failed"
code=$OK
# The extension's catalogue must be read in order, hence one job.
pg pg_restore --exit-on-error --no-owner --no-privileges <"$folder/$name.dump" || code=$FAILED
[ "$wanted" = none ] || query "select timescaledb_post_restore()" >/dev/null || code=$FAILED
[ "$code" = "$OK" ] || stop "$FAILED" "the restore stopped in the middle; create an empty database and begin again"
query "analyze"

[ "$(schema_revision)" = "$(noted schema)" ] || stop "$FAILED" "the schema is at $(schema_revision), not at $(noted schema) as in the backup"
echo "restored schema $(noted schema), data of $(noted origin), TimescaleDB $wanted: $(query "select
  format('%s series, %s values, %s replaced values, %s runs', (select count(*) from series), (select count(*) from observations),
  (select count(*) from observation_revisions), (select count(*) from collection_runs))")"
echo "now run 'gridkeeper migrate' (docker compose up does), which also lets dashboards read" >&2
