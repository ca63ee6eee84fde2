"""The file of interfaces while it is edited: what has settled is read, what is wrong leaves the last good one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import structlog

from app.errors import ConfigurationError
from app.kit.watched_file import POLL_SECONDS, SETTLED_SECONDS, WatchedFile, read_present
from app.kit.yaml.tree import Problem, ProblemReport
from app.probes.config import InterfacesConfig, read_interfaces
from app.secrets import secret_files
from app.settings import ProbeSettings

_Content = tuple[bytes | None, dict[str, bytes]]


class InterfacesFile:
    """The services of a file; the same object until something changes. Without a file there are none."""

    def __init__(self, path: Path, *, required: bool = False, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._required = required
        self._monotonic = monotonic
        self._watch: WatchedFile[_Content] = WatchedFile(self._read, monotonic=monotonic)
        self._config: InterfacesConfig | None = None
        self._looked_at = 0.0
        self._log = structlog.get_logger()
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the file as it stands; the services are the last good ones then."""

    @classmethod
    def of(cls, settings: ProbeSettings) -> Self:
        """The file of the settings; one that they name must be there."""
        return cls(settings.interfaces_file, required="interfaces_file" in settings.model_fields_set)

    @property
    def folder(self) -> Path:
        return self.path.parent

    def current(self) -> InterfacesConfig:
        """The services that count now; looks at the file at most once a second."""
        now = self._monotonic()
        if self._config is None:
            return self._first()
        if now - self._looked_at >= (SETTLED_SECONDS if self._watch.moved else POLL_SECONDS):
            self._looked_at = now
            self._look(self._config)
        return self._config

    def _read(self) -> _Content:
        """The content with that of the files of its secrets, which may be renewed by themselves."""
        content = read_present(self.path)
        return content, secret_files((content or b"").decode("utf-8-sig", "replace"), os.environ)

    def _first(self) -> InterfacesConfig:
        """A service that starts with a wrong file probes what is right in it."""
        try:
            content = self._watch.take()[0]
        except ConfigurationError as error:
            self._refuse((Problem(str(self.path), 0, "", str(error)),))
            self._config = InterfacesConfig()
            return self._config
        if content is None:
            if self._required:
                said = "GRIDKEEPER_PROBES__INTERFACES_FILE names a file that is not there"
                self._refuse((Problem(str(self.path), 0, "", said),))
            self._config = InterfacesConfig()
            return self._config
        config, problems = self._parsed(content)
        if problems:
            self._refuse(problems)
            config = _right_part(config, problems)
        self._config = config
        self._log.info("interfaces_loaded", services=len(config.services), file=str(self.path))
        return config

    def _look(self, before: InterfacesConfig) -> None:
        try:
            changed = self._watch.changed()
        except ConfigurationError as error:
            self._refuse((Problem(str(self.path), 0, "", str(error)),))
            return
        if changed is None:
            return
        content = changed[0]
        if not content:
            if before.services:
                said = "the file is gone or empty; delete its services one by one, or put it back"
                self._refuse((Problem(str(self.path), 0, "", said),))
            return
        config, problems = self._parsed(content)
        if problems:
            self._refuse(problems)
            return
        self.problems = ()
        if config != before:
            self._config = config
            self._log.info("interfaces_reloaded", services=len(config.services), file=str(self.path))

    def _parsed(self, content: bytes) -> tuple[InterfacesConfig, tuple[Problem, ...]]:
        report = ProblemReport(str(self.path))
        return read_interfaces(content, report), tuple(report.problems)

    def _refuse(self, problems: tuple[Problem, ...]) -> None:
        if problems != self.problems:
            said = "\n".join(str(problem) for problem in problems[:5])
            self._log.error("interfaces_refused", problems=said, effect="the last good services are probed")
        self.problems = problems


def _right_part(config: InterfacesConfig, problems: tuple[Problem, ...]) -> InterfacesConfig:
    """The services that no problem is about; none where one is about the whole file."""
    fields = [problem.field for problem in problems]
    services = {
        name: service
        for name, service in config.services.items()
        if not any(field == f"services.{name}" or field.startswith(f"services.{name}.") for field in fields)
    }
    whole = any(not field.startswith("services.") for field in fields if not field.startswith("logins"))
    kept = {
        name: service
        for name, service in services.items()
        if not whole and (not service.auth or service.auth in config.logins)
    }
    return replace(config, services=kept)
