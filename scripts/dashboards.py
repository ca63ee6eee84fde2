"""Makes dashboards/*.json, which Grafana reads, from dashboards/panels/*.yaml, which people write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "dashboards"
DATASOURCE = {"type": "grafana-postgresql-datasource", "uid": "gridkeeper"}
COLUMNS_OF_GRID = 24
ROW_HEIGHT = 1
SIZES = {"stat": (6, 4), "table": (24, 8), "status": (24, 10)}
SIZE = (12, 8)
KINDS = {"bars": "timeseries", "line": "timeseries", "area": "timeseries", "status": "status-history"}
"""Kinds of panels whose name at Grafana is another; their queries give time series."""

DASHBOARD_FIELDS = {"uid", "title", "description", "refresh", "from", "to", "variables", "annotations", "panels"}
PANEL_FIELDS = {"title", "description", "kind", "unit", "sql"}
OPTIONAL_FIELDS = {"size", "decimals", "thresholds", "colors", "columns", "interval", "stacked", "steps"}

# A query says `item in (${item:sqlstring})`. "All" stands for the column itself, so the condition holds for every row,
# costs nothing, and is valid SQL where there is nothing to choose from: Grafana writes the text of `allValue` unquoted.
VARIABLES = {
    "item": ("Item", "select distinct item from v_series order by 1"),
    "area": ("Area", "select distinct area from v_series order by 1"),
}
AREA_OF_MARKETS = "select distinct area from v_series where area not like '%>%' order by 1"


def main() -> None:
    """Write the files."""
    for name, text in build().items():
        (FOLDER / name).write_text(text)


def build(folder: Path = FOLDER) -> dict[str, str]:
    """The text of each dashboard by the name of its file."""
    return {
        f"{path.stem}.json": json.dumps(dashboard(yaml.safe_load(path.read_text())), indent=1, ensure_ascii=False)
        + "\n"
        for path in sorted((folder / "panels").glob("*.yaml"))
    }


def dashboard(source: Mapping[str, Any]) -> Json:
    """A dashboard as Grafana reads it."""
    _require(source, str(source.get("uid")), DASHBOARD_FIELDS)
    return {
        "uid": source["uid"],
        "title": f"Gridkeeper: {source['title']}",
        "description": source["description"],
        "tags": ["gridkeeper"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": source["refresh"],
        "time": {"from": source["from"], "to": source["to"]},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "links": [_links()],
        "annotations": {"list": [_annotation(one) for one in source["annotations"]]},
        "templating": {"list": [_variable(name, source["variables"]) for name in source["variables"]]},
        "panels": list(_placed(source["panels"])),
    }


def _require(source: Mapping[str, Any], place: str, wanted: set[str], optional: set[str] | None = None) -> None:
    missing, unknown = wanted - source.keys(), source.keys() - wanted - (optional or set())
    if missing or unknown:
        raise ValueError(f"{place}: missing {sorted(missing)}, unknown {sorted(unknown)}")


def _links() -> Json:
    """The other dashboards with the same choice; each has a range of its own."""
    return {
        "type": "dashboards",
        "title": "Gridkeeper",
        "tags": ["gridkeeper"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": False,
        "targetBlank": False,
    }


def _target(sql: str, form: str) -> Json:
    return {
        "refId": "A",
        "datasource": DATASOURCE,
        "editorMode": "code",
        "rawQuery": True,
        "format": form,
        "rawSql": sql.strip(),
    }


def _annotation(source: Mapping[str, Any]) -> Json:
    _require(source, f"annotation {source.get('name')}", {"name", "color", "sql"}, {"shown"})
    return {
        "name": source["name"],
        "datasource": DATASOURCE,
        "enable": source.get("shown", True),
        "hide": False,
        "iconColor": source["color"],
        "target": _target(source["sql"], "table"),
    }


def _variable(name: str, of_dashboard: list[str]) -> Json:
    label, query = VARIABLES[name]
    if name == "area" and "item" not in of_dashboard:
        query = AREA_OF_MARKETS
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": query,
        "definition": query,
        "refresh": 1,
        "sort": 0,
        "hide": 0,
        "multi": True,
        "includeAll": True,
        "allValue": name,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
    }


def _placed(sources: list[Mapping[str, Any]]) -> Iterator[Json]:
    """Panels from left to right and from top to bottom; a heading begins a new line."""
    x = y = height = 0
    for number, source in enumerate(sources, 1):
        width, wanted = (COLUMNS_OF_GRID, ROW_HEIGHT) if "row" in source else _size(source)
        if x + width > COLUMNS_OF_GRID:
            x, y, height = 0, y + height, 0
        place = {"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": wanted}}
        yield place | (_heading(source) if "row" in source else _panel(source))
        x, height = x + width, max(height, wanted)


def _size(source: Mapping[str, Any]) -> tuple[int, int]:
    width, height = source.get("size", SIZES.get(str(source.get("kind")), SIZE))
    return width, height


def _heading(source: Mapping[str, Any]) -> Json:
    return {"type": "row", "title": source["row"], "collapsed": False, "panels": []}


def _panel(source: Mapping[str, Any]) -> Json:
    _require(source, f"panel {source.get('title')!r}", PANEL_FIELDS, OPTIONAL_FIELDS)
    kind = source["kind"]
    panel = {
        "type": KINDS.get(kind, kind),
        "title": source["title"],
        "description": source["description"],
        "datasource": DATASOURCE,
        "targets": [_target(source["sql"], "time_series" if kind in KINDS else "table")],
        "fieldConfig": {"defaults": _defaults(source), "overrides": _overrides(source)},
        "options": _options(kind),
    }
    return panel | ({"interval": source["interval"]} if "interval" in source else {})


def _defaults(source: Mapping[str, Any]) -> Json:
    colored = source["kind"] in {"stat", "status"}
    return {
        "unit": source["unit"],
        **({"decimals": source["decimals"]} if "decimals" in source else {}),
        "noValue": "no data",
        "color": {"mode": "thresholds" if colored else "palette-classic"},
        "thresholds": _thresholds(source.get("thresholds", {"blue" if colored else "green": 0})),
        "custom": _drawing(source),
    }


def _thresholds(steps: Mapping[str, float]) -> Json:
    """Colours with the values from which on they hold; the first holds for all below."""
    first, *others = steps.items()
    listed = [{"color": first[0], "value": None}, *({"color": color, "value": value} for color, value in others)]
    return {"mode": "absolute", "steps": listed}


def _drawing(source: Mapping[str, Any]) -> Json:
    kind = source["kind"]
    if kind in {"stat", "table"}:
        return {}
    if kind == "status":
        return {"fillOpacity": 80, "lineWidth": 0}
    stacked = kind in {"bars", "area"} and source.get("stacked", True)
    return {
        "drawStyle": "bars" if kind == "bars" else "line",
        "lineInterpolation": "stepAfter" if source.get("steps") else "linear",
        "lineWidth": 1,
        "fillOpacity": {"bars": 80, "area": 60, "line": 0}[kind],
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if "thresholds" in source else "off"},
    }


def _overrides(source: Mapping[str, Any]) -> list[Json]:
    colors = {
        name: {"color": {"mode": "fixed", "fixedColor": color}} for name, color in source.get("colors", {}).items()
    }
    columns = {name: _column(config) for name, config in source.get("columns", {}).items()}
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in properties.items()],
        }
        for name, properties in (colors | columns).items()
    ]


def _column(config: Mapping[str, Any]) -> Json:
    _require(config, "column", set(), {"unit", "decimals", "thresholds", "colored"})
    found = {key: config[key] for key in ("unit", "decimals") if key in config}
    if "thresholds" in config:
        found["thresholds"] = _thresholds(config["thresholds"])
    if config.get("colored"):
        found["custom.cellOptions"] = {"type": "color-text"}
        found["color"] = {"mode": "thresholds"}
    return found


def _options(kind: str) -> Json:
    if kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "none",
            "textMode": "auto",
            "orientation": "auto",
        }
    if kind == "table":
        return {"cellHeight": "sm", "showHeader": True}
    if kind == "status":
        return {"showValue": "never", "rowHeight": 0.8, "legend": {"showLegend": False}, "tooltip": {"mode": "single"}}
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


if __name__ == "__main__":
    main()
