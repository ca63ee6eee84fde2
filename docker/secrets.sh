#!/bin/sh
# Makes the passwords of the stack, each once: what is there already is never changed.
set -eu
umask 377
folder=${SECRETS:-/run/secrets}

refuse() {
  echo "secrets: $1" >&2
  exit 1
}

# make NAME [GROUP]: a file for this user alone, and for the group where one is named.
make() {
  file=$folder/$1
  if [ -e "$file" ]; then
    [ -r "$file" ] || refuse "$file is there, but user $(id -u) may not read it; chown it to this user"
    [ -s "$file" ] || refuse "$file is empty; write a password into it, or remove it and start again"
    echo "secrets: $file is kept"
    return
  fi
  draft=$folder/.$1.$$
  { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; } >"$draft" ||
    refuse "user $(id -u) cannot write to $folder; make the volume writable for this user, or put a password into $file"
  if [ -n "${2:-}" ]; then
    chgrp "$2" "$draft" && chmod 0440 "$draft" || refuse "the group $2 cannot be given to $file; add it to this container"
  fi
  # A link fails where somebody was faster.
  ln "$draft" "$file" && echo "secrets: $file is new"
  rm -f "$draft"
}

make database_password
make grafana_reader_password "${GRAFANA_GROUP:-}"
make grafana_admin_password "${GRAFANA_GROUP:-}"
