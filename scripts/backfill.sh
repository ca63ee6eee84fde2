#!/usr/bin/env bash
# `gridkeeper backfill` in the container of the service, or here where no container runs:
#   scripts/backfill.sh start --area DE_LU --item load_actual --from 2023-01-01 --to 2024-01-01 --follow
set -euo pipefail
cd "$(dirname "$0")/.."
service=${SERVICE:-app}

in_container() {
  command -v docker >/dev/null 2>&1 && docker compose version >/dev/null 2>&1 &&
    docker compose ps --status running --services 2>/dev/null | grep -qx "$service"
}

if in_container; then
  terminal=()
  [ -t 0 ] && [ -t 1 ] || terminal=(-T)
  exec docker compose exec ${terminal[@]+"${terminal[@]}"} "$service" gridkeeper backfill "$@"
fi
gridkeeper=${BIN:-.venv/bin}/gridkeeper
[ -x "$gridkeeper" ] || gridkeeper=$(command -v gridkeeper || true)
if [ -z "$gridkeeper" ]; then
  echo "no container of the service '$service' runs and gridkeeper is not installed here;" \
    "start one with 'docker compose up -d', or run 'make setup'" >&2
  exit 1
fi
echo "no container of the service '$service' runs: using $gridkeeper" >&2
exec "$gridkeeper" backfill "$@"
