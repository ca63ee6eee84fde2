"""Every setting, one model per concern; read from the environment and `.env`, validated at start.

A setting is one field. Its variable is `GRIDKEEPER_` and the path in capitals, parts joined by `__`:
`GRIDKEEPER_ENTSOE__TOKEN`. Lists are written with commas.
"""

from app.settings.alerting import AlertingSettings
from app.settings.api import ApiSettings
from app.settings.collection import BackfillSettings, CollectionSettings, GapSettings
from app.settings.database import DatabaseSettings, RetentionSettings
from app.settings.entsoe import EntsoeSettings
from app.settings.loading import PREFIX, Origin, Settings, load_settings, variables
from app.settings.log import LogSettings
from app.settings.monitoring import MonitoringSettings
from app.settings.notifications import NotificationSettings
from app.settings.probes import ProbeSettings
from app.settings.quality import QualitySettings
from app.settings.scheduler import SchedulerSettings, TaskSettings
from app.settings.section import Section
from app.settings.web import SignInSettings, WebSettings

__all__ = [
    "PREFIX",
    "AlertingSettings",
    "ApiSettings",
    "BackfillSettings",
    "CollectionSettings",
    "DatabaseSettings",
    "EntsoeSettings",
    "GapSettings",
    "LogSettings",
    "MonitoringSettings",
    "NotificationSettings",
    "Origin",
    "ProbeSettings",
    "QualitySettings",
    "RetentionSettings",
    "SchedulerSettings",
    "Section",
    "Settings",
    "SignInSettings",
    "TaskSettings",
    "WebSettings",
    "load_settings",
    "variables",
]
