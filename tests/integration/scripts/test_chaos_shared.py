"""Three replicas and four workers on one PostgreSQL while processes, wires, the server and clocks fail; `make soak` takes hours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "chaos.py"
SECONDS = os.environ.get("CHAOS_SECONDS", "30")
SEED = os.environ.get("CHAOS_SEED", "18")
BEGIN_AND_SETTLE = 600.0
"""At most, on a busy machine; usually a minute."""


@pytest.mark.long
@pytest.mark.timeout(float(SECONDS) + BEGIN_AND_SETTLE + 60)
def test_nothing_is_lost_doubled_or_left_whatever_fails() -> None:
    command = (sys.executable, str(SCRIPT), "--shared", "--seconds", SECONDS, "--seed", SEED)
    # A session of its own, so that nothing of it outlives a failure.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        told, _ = process.communicate(timeout=float(SECONDS) + BEGIN_AND_SETTLE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0, told[-6000:]
