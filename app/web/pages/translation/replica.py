"""How the replica for reads is."""

from __future__ import annotations

from app.kit.language import gettext_noop

REPLICA = (
    gettext_noop("%(name)s, at most %(num)s s behind: it answers reads"),
    gettext_noop("%(name)s: the primary answers reads, because %(why_said)s"),
    gettext_noop("it was not looked at yet"),
    gettext_noop("how far it is behind is not known yet"),
    gettext_noop("it is more than %(num)s s behind (GRIDKEEPER_DATABASE__READ_MAX_LAG)"),
    gettext_noop("%(why_said)s, %(num)s s at most"),
    gettext_noop("it does not answer: %(why_said)s"),
    gettext_noop("the primary does not say how far it is: %(why_said)s"),
    gettext_noop("nothing came in time"),
    gettext_noop("it is no replica of the database of GRIDKEEPER_DATABASE__URL"),
    gettext_noop("it is no standby, but a primary itself"),
    gettext_noop("it is on timeline %(num)s, the primary on %(num_primary)s: it follows another server, or has made no restartpoint since a failover"),
    gettext_noop("%(why_said)s (so say %(num)s of %(num_all)s processes)"),
)  # fmt: skip
"""As the settings page and the alert `read_replica_unused` say it."""
