"""Every setting, one model per concern; read from the environment and `.env`, validated at start.

A setting is one field. Its variable is `GRIDKEEPER_` and the path in capitals, parts joined by `__`:
`GRIDKEEPER_ENTSOE__TOKEN`. Lists are written with commas.
"""

from app.settings.loading import PREFIX, Origin, Settings, load_settings, variables
from app.settings.sections import (
    BackfillSettings,
    CollectionSettings,
    DatabaseSettings,
    EntsoeSettings,
    LogSettings,
    RetentionSettings,
    SchedulerSettings,
    Section,
    WebSettings,
)

__all__ = [
    "PREFIX",
    "BackfillSettings",
    "CollectionSettings",
    "DatabaseSettings",
    "EntsoeSettings",
    "LogSettings",
    "Origin",
    "RetentionSettings",
    "SchedulerSettings",
    "Section",
    "Settings",
    "WebSettings",
    "load_settings",
    "variables",
]
