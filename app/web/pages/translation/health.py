"""What needs somebody, as the service says it of itself."""

from __future__ import annotations

from app.kit.language import gettext_noop

HEALTH = (
    gettext_noop("no replica leads: the last sign of %(name)s was at %(at)s UTC; start serve"),
    gettext_noop("jobs that failed: %(names)s; `gridkeeper jobs history` tells why"),
    gettext_noop("jobs that are late: %(names)s; `gridkeeper jobs history` tells why"),
    gettext_noop("jobs that cannot be read: %(names)s; `gridkeeper jobs history` tells why"),
    gettext_noop("the platform has told this token to wait until %(at)s UTC"),
    gettext_noop("availability over 30 days is %(num)s%%, below %(num_target)s%%"),
    gettext_noop("disk of %(name)s is short: %(num)s GB of %(num_all)s GB left"),
    gettext_noop("memory of %(name)s is short: %(num)s GB of %(num_all)s GB left"),
    gettext_noop("%(num)s of %(num_all)s windows failed in 24 h: %(num_share)s%% succeeded, below %(num_target)s%%"),
    gettext_noop("over 30 days %(num)s%% of windows were answered, below %(num_target)s%%"),
    gettext_noop("1 gap is ours for more than an hour; `gridkeeper gaps` lists them"),
    gettext_noop("%(num)s gaps are ours for more than an hour; `gridkeeper gaps` lists them"),
    gettext_noop("1 alert fires: %(rules)s"),
    gettext_noop("%(num)s alerts fire: %(rules)s"),
    gettext_noop("channel %(name)s is disabled since %(since)s (%(why_said)s): %(waiting_said)s; mend it, then `gridkeeper alerts enable %(again)s`"),
    gettext_noop("1 message waits for it"),
    gettext_noop("%(num)s messages wait for it"),
    gettext_noop("1 message waits for it since %(at)s"),
    gettext_noop("%(num)s messages wait for it since %(at)s"),
    gettext_noop("1 message waits for it, %(num_failed)s failed"),
    gettext_noop("%(num)s messages wait for it, %(num_failed)s failed"),
    gettext_noop("1 message waits for it since %(at)s, %(num_failed)s failed"),
    gettext_noop("%(num)s messages wait for it since %(at)s, %(num_failed)s failed"),
)  # fmt: skip
"""Lines of what is wrong, which `gridkeeper status` shows too."""
