"""Reads the plan's file: YAML that people edit, checked, with errors that name file, line and field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from yaml import ScalarNode, YAMLError
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from app.errors import ConfigurationError
from app.kit.durations import parse_duration
from app.kit.suggest import did_you_mean
from app.kit.watched_file import WatchedFile, read_present
from app.kit.yaml.tree import Mapping, Node, ProblemReport, Scalar, Sequence, read_tree
from app.market.areas import find_place
from app.market.moments import parse_zone
from app.market.series import find_item
from app.market.text import listed
from app.mistakes import mistake_said
from app.scheduling.jobs.declaration import JobLine
from app.scheduling.plan import RETIRED, RULES, Plan, PlanLine, retired_line
from app.scheduling.schedules import (
    Daily,
    EveryMinutes,
    SlotSchedule,
    Weekly,
    Within,
    parse_clock,
    parse_weekday,
)
from app.settings import CollectionSettings, Settings
from app.sources.catalog import Catalog

LARGEST_FILE = 1_000_000
MOST_NODES = 20_000
"""Names and values, aliases written out: a plan has some hundred."""
T = TypeVar("T")


def _minutes(value: Any) -> int:
    text = str(value).strip()
    try:
        minutes = parse_duration(text, bare="min") / timedelta(minutes=1)
    except ConfigurationError:
        minutes = 0.5
    if isinstance(value, bool) or minutes != int(minutes):
        raise ValueError(f"{value!r} is no interval; write it as 30 min or 6 h")
    return int(minutes)


def _clock(value: Any) -> time:
    # YAML 1.1 reads 12:45 without quotes as the number 765, in base 60.
    text = f"{value // 60:02}:{value % 60:02}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return _reported(parse_clock, text)


def _reported(read: Callable[[str], T], value: str) -> T:
    try:
        return read(value)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        raise ValueError(  # noqa: TRY004  pydantic turns this one into a problem of the field
            'YAML reads NO, OFF, ON and YES without quotes as false and true; quote it: "NO"'
        )
    return str(value)


def _area(value: Any) -> str:
    return _reported(find_place, _text(value)).code


def _item(value: Any) -> str:
    return _reported(find_item, _text(value)).value


def _several(value: Any) -> Any:
    """A list as YAML has it, or as people write it in one line."""
    return listed(value) if isinstance(value, str) else [value] if isinstance(value, bool) else value


def _weekday(value: Any) -> int:
    return _reported(parse_weekday, str(value))


Minutes = Annotated[int, BeforeValidator(_minutes)]
TimeOfDay = Annotated[time, BeforeValidator(_clock)]
Weekday = Annotated[int, BeforeValidator(_weekday)]
AreaName = Annotated[str, BeforeValidator(_area)]
Item = Annotated[str, BeforeValidator(_item)]
AreaNames = Annotated[tuple[AreaName, ...], BeforeValidator(_several)]
ItemNames = Annotated[tuple[Item, ...], BeforeValidator(_several)]


class _Entry(BaseModel):
    """One line as people write it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    every: Minutes | None = None
    day: Weekday | None = None
    at: TimeOfDay | None = None
    since: TimeOfDay | None = Field(default=None, alias="from")
    zone: str | None = None
    areas: AreaNames = ()
    items: ItemNames = ()
    enabled: bool = True

    def line(self, rule: JobLine) -> PlanLine:
        """The line of the plan; ValueError where this job's schedule is of another form or out of range."""
        return PlanLine(self._schedule(rule), self.areas, self.items, self.enabled)

    def _schedule(self, rule: JobLine) -> SlotSchedule:
        default = rule.default
        if self.every is not None and not rule.least <= self.every <= rule.most:
            raise ValueError(f"every must lie between {rule.least} and {rule.most} minutes, not {self.every}")
        if isinstance(default, EveryMinutes):
            self._refuse("day", "at", "since", "zone", form="every: 30 min")
            return EveryMinutes(self.every or default.minutes)
        zone = _reported(parse_zone, self.zone) if self.zone else default.zone
        if isinstance(default, Within):
            self._refuse("day", "at", form='from: "12:45", every: 5 min')
            since = default.since if self.since is None else self.since
            return Within(since, self.every or default.minutes, zone)
        at = default.at if self.at is None else self.at
        if isinstance(default, Weekly):
            self._refuse("every", "since", form='day: monday, at: "02:00"')
            return Weekly(default.weekday if self.day is None else self.day, at, zone)
        self._refuse("day", "every", "since", form='at: "02:00"')
        return Daily(at, zone)

    def _refuse(self, *names: str, form: str) -> None:
        for name in names:
            if getattr(self, name) is not None:
                shown = "from" if name == "since" else name
                raise ValueError(f"{shown} does not fit this job; write it as {{{form}}}")


