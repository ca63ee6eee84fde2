#!/usr/bin/env bash
# Restores a backup, NAME.dump with NAME.info and NAME.sha256 beside it; nothing is ever overwritten:
#   scripts/restore.sh NAME.dump
# A database that is missing is made, with TimescaleDB where the backup has it; one that is there must be empty. Which
# database: see postgres.sh. Exit code: 0 done, 1 failed, 2 wrong usage, 3 refused (damaged backup, database in use or
# not empty, a version that the server does not have); nothing changed.
set -euo pipefail
[ $# -eq 1 ] && [ "${1#-}" = "$1" ] || {
  sed -n '2,7s/^# //p' "$0" >&2
  exit 2
}
start=$PWD
cd "$(dirname "$0")/.."
# shellcheck source=scripts/postgres.sh
. scripts/postgres.sh

# Any of the three files, or what their names have in common, names the backup.
backup=${1%.dump} backup=${backup%.info} backup=${backup%.sha256}
case $backup in /*) ;; *) backup=$start/$backup ;; esac
missing=
for kind in dump info sha256; do
  [ -f "$backup.$kind" ] || missing+="${missing:+ and }$backup.$kind"
done
[ "$missing" != "$backup.dump and $backup.info and $backup.sha256" ] || stop "$USAGE" "there is no backup $backup.dump"
[ -z "$missing" ] || stop "$REFUSED" "$missing: missing; a backup is NAME.dump, NAME.info and NAME.sha256"

# What the files hold decides: they may have been renamed since.
for kind in dump info; do
  written=$(sed -nE "s/^([0-9a-f]{64})[ *]+.*\.$kind\$/\1/p" "$backup.sha256")
  found=$(checksum "$backup.$kind")
  [ -n "$written" ] || stop "$REFUSED" "$backup.sha256 has no checksum of a .$kind; take another backup"
  [ "$written" = "${found%% *}" ] || stop "$REFUSED" "$backup.$kind is not what was written; take another backup"
done
noted() { sed -n "s/^$1=//p" "$backup.info"; }
for name in timescaledb server schema origin; do
  [ -n "$(noted "$name")" ] || stop "$REFUSED" "$backup.info does not say $name; take another backup"
done
wanted=$(noted timescaledb)

choose_database
quoted=${DATABASE//\'/\'\'}
if query "select 1" >/dev/null 2>&1; then
  there=1
else
  there=$(server_query "select count(*) from pg_database where datname = '$quoted'") ||
    stop "$FAILED" "the database does not answer; see the message above"
  [ "$there" = 0 ] || query "select 1" >/dev/null || stop "$FAILED" "the database does not answer; see the message above"
fi
ask() { if [ "$there" = 1 ]; then query "$1"; else server_query "$1"; fi; }

server=$(ask "select current_setting('server_version_num')::int / 10000")
[ "$server" -ge "$(noted server)" ] ||
  stop "$REFUSED" "the backup is of PostgreSQL $(noted server), this server is $server; restore into $(noted server) or newer"
if [ "$wanted" != none ]; then
  found=$(ask "select count(*) from pg_available_extension_versions where name = 'timescaledb' and version = '$wanted'")
  [ "$found" != 0 ] || stop "$REFUSED" "the backup needs TimescaleDB $wanted, which this server does not have; start a server that has it"
fi
if [ "$there" = 1 ]; then
  others=$(query "select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'")
  [ "$others" = 0 ] || stop "$REFUSED" "$others other connections use the database; stop the service first"
  filled=$(query "select coalesce(string_agg(relname, ', '), '') from (
    select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname !~ '^(pg_|information_schema|_?timescaledb_)' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    order by c.relname limit 3) as found")
  [ -z "$filled" ] || stop "$REFUSED" "the database is not empty ($filled …); name another one, which is made, or create a new one"
fi

begin_again="create an empty database and begin again"
fail() {
  if [ "$there" = 0 ]; then
    server_query "drop database \"${DATABASE//\"/\"\"}\" with (force)" >/dev/null && begin_again="begin again"
  fi
  stop "$FAILED" "$1; $begin_again"
}
if [ "$there" = 0 ]; then
  # Of template0: the other template may have an extension in another version.
  server_query "create database \"${DATABASE//\"/\"\"}\" encoding 'UTF8' template template0" ||
    stop "$FAILED" "the database $DATABASE could not be created; see the message above"
  echo "the database $DATABASE is new" >&2
fi
present=$(extension_version)
if [ "$wanted" != none ] && [ "$present" != "$wanted" ]; then
  # A new database of an image has the extension in the image's version; nothing is in it yet.
  [ "$present" = none ] || query "drop extension timescaledb cascade" || fail "TimescaleDB $present could not be taken out"
  query "set client_min_messages = warning; create extension timescaledb version '$wanted'" ||
    fail "the extension could not be created"
fi

[ "$wanted" = none ] || query "select timescaledb_pre_restore()" >/dev/null || fail "timescaledb_pre_restore failed"
code=$OK
# The extension's catalogue must be read in order, hence one job.
pg pg_restore --exit-on-error --no-owner --no-privileges <"$backup.dump" || code=$FAILED
[ "$wanted" = none ] || query "select timescaledb_post_restore()" >/dev/null || code=$FAILED
[ "$code" = "$OK" ] || fail "the restore stopped in the middle"
query "analyze"

[ "$(schema_revision)" = "$(noted schema)" ] || fail "the schema is at $(schema_revision), not at $(noted schema) as in the backup"
echo "restored schema $(noted schema), data of $(noted origin), TimescaleDB $wanted: $(query "select
  format('%s series, %s values, %s replaced values, %s runs', (select count(*) from series), (select count(*) from observations),
  (select count(*) from observation_revisions), (select count(*) from collection_runs))")"
echo "now run 'gridkeeper migrate' (docker compose up does), which also lets dashboards read" >&2
