"""What shipped rules say of an alert, and why people are not notified of one."""

from __future__ import annotations

from app.kit.language import gettext_noop

ALERTS = (
    gettext_noop("%(num)s of %(num_all)s windows failed within the last hours"),
    gettext_noop("%(num)s of %(num_all)s windows failed within 15 minutes"),
    gettext_noop("the newest value begins at %(at)s"),
    gettext_noop("%(num)s values are missing from %(at)s"),
    gettext_noop("nobody works on it: is `gridkeeper serve` running?"),
    gettext_noop("a question waits for its answer"),
    gettext_noop("the platform has told us to wait"),
    gettext_noop("the budget of the minute is used up"),
    gettext_noop("the last run began at %(at)s"),
    gettext_noop("no run has ever begun"),
    gettext_noop("it took %(num)s s and is due every %(num_every)s s"),
    gettext_noop("%(free)s of %(whole)s are free"),
    gettext_noop("%(free)s of %(whole)s are available"),
    gettext_noop("the last sign of life at %(at)s of %(version)s"),
    gettext_noop("%(num)s windows wait"),
    gettext_noop("%(num)s workers live"),
    gettext_noop("the first begins at %(at)s"),
    gettext_noop("%(reason_said)s since %(at)s: %(url)s"),
    gettext_noop("1 website that depends on it is down, too"),
    gettext_noop("%(num)s websites that depend on it are down, too"),
    gettext_noop("it ends %(at)s: %(url)s"),
    gettext_noop("%(num)s ms, usually %(num_usual)s ms: %(url)s"),
    gettext_noop("down for %(num)s min in a day: %(url)s"),
    gettext_noop("%(num)s %% of the time down: %(url)s"),
    gettext_noop("down in %(regions)s, up in %(others)s: %(url)s"),
    gettext_noop("for one: %(name)s"),
    gettext_noop("written to the log"),
    gettext_noop("%(num)s of %(num_all)s operations are down since %(at)s"),
    gettext_noop("%(num)s of %(num_all)s operations"),
    gettext_noop("with it fail: %(names)s"),
    gettext_noop("its cycle runs since %(at)s"),
    gettext_noop("its cycle was due at %(at)s"),
    gettext_noop("silence %(num)s"),
    gettext_noop("silence %(num)s: %(comment)s"),
    gettext_noop("maintenance %(num)s"),
    gettext_noop("maintenance %(num)s: %(comment)s"),
    gettext_noop("waiting for %(rule)s"),
    gettext_noop("inhibited by %(rule)s"),
    gettext_noop("flapping: fired %(num)s times within %(num_window)s min, counts as firing until quiet for %(num_quiet)s min"),
)  # fmt: skip
"""Summaries of alerts of shipped rules, and reasons for which one is held back."""