class _File(BaseModel):
    """The whole file as people write it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    areas: Annotated[AreaNames, Field(min_length=1)] | None = None
    items: Annotated[ItemNames, Field(min_length=1)] | None = None
    jobs: dict[str, _Entry] | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_parts_say_nothing(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, dict):
            return value
        parts = {key: part for key, part in (value or {}).items() if part is not None}
        if isinstance(jobs := parts.get("jobs"), dict):
            parts["jobs"] = {name: {} if line is None else line for name, line in jobs.items()}
        return parts


def default_plan(settings: CollectionSettings, catalog: Catalog) -> Plan:
    """The plan without a file."""
    empty = [name for name in ("areas", "items") if not getattr(settings, name)]
    notes = tuple(f"GRIDKEEPER_COLLECTION__{name.upper()} is empty: nothing is collected" for name in empty)
    return Plan(tuple(find_place(area).code for area in settings.areas), settings.items, notes=notes, catalog=catalog)


def read_plan(text: str, name: str, settings: CollectionSettings, catalog: Catalog) -> Plan:
    """The plan that the text describes; ConfigurationError naming file, line and field otherwise."""
    report = ProblemReport(name)
    tree = read_tree(text, report, most_nodes=MOST_NODES)
    if report.problems:
        last = text.count("\n") + 1
        raise ConfigurationError(
            "\n".join(str(replace(problem, line=min(problem.line, last))) for problem in report.problems)
        )
    lines = dict(_lines(tree, ())) if tree is not None else {}
    content = content_of(tree)
    if wrong := [_wrong(name, lines, path, message) for path, message in _mistakes(content)]:
        raise ConfigurationError("\n".join(dict.fromkeys(map(str, wrong))))
    file = _File.model_validate(content)
    default = default_plan(settings, catalog)
    jobs = file.jobs or {}
    found = {job: entry.line(RULES[job]) for job, entry in jobs.items() if job not in RETIRED}
    notes = tuple(f"{name}, line {lines['jobs', job]}: {retired_line(job)}" for job in jobs if job in RETIRED)
    plan = Plan(file.areas or default.areas, file.items or default.items, found, notes, catalog=catalog)
    _refuse_double_jobs(plan, name)
    return plan


def content_of(node: Node | None) -> Any:
    """The values that YAML means by a tree, as `yaml.safe_load` makes them."""
    if isinstance(node, Mapping):
        return {
            _scalar_value(Scalar(node.lines[name], name, plain=True)): content_of(inner)
            for name, inner in node.items.items()
        }
    if isinstance(node, Sequence):
        return [content_of(element) for element in node.elements]
    return None if node is None else _scalar_value(node)


def _scalar_value(scalar: Scalar) -> Any:
    if not scalar.plain:
        return scalar.text
    resolver: Any = Resolver()  # published without the type of this method
    tag = resolver.resolve(ScalarNode, scalar.text, (True, False))
    try:
        return SafeConstructor().construct_object(ScalarNode(tag, scalar.text))
    except (ValueError, YAMLError):
        return scalar.text  # 2024-02-31 is no date


def _mistakes(content: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Everything that is wrong with the file, each with its path: whoever mends it wants to mend it once."""
    try:
        _File.model_validate(content)
    except ValidationError as error:
        for detail in error.errors():
            yield _path(detail["loc"]), _explain(detail)
    jobs = content.get("jobs") if isinstance(content, dict) else None
    # A file that was emptied, or saved in part, must not become a plan by accident.
    if jobs is None and (content is None or isinstance(content, dict)):
        yield (), "there are no jobs; write `jobs: {}` for every job with its built-in schedule"
    for job, entry in jobs.items() if isinstance(jobs, dict) else ():
        if job in RETIRED:
            continue
        if job not in RULES:
            yield ("jobs", str(job)), f"there is no such job{_suggestion(str(job), RULES)}"
            continue
        try:
            _Entry.model_validate(entry or {}).line(RULES[job])
        except ValidationError:
            continue  # named above
        except ValueError as error:
            yield ("jobs", job), str(error)


