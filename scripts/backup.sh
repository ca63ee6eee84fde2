#!/usr/bin/env bash
# Backs up the database, while the service runs, into a folder (default: backups):
#   scripts/backup.sh [FOLDER]
# Writes NAME.dump (pg_dump's custom format), NAME.info (versions that a restore must meet) and NAME.sha256, and prints
# the first one's name. Which database: see postgres.sh. Exit code: 0 done, 1 failed, 2 wrong usage.
set -euo pipefail
folder=${1:-backups}
[ $# -le 1 ] && [ "${folder#-}" = "$folder" ] || {
  sed -n '2,5s/^# //p' "$0" >&2
  exit 2
}
folder=$(mkdir -p "$folder" && cd "$folder" && pwd) || exit 2
cd "$(dirname "$0")/.."
# shellcheck source=scripts/postgres.sh
. scripts/postgres.sh
choose_database
umask 077

name=gridkeeper-$(date -u +%Y%m%dT%H%M%SZ)
draft=$(mktemp -d "$folder/.$name.XXXXXX")
trap 'rm -rf "$draft"' EXIT
trap 'exit 130' INT TERM

extension=$(extension_version) || stop "$FAILED" "the database does not answer; see the message above"
revision=$(schema_revision)
[ "$revision" != none ] || stop "$FAILED" "the database has no schema of Gridkeeper; there is nothing to back up"
{
  echo "timescaledb=$extension"
  echo "server=$(query "select current_setting('server_version_num')::int / 10000")"
  echo "schema=$revision"
  echo "origin=$(query "select coalesce(min(origin), 'none') from database_origin")"
} >"$draft/$name.info"

# pg_dump warns of circular foreign keys in the extension's catalogue; a restore under pre_restore does not mind them.
pg pg_dump --format=custom --no-owner --no-privileges </dev/null >"$draft/$name.dump" 2>"$draft/said" || {
  cat "$draft/said" >&2
  stop "$FAILED" "pg_dump failed; nothing was written"
}
[ "$(extension_version)" = "$extension" ] || stop "$FAILED" "the extension was updated meanwhile; back up again"
(cd "$draft" && checksum "$name.dump" "$name.info" >"$name.sha256")
sync "$draft/$name.dump" 2>/dev/null || sync
# The dump last: where it is, the others are.
for kind in info sha256 dump; do
  [ ! -e "$folder/$name.$kind" ] || stop "$FAILED" "$folder/$name.$kind is there already; wait a second"
  mv "$draft/$name.$kind" "$folder/$name.$kind"
done
echo "$folder/$name.dump"
