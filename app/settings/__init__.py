"""Every setting, one model per concern; read from the environment and `.env`, validated at start.

A setting is one field. Its variable is `GRIDKEEPER_` and the path in capitals, parts joined by `__`:
`GRIDKEEPER_ENTSOE__TOKEN`. Lists are written with commas.
"""

from app.settings.alerting import AlertingSettings
from app.settings.gaps import GapSettings
from app.settings.loading import PREFIX, Origin, Settings, load_settings, variables
from app.settings.monitoring import MonitoringSettings
from app.settings.notifications import NotificationSettings
from app.settings.quality import QualitySettings
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
    "AlertingSettings",
    "BackfillSettings",
    "CollectionSettings",
    "DatabaseSettings",
    "EntsoeSettings",
    "GapSettings",
    "LogSettings",
    "MonitoringSettings",
    "NotificationSettings",
    "Origin",
    "QualitySettings",
    "RetentionSettings",
    "SchedulerSettings",
    "Section",
    "Settings",
    "WebSettings",
    "load_settings",
    "variables",
]
