"""The rule book: the rules that are shipped and those of the operator's folder, read together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType

from pydantic import SecretStr

from app.alerting.models import Rule
from app.alerting.rules.conditions import CONDITIONS
from app.alerting.rules.parse import OUR_DATABASE, KnownNames, RuleDiff, read_calendar, read_change, read_rule
from app.alerting.sqlsentinel.databases.dialects import check_database_url, is_postgres
from app.alerting.sqlsentinel.models import SentinelFile
from app.alerting.sqlsentinel.rules import SentinelRules, is_sentinel_file, sentinel_rules
from app.db.address import DatabaseAddress
from app.errors import ConfigurationError
from app.kit.files import read_bytes, read_stream
from app.kit.yaml.fields import Fields, read_content, suggestion
from app.kit.yaml.tree import FileProblems, Problem, ProblemReport
from app.market.holidays import Calendar
from app.secrets import read_secret, without_secrets

BUILT_IN = Path(__file__).with_name("builtin")
ENDINGS = (".yaml", ".yml")
BUILT_IN_ORIGIN = "built-in"


@dataclass(frozen=True, slots=True)
class Book:
    """The rules at present, and what they refer to; `databases` are URLs by name, without our own."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    databases: Mapping[str, SecretStr] = field(default_factory=dict)
    sentinel: tuple[SentinelFile, ...] = ()
    """Files of SQL Sentinel, which say themselves whom they notify."""

    @property
    def own(self) -> int:
        """How many rules are the operator's own."""
        return len(self.rules) - self.shipped

    @property
    def shipped(self) -> int:
        return sum(rule.built_in for rule in self.rules.values())


