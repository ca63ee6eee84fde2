"""The distribution of the client: what is in its wheel, and that it stands alone."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

CLIENT = Path(__file__).parents[3] / "clients" / "python"
# It may be installed without the service, and says so early where a library of frames is loaded without need.
ALONE = """
import sys
import gridkeeper_client as gk
assert gk.__file__.startswith(sys.argv[1]), gk.__file__
assert not {"app", "pandas", "polars", "pyarrow"} & set(sys.modules)
"""


def test_its_wheel_holds_typed_modules_and_works_by_itself(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=CLIENT, capture_output=True)
    [wheel] = tmp_path.glob("gridkeeper_client-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = message_from_string(archive.read(next(n for n in names if n.endswith("METADATA"))).decode())
    own = {f"gridkeeper_client/{file.name}" for file in (CLIENT / "gridkeeper_client").iterdir() if file.is_file()}
    assert {name for name in names if ".dist-info/" not in name} == own
    assert "gridkeeper_client/py.typed" in own
    assert (metadata["Name"], metadata["Requires-Python"]) == ("gridkeeper_client", ">=3.11")
    assert metadata.get_all("Requires-Dist", [])[0] == "httpx>=0.28"
    assert metadata.get_all("Provides-Extra") == ["pandas", "polars", "pyarrow"]
    assert "in one line" in str(metadata.get_payload())
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    subprocess.run([sys.executable, "-c", ALONE, str(wheel)], check=True, cwd=tmp_path, env=environment)
