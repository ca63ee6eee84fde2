#!/usr/bin/env bash
# One full cycle of the service on a throw-away database, then by hand: collect again (nothing new), export, as-of.
set -euo pipefail
bin=${BIN:-.venv/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset "${!GRIDKEEPER_@}"
export GRIDKEEPER_DATA_DIR=$work/data GRIDKEEPER_SANDBOX=1
gridkeeper() { "$bin/gridkeeper" "$@"; }

gridkeeper check-config >/dev/null
gridkeeper serve --once | tee "$work/cycle.txt"
grep -q '^one cycle of .* jobs' "$work/cycle.txt"
gridkeeper collect --from -2d
gridkeeper collect --from -3d --to yesterday --item load_actual --quiet --json >"$work/again.json"
gridkeeper export --area DE_LU --item load_actual --from -3d --to yesterday -o "$work/load.csv"
gridkeeper export --area DE_LU --item load_actual --from -3d --to yesterday --as-of 2020-01-01T00:00:00Z -o "$work/then.csv"

"$bin/python" - "$work" <<'PYTHON'
import csv, json, pathlib, sys
work = pathlib.Path(sys.argv[1])
again = json.loads((work / "again.json").read_text())
assert again["summary"] and all(row["received"] > 0 and row["failed"] == 0 for row in again["summary"]), again
rows = list(csv.DictReader((work / "load.csv").open()))
assert len(rows) >= 2 * 92, f"two days at a quarter of an hour, not {len(rows)} rows"
assert len({(row["delivery_start"], row["resolution"]) for row in rows}) == len(rows), "a value stands twice"
assert list(csv.DictReader((work / "then.csv").open())) == [], "as of 2020 nothing was known"
print(f"smoke: {len(rows)} values of load in DE_LU collected, stored once and given back")
PYTHON
