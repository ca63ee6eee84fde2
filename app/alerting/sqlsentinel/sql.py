"""Statements of ours that are sent to databases of any kind."""

from __future__ import annotations

PING = "SELECT 1"
PING_ORACLE = "SELECT 1 FROM dual"
"""Before 23 it has no SELECT without a table."""
ALERTING_ROWS = "select {columns} from (\n{query}\n) q where upper(q.status) = 'ALERT'"
"""Of a query of an alert, what a native rule takes for a fault."""
