"""A client that a public generator makes of the document, and what it does with the service."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from app.access.models import AccessScope
from app.market.areas import areas
from tests.support.api_factory import served_api
from tests.support.store_factory import block

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
CALLS = ROOT / "tests" / "support" / "generated_client_calls.py"
CONFIG = """\
package_name_override: generated
post_hooks: []
content_type_overrides: {application/vnd.apache.parquet: application/octet-stream}
"""


async def told(*command: str | Path) -> str:
    started = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await started.communicate()
    assert started.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.long
@pytest.mark.skipif(not PYTHON.exists(), reason="the generator of clients is not set up: make clients")
async def test_a_client_is_generated_without_a_warning_and_does_what_programs_do(
    database_url: str, tmp_path: Path
) -> None:
    document, config, folder = tmp_path / "openapi.json", tmp_path / "config.yaml", tmp_path / "generated"
    config.write_text(CONFIG)
    async with served_api(database_url, sandbox=False) as api:
        await api.container.storage().time_series().store([block([10.5, 11.0, 12.0])])
        async with httpx.AsyncClient() as client:
            document.write_bytes((await client.get(f"{api.url}/api/v1/openapi.json")).content)
        said = await told(
            PYTHON, "-m", "openapi_python_client", "generate", "--path", document, "--config", config, "--meta", "none",
            "--output-path", folder, "--fail-on-warning",
        )  # fmt: skip
        assert "WARNING" not in said
        key = await api.key(AccessScope.OPERATE)
        found = json.loads(await told(PYTHON, CALLS, tmp_path, api.url, key))
    assert set(found.pop("areas")) == set(areas())
    assert found == {
        "series": ["load_actual", "DE_LU", "2024-01-01T00:00:00+00:00"],
        "values": [[f"2024-01-01T0{hour}:00:00Z", value, False] for hour, value in enumerate([10.5, 11.0, 12.0])],
        "newest": [["load_actual", 12.0]],
        "refused": [422, "ApiProblemResource", "area"],
        "silence": [["rule=data_late"], "by a generated client"],
        "ended": 204,
    }
