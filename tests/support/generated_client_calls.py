"""What a program does with a generated client; run by the generator's Python: FOLDER ADDRESS KEY. Prints JSON."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

folder, address, key = sys.argv[1:]
sys.path.insert(0, folder)


def part(name: str) -> Any:
    """A module of the generated package."""
    return importlib.import_module(f"generated.{name}")


models = part("models")
found: dict[str, object] = {}
with part("client").AuthenticatedClient(base_url=f"{address}/api/v1", token=key) as client:
    areas = part("api.catalogue.list_areas").sync(client=client, limit=1000)
    found["areas"] = [area.code for area in areas.data]
    [series] = part("api.series.list_series").sync(client=client, item=["load_actual"]).data
    found["series"] = [series.item, series.area, series.first_delivery.isoformat()]
    values = part("api.series.read_observations").sync(
        client=client, area=["DE_LU"], item=["load_actual"], from_="2024-01-01T00:00Z", to="2024-01-01T03:00Z"
    )
    found["values"] = [[row.delivery_start, row.value, row.filled] for row in values.data]
    newest = part("api.series.list_newest_values").sync(client=client)
    found["newest"] = [[one.item, one.value] for one in newest.data]
    refused = part("api.series.read_observations").sync_detailed(client=client, area=["DE_LX"], item=["load_actual"])
    found["refused"] = [refused.status_code, type(refused.parsed).__name__, refused.parsed.errors[0].field]
    body = models.SilenceBody(matchers=["rule=data_late"], for_="2h", comment="by a generated client")
    silence = part("api.alerts.add_silence").sync(client=client, body=body)
    found["silence"] = [silence.matchers, silence.comment]
    ended = part("api.alerts.end_silence").sync_detailed(silence.id, client=client)
    found["ended"] = ended.status_code
sys.stdout.write(json.dumps(found))
