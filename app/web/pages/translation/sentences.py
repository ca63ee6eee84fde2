"""All sentences of services that pages say in another language.

A form is what a service writes, with names for what varies: `%(num…)s` is a number, `…_said` a text that is said itself,
`…_list` several with commas. A test finds the words of each form in the code that says them.
"""

from __future__ import annotations

from app.web.pages.translation.alerts import ALERTS
from app.web.pages.translation.checks import CHANGES, CHECKS, CONDITIONS, INTERFACES
from app.web.pages.translation.faults import ACCESS, FOUND_NOT, TYPED, WEBSITES
from app.web.pages.translation.files import FILES
from app.web.pages.translation.health import HEALTH
from app.web.pages.translation.refusals import ADDRESSES, EXPECTATIONS, LIMITS, MATCHERS, NAMES, REGIONS, TIMES
from app.web.pages.translation.replica import REPLICA
from app.web.pages.translation.runs import SCHEDULES, SUMMARIES, TROUBLES

FORMS = (
    *CHECKS, *CONDITIONS, *INTERFACES, *CHANGES, *SCHEDULES, *SUMMARIES, *TROUBLES, *ALERTS, *TYPED, *WEBSITES, *ACCESS,
    *FOUND_NOT, *HEALTH, *REPLICA, *FILES, *ADDRESSES, *EXPECTATIONS, *REGIONS, *LIMITS, *TIMES, *MATCHERS, *NAMES,
)  # fmt: skip
