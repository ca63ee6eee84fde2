"""Alerts of a file of SQL Sentinel as rules of the service's book."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from app.alerting.models import RowContract, Rule
from app.alerting.sqlsentinel.databases.dialects import check_database_url
from app.alerting.sqlsentinel.files.environment import setting
from app.alerting.sqlsentinel.files.reading import read_sentinel_file
from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile
from app.errors import ConfigurationError
from app.kit.yaml.tree import FileProblems, Problem

DATABASE_OF_FILE = "sentinel:"
"""Begins the names of databases that such files bring: their statements are read as SQLAlchemy reads them."""
USUAL_REMINDER = timedelta(hours=4)
_ROOT = re.compile(rb"^alerts[ \t]*:", re.MULTILINE)
_NAME = re.compile(r"\w[\w .:/-]{0,99}")


@dataclass(frozen=True, slots=True)
class SentinelRules:
    """The rules of one file, and the database that they ask under its name in the book."""

    file: str
    database: str
    rules: tuple[Rule, ...] = ()
    url: SecretStr | None = None
    content: SentinelFile | None = None
    problems: tuple[Problem, ...] = ()


def is_sentinel_file(content: bytes) -> bool:
    """Whether a file lists `alerts` at its root, which no file of ours does."""
    return _ROOT.search(content) is not None


def sentinel_rules(name: str, content: bytes) -> SentinelRules:
    """What a file adds to the book; whom `notify` names is made channels of by the delivery."""
    database = f"{DATABASE_OF_FILE}{name}"
    try:
        file = read_sentinel_file(content, name, os.environ)
        url = _url(file)
    except FileProblems as error:
        return SentinelRules(name, database, problems=error.problems)
    except ConfigurationError as error:
        return SentinelRules(name, database, problems=(Problem(name, 0, "database", str(error)),))
    problems = tuple(_unnamed(file, alert) for alert in file.alerts if not _NAME.fullmatch(alert.name))
    rules = tuple(_rule(file, alert, database) for alert in file.alerts if _NAME.fullmatch(alert.name))
    return SentinelRules(name, database, rules, url, file, problems)


def _url(file: SentinelFile) -> SecretStr:
    url = file.database_url or SecretStr(setting("DATABASE_URL", os.environ))
    if not url.get_secret_value():
        raise ConfigurationError(
            "the file names no database; add database: {url: sqlite:///data.db}, or set DATABASE_URL"
        )
    check_database_url(url.get_secret_value())
    return url


def _unnamed(file: SentinelFile, alert: SentinelAlert) -> Problem:
    said = "as a rule it needs a name of up to 100 letters, digits, spaces and _ . : / -, a letter or digit first"
    return Problem(file.name, alert.line, f"alerts[{alert.name[:100]}].name", said)


def _rule(file: SentinelFile, alert: SentinelAlert, database: str) -> Rule:
    return Rule(
        name=alert.name,
        schedule=alert.schedule,
        description=alert.description,
        sql=alert.query,
        database=database,
        remind_every=alert.behaviour.remind_every or USUAL_REMINDER,
        time_out=alert.behaviour.time_out,
        enabled=alert.enabled,
        depends_on=tuple(name for name in alert.depends_on if _NAME.fullmatch(name)),
        contract=RowContract.STATUS,
        origin=f"{file.name}:{alert.line}",
    )