def _refuse_double_jobs(plan: Plan, name: str) -> None:
    seen: set[str] = set()
    for job in plan.jobs():
        if job.name in seen:
            raise ConfigurationError(f"{name}: {job.name} stands in two lines; take the item out of one of them")
        seen.add(job.name)


def _lines(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """The line of every field of the file, by its path."""
    yield path, node.line
    if isinstance(node, Sequence):
        for index, element in enumerate(node.elements):
            yield from _lines(element, (*path, str(index)))
    if isinstance(node, Mapping):
        for key, value in node.items.items():
            yield from _lines(value, (*path, key))
            yield (*path, key), node.lines[key]


def _path(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    # A field that may be left out has its kinds in the path.
    return tuple(str(part) for part in loc if not str(part).startswith(("function-", "constrained-")))


def _explain(detail: ErrorDetails) -> str:
    kind, loc = detail["type"], detail["loc"]
    if kind in {"model_type", "dict_type"}:
        return "must be a mapping of names to values"
    if kind == "extra_forbidden":
        known = (
            ("areas", "items", "jobs")
            if len(loc) == 1
            else ("every", "day", "at", "from", "zone", "areas", "items", "enabled")
        )
        return f"there is no such field{_suggestion(str(loc[-1]), known)}"
    message = mistake_said(detail)
    return message[0].lower() + message[1:] if message[1:2].islower() else message


def _suggestion(wrong: str, known: Iterable[str]) -> str:
    known = list(known)
    return did_you_mean(wrong, known, otherwise=f"; known are {', '.join(known)}", most=1, cutoff=0.5)


def _wrong(name: str, lines: dict[tuple[str, ...], int], path: tuple[str, ...], message: str) -> ConfigurationError:
    known = next((path[:length] for length in range(len(path), -1, -1) if path[:length] in lines), ())
    where = f"{name}, line {lines[known]}" if known in lines else name
    return ConfigurationError(f"{where}: {'.'.join(path) or 'the file'}: {message}")


class PlanFile:
    """The plan's file while it is edited: its content is compared, because an editor may keep time and size."""

    def __init__(self, path: Path, settings: CollectionSettings, catalog: Catalog, *, required: bool = False) -> None:
        self._path = path
        self._required = required
        self._settings = settings
        self._catalog = catalog
        self._watch: WatchedFile[str | None] = WatchedFile(self._read)
        self._seen = self._gone = False

    @classmethod
    def of(cls, settings: Settings, catalog: Catalog) -> Self:
        """The file of the settings; one that they name must be there."""
        chosen = settings.scheduler
        return cls(chosen.plan_file, settings.collection, catalog, required="plan_file" in chosen.model_fields_set)

    @property
    def name(self) -> str:
        return str(self._path)

    @property
    def gone(self) -> bool:
        """Whether there was a file and there is none at two looks in a row: one that is replaced is back in a moment."""
        return self._gone

    def load(self) -> Plan:
        """The plan at the start: that of the file, or the built-in one where there is none and none was named."""
        if self._required and not self._path.is_file():
            raise ConfigurationError(f"GRIDKEEPER_SCHEDULER__PLAN_FILE: there is no file {self._path}")
        return self.changed() or default_plan(self._settings, self._catalog)

    def changed(self) -> Plan | None:
        """The plan if the file's content is another than at the last call, or readable again; ConfigurationError where it is wrong."""
        last = self._watch.used
        self._watch.use(None)
        text = self._watch.poll()
        if text is None:
            self._gone = self._seen and last is None
            return None
        self._watch.use(text)
        self._seen, self._gone = True, False
        return None if text == last else read_plan(text, str(self._path), self._settings, self._catalog)

    def _read(self) -> str | None:
        """The content; None while there is no file."""
        content = read_present(self._path, most=LARGEST_FILE)
        try:
            return None if content is None else content.decode()
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{self._path} cannot be read: {error}") from error
