#!/bin/sh
# Starts the server; a new one takes the password of the secrets volume.
set -eu
file=${POSTGRES_PASSWORD_FILE:?names the file with the password}
[ -s "$file" ] && [ -r "$file" ] || {
  echo "database: $file is missing, empty or unreadable; run the service secrets first" >&2
  exit 1
}
# Not every image knows …_FILE, and none takes both.
POSTGRES_PASSWORD=$(cat "$file")
export POSTGRES_PASSWORD
unset POSTGRES_PASSWORD_FILE
exec docker-entrypoint.sh "$@"
