#!/bin/sh
# Grants access over the server's socket, where it asks for no password. Doing it again does no harm.
#   access.sh password ROLE FILE   gives a role the password that stands in a file
#   access.sh database NAME        creates a database with the extension
set -eu

sql() {
  psql -X -q -v ON_ERROR_STOP=1 -h /var/run/postgresql -U gridkeeper "$@"
}

case "${1:-}" in
password)
  [ -s "$3" ] && [ -r "$3" ] || {
    echo "access: $3 is missing, empty or unreadable for user $(id -u)" >&2
    exit 1
  }
  # psql reads the file, so that the password is in no process list; a statement that fails is not logged.
  sql -d gridkeeper -v role="$2" -v file="$3" <<'SQL'
set log_min_error_statement = panic;
set log_statement = none;
set log_min_duration_statement = -1;
\set password `cat :'file'`
alter role :"role" password :'password';
SQL
  echo "access: $2 has the password of $3"
  ;;
database)
  sql -d gridkeeper -v name="$2" <<'SQL'
select format('create database %I', :'name') where not exists (select from pg_database where datname = :'name') \gexec
SQL
  sql -d "$2" -c 'set client_min_messages = warning; create extension if not exists timescaledb'
  echo "access: the database $2 is there"
  ;;
*)
  echo "usage: access.sh password ROLE FILE | database NAME" >&2
  exit 2
  ;;
esac
