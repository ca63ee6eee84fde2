#!/bin/sh
# Makes the passwords of the stack, each once: what is there already keeps its content for ever.
# OWNER and GRAFANA_GROUP, where set: the numbers of the user and of the group that may read them.
set -eu
umask 377
folder=${SECRETS:-/run/secrets}

refuse() {
  echo "secrets: $1" >&2
  exit 1
}

# hand FILE [GROUP]: the file is for its owner alone, and for the group where one is named.
hand() {
  { [ -n "${2:-}" ] && chmod 0440 "$1" || chmod 0400 "$1"; } &&
    { [ -z "${OWNER:-}" ] || chown "$OWNER${2:+:$2}" "$1"; } ||
    refuse "$1 cannot be given to user ${OWNER:-$(id -u)}${2:+ and group $2}; give this container the right to do so"
}

# A password of 24 random bytes; a key of the REST API is its prefix and 32.
password() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
api_key() { echo "gk_$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')"; }

# make NAME [GROUP [GENERATOR]]: a file with a password, or what the generator gives.
make() {
  file=$folder/$1
  if [ -e "$file" ]; then
    [ -s "$file" ] || refuse "$file is empty; write a password into it, or remove it and start again"
    hand "$file" "${2:-}"
    echo "secrets: $file is kept"
    return
  fi
  draft=$folder/.$1.$$
  "${3:-password}" >"$draft" ||
    refuse "user $(id -u) cannot write to $folder; make it writable, or put a password into $file"
  hand "$draft" "${2:-}"
  # A link fails where somebody was faster.
  ln "$draft" "$file" && echo "secrets: $file is new"
  rm -f "$draft"
}

# Whoever is named reaches its file, and sees no others.
[ -z "${OWNER:-}" ] || { chown 0:0 "$folder" && chmod 0711 "$folder"; } || refuse "$folder cannot be taken over"
make database_password
make rules_password
make api_key "" api_key
make probes_key
make grafana_reader_password "${GRAFANA_GROUP:-}"
make grafana_admin_password "${GRAFANA_GROUP:-}"