@dataclass(frozen=True, slots=True)
class Reading:
    """What files say: the book of all that is valid in them, and what is not."""

    book: Book
    problems: tuple[Problem, ...]

    def checked(self) -> Book:
        """The book; FileProblems where anything is wrong."""
        if self.problems:
            raise FileProblems(self.problems)
        return self.book


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file as it was read; `error` says why there is no content."""

    name: str
    content: bytes = b""
    built_in: bool = False
    error: str = ""


def built_in_files() -> list[RuleFile]:
    """The files of the rules that are shipped."""
    return [
        RuleFile(f"{BUILT_IN_ORIGIN}/{path.name}", path.read_bytes(), built_in=True)
        for path in sorted(BUILT_IN.glob("*.yaml"))
    ]


def files_of(path: Path) -> list[RuleFile]:
    """The files of a folder, hidden ones left out, or one file; a folder that is not there has none."""
    try:
        found = sorted(file for file in path.iterdir() if file.suffix in ENDINGS and not file.name.startswith("."))
    except NotADirectoryError:
        return [_read(path)]
    except FileNotFoundError:
        return []
    except OSError as error:
        return [RuleFile(str(path), error=f"{path} cannot be read: {error.strerror or error}")]
    return [_read(file) for file in found]


def named_files(path: Path) -> list[RuleFile]:
    """The files that a person named: those of a folder, a file, or a pipe of another command."""
    return files_of(path) if path.is_dir() else [_read(path, read_stream)]


def _read(path: Path, read: Callable[[Path], bytes] = read_bytes) -> RuleFile:
    try:
        return RuleFile(str(path), read(path))
    except ConfigurationError as error:
        return RuleFile(str(path), error=str(error))


def read_book(files: Sequence[RuleFile], shipped: Sequence[RuleFile] | None = None) -> Reading:
    """The book of the files together with the shipped one."""
    return _Reader([*(built_in_files() if shipped is None else shipped), *files]).read()


def checked_text(text: str) -> Reading:
    """The rules of a text together with the shipped ones; secrets that it refers to are not looked up."""
    with without_secrets():
        return read_book([RuleFile("text", text.encode())])


@dataclass(frozen=True, slots=True)
class _Root:
    """The parts of one file."""

    file: RuleFile
    report: ProblemReport
    rules: list[Fields]
    overrides: list[Fields]
    calendars: Mapping[str, Fields]
    databases: Fields | None


def _root(file: RuleFile) -> _Root:
    report = ProblemReport(file.name)
    if file.error:
        report.add(0, "", file.error)
    entry = read_content(file.content, report)
    root = _Root(
        file,
        report,
        entry.entries("rules"),
        entry.entries("overrides"),
        entry.named("calendars"),
        entry.entry("databases"),
    )
    entry.close()
    return root


class _Reader:
    """Reads all files together, because rules, changes, calendars and databases may stand in different ones."""

    def __init__(self, files: Sequence[RuleFile]) -> None:
        self._roots = [_root(file) for file in files if not is_sentinel_file(file.content)]
        self._sentinel = [sentinel_rules(file.name, file.content) for file in files if is_sentinel_file(file.content)]
        self._entries: dict[str, Fields] = {}
        self._rules: dict[str, Rule] = {}
        self._faulty: set[str] = set()

    def read(self) -> Reading:
        calendars = self._calendars()
        databases = self._databases()
        known = KnownNames(calendars, frozenset({OUR_DATABASE, *databases}), frozenset(CONDITIONS))
        for root in self._roots:
            for entry in root.rules:
                self._rule(entry, root, known)
        problems = [problem for found in self._sentinel for problem in (*found.problems, *self._join(found))]
        for root in self._roots:
            for entry in root.overrides:
                self._change(read_change(entry), root)
        self._dependencies()
        problems += [problem for root in self._roots for problem in root.report.problems]
        rules = {name: rule for name, rule in self._rules.items() if name not in self._faulty}
        named = {name: _without_missing(rule, rules) for name, rule in rules.items()}
        urls = {name: url for name, url in databases.items() if url is not None}
        urls |= {found.database: found.url for found in self._sentinel if found.url is not None}
        files = tuple(found.content for found in self._sentinel if found.content is not None)
        book = Book(MappingProxyType(named), MappingProxyType(calendars), MappingProxyType(urls), files)
        return Reading(book, tuple(sorted(problems, key=lambda one: (one.file, one.line))))

    def _calendars(self) -> dict[str, Calendar]:
        found: dict[str, Calendar] = {}
        for root in self._roots:
            for name, entry in root.calendars.items():
                if name in found:
                    entry.wrong("another file has a calendar of this name; leave one of them out")
                found[name] = read_calendar(name, entry)
        return found

    def _databases(self) -> dict[str, SecretStr | None]:
        """The databases by name; None where the address cannot be used, which is a problem of its own."""
        found: dict[str, SecretStr | None] = {}
        for entry in (root.databases for root in self._roots if root.databases):
            for name in entry.names:
                if name in found or name == OUR_DATABASE:
                    entry.wrong("there is a database of this name already; call it otherwise", name)
                else:
                    found[name] = _address(entry, name)
        return found

    def _join(self, found: SentinelRules) -> Iterator[Problem]:
        """Rules of another file's kind; who has a name already keeps it."""
        for rule in found.rules:
            first = self._rules.get(rule.name)
            if first is None:
                self._rules[rule.name] = rule
            else:
                said = f"there is a rule of this name already ({first.origin}); call one of them otherwise"
                yield Problem(found.file, int(rule.origin.rpartition(":")[2]), f"alerts[{rule.name}]", said)

    def _rule(self, entry: Fields, root: _Root, known: KnownNames) -> None:
        before = len(root.report.problems)
        rule = read_rule(entry, known, built_in=root.file.built_in)
        first = self._rules.get(rule.name)
        if first is not None:
            remedy = "change it under `overrides`" if first.built_in else "call one of them otherwise"
            entry.wrong(f"there is a rule of this name already ({first.origin}); {remedy}", "name")
            return
        if len(root.report.problems) > before:
            self._faulty.add(rule.name)
        if rule.name:
            self._rules[rule.name], self._entries[rule.name] = rule, entry

    def _change(self, change: RuleDiff, root: _Root) -> None:
        before = len(root.report.problems)
        rule = self._rules.get(change.rule)
        if rule is None:
            if change.rule:
                change.entry.wrong(f"there is no rule {change.rule!r}{suggestion(change.rule, self._rules)}", "rule")
            return
        changed = change.apply(rule)
        if len(root.report.problems) == before:
            self._rules[rule.name] = changed

    def _dependencies(self) -> None:
        for name, rule in self._rules.items():
            for other in rule.depends_on:
                if other not in self._rules:
                    message = f"there is no rule {other!r}{suggestion(other, self._rules)}"
                    self._entries[name].wrong(message, "depends_on")
        cycle = _cycle(self._rules.values())
        if cycle:
            self._entries[cycle[0]].wrong(f"rules depend on each other: {' -> '.join(cycle)}", "depends_on")
            self._faulty.update(cycle)


def _address(entry: Fields, name: str) -> SecretStr | None:
    url = read_secret(entry, name, required=True, example="postgresql://secret@secret.invalid/secret")
    if url is None:
        return None
    text = url.get_secret_value()
    try:
        if is_postgres(text):
            DatabaseAddress.parse(text)
        else:
            check_database_url(text)
    except ConfigurationError as error:
        said = "what stands there is no address; write it as postgresql://user:password@host:5432/name"
        entry.wrong(said if is_postgres(text) else str(error), name)
        return None
    return url


def _without_missing(rule: Rule, rules: Mapping[str, Rule]) -> Rule:
    kept = tuple(name for name in rule.depends_on if name in rules)
    return rule if len(kept) == len(rule.depends_on) else replace(rule, depends_on=kept)


def _cycle(rules: Iterable[Rule]) -> list[str]:
    """Names of rules each of which depends on the next, the first one at the end again; empty where there are none."""
    try:
        TopologicalSorter({rule.name: rule.depends_on for rule in rules}).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []
