# Shared by backup.sh and restore.sh: which database is meant, and PostgreSQL's programs for it.
#   GRIDKEEPER_DATABASE__URL (and …__PASSWORD_FILE) set: that one, with the programs of PGBIN or of the PATH.
#   Otherwise: the service DATABASE_SERVICE of docker-compose.yml (default database, demo-database for the demo's), and
#   its database DATABASE_NAME (default gridkeeper).
# Sets TARGET, the arguments that name the database, SERVER, those of the database postgres beside it, and DATABASE, its
# name; no password is ever one of them.

OK=0 FAILED=1 USAGE=2 REFUSED=3
export PGAPPNAME="gridkeeper backup" PGTZ=UTC PGOPTIONS="-c statement_timeout=0 -c lock_timeout=60s"

stop() { # CODE MESSAGE
  echo "${0##*/}: $2" >&2
  exit "$1"
}

decoded() { # percent-encoded text
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

split_url() { # URL: sets TARGET, SERVER, DATABASE and PGPASSWORD
  local scheme=${1%%://*} rest=${1#*://} authority path login hosts
  authority=${rest%%/*} path=${rest#"$authority"}
  case $scheme in postgresql | postgres | postgresql+asyncpg) ;; *) stop "$USAGE" "GRIDKEEPER_DATABASE__URL must begin with postgresql://" ;; esac
  login=${authority%@*} hosts=${authority##*@}
  [ "$authority" != "$hosts" ] || login=
  case $login in *:*) PGPASSWORD=$(decoded "${login#*:}") && export PGPASSWORD ;; esac
  TARGET=(-d "postgresql://${login%%:*}${login:+@}$hosts$path")
  local options=${path#"${path%%\?*}"}
  SERVER=(-d "postgresql://${login%%:*}${login:+@}$hosts/postgres$options")
  DATABASE=${path%%\?*}
  DATABASE=$(decoded "${DATABASE#/}")
}

choose_database() {
  local file=${GRIDKEEPER_DATABASE__PASSWORD_FILE:-}
  if [ -n "${GRIDKEEPER_DATABASE__URL:-}" ]; then
    split_url "$GRIDKEEPER_DATABASE__URL"
    if [ -n "$file" ]; then
      PGPASSWORD=$(cat "$file") || stop "$USAGE" "GRIDKEEPER_DATABASE__PASSWORD_FILE: $file cannot be read"
      export PGPASSWORD
    fi
    PATH=${PGBIN:+$PGBIN:}$PATH
    local program
    for program in psql pg_dump pg_restore; do
      command -v "$program" >/dev/null || stop "$USAGE" "$program is not on the PATH; name the folder of PostgreSQL's programs in PGBIN"
    done
    return
  fi
  SERVICE=${DATABASE_SERVICE:-database} DATABASE=${DATABASE_NAME:-gridkeeper}
  [ -n "$(docker compose ps --status running --quiet "$SERVICE" 2>/dev/null)" ] ||
    stop "$USAGE" "no container '$SERVICE' runs and GRIDKEEPER_DATABASE__URL is not set; start one with 'docker compose up -d --wait $SERVICE'"
  TARGET=(-U gridkeeper -d "$DATABASE")
  SERVER=(-U gridkeeper -d postgres)
}

pg() { # PROGRAM ARGUMENTS…
  local program=$1
  shift
  if [ -n "${SERVICE:-}" ]; then
    docker compose exec -T -e PGAPPNAME -e PGTZ -e PGOPTIONS "$SERVICE" "$program" "${TARGET[@]}" "$@"
  else
    "$program" "${TARGET[@]}" "$@"
  fi
}

query() { # SQL: rows, columns parted by |
  pg psql -X -q -A -t -v ON_ERROR_STOP=1 -c "$1" </dev/null
}

server_query() { # SQL: the same in the database postgres
  local TARGET=("${SERVER[@]}")
  query "$1"
}

checksum() { # sha256sum or what stands in for it, with the same lines
  if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

extension_version() {
  query "select coalesce((select extversion from pg_extension where extname = 'timescaledb'), 'none')"
}

schema_revision() {
  local table
  table=$(query "select coalesce(to_regclass('gridkeeper_version')::text, '')")
  if [ -n "$table" ]; then query "select coalesce(max(version_num), 'none') from gridkeeper_version"; else echo none; fi
}
