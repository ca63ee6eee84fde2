from __future__ import annotations

from datetime import timedelta

import pytest

from app.alerting.models import NoDataPolicy, Override, Rule, Severity, Threshold
from app.alerting.rules.book import Reading, RuleFile, built_in_files, read_book
from app.alerting.rules.parse import parse_threshold
from app.alerting.rules.sql_guard import one_query
from app.errors import ConfigurationError
from app.kit.yaml.tree import FileProblems


def reading(*texts: str, shipped: str = "") -> Reading:
    files = [RuleFile(f"{name}.yaml", text.encode()) for name, text in zip("abc", texts, strict=False)]
    return read_book(files, [RuleFile("built-in/x.yaml", shipped.encode(), built_in=True)])


def rules(*fields: str) -> str:
    return "rules:\n" + "".join(f"- {{{field}}}\n" for field in fields)


def problems(*texts: str, shipped: str = "") -> list[str]:
    return [str(problem) for problem in reading(*texts, shipped=shipped).problems]


def rule_of(text: str, name: str = "r") -> Rule:
    return reading(text).checked().rules[name]


def test_every_field_of_a_rule_is_read() -> None:
    rule = rule_of(WHOLE)
    assert (rule.description, rule.severity, rule.sql) == ("Something.", Severity.CRITICAL, "select 1 as value")
    assert str(rule.schedule) == "cron */5 * * * 1 Europe/Berlin, only business_days of c in Europe/Berlin"
    assert (rule.hold, rule.keep_firing) == (timedelta(minutes=2), timedelta(minutes=5))
    assert rule.threshold == Threshold("<=", 3)
    assert (rule.no_data, rule.on_error) == (NoDataPolicy.ALERT, NoDataPolicy.OK)
    assert rule.labels == (("area", "NO"), ("team", "grid"))
    assert (rule.route, rule.depends_on, rule.runbook) == ("night", ("other",), "https://example.org")
    assert (rule.enabled, rule.built_in, rule.origin) == (False, False, "a.yaml:2")
    assert (rule.time_out, rule.remind_every) == (timedelta(seconds=3), timedelta(hours=1))


WHOLE = """rules:
  - name: r
    description: Something.
    severity: critical
    cron: "*/5 * * * 1"
    zone: Europe/Berlin
    calendar: c
    only: business_days
    for: 2 min
    keep_firing_for: 5 min
    threshold: {operator: "<=", limit: 3}
    no_data: alert
    on_error: ok
    labels: {team: grid, area: NO}
    route: night
    depends_on: other
    runbook: https://example.org
    enabled: no
    timeout: 3 s
    remind_every: 1 h
    sql: select 1 as value;
  - {name: other, every: 5 s, condition: database_unreachable}
calendars: {c: {country: DE BY, weekend: [friday]}}
"""
ONE = "name: r, every: 5 s, sql: select 1"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("every: 5 s, sql: select 1", "rules[0].name: this is missing"),
        ("name: -x, every: 5 s, sql: select 1", "rules[-x].name: '-x' is no name"),
        ("name: r, sql: select 1", "rules[r]: a rule needs one of every and cron, and not both"),
        (f"{ONE}, cron: '* * * * *'", "rules[r]: a rule needs one of every and cron, and not both"),
        (
            "name: r, every: 0.5 s, sql: select 1",
            "rules[r].every: '0.5 s' is out of range; it must lie between 1 s and 30 d",
        ),
        ("name: r, every: 5 s", "rules[r]: a rule needs one of sql and condition, and not both"),
        (f"{ONE}, condition: clock_apart", "rules[r]: a rule needs one of sql and condition, and not both"),
        ("name: r, every: 5 s, condition: clock", "there is no condition 'clock'; did you mean clock_apart?"),
        ("name: r, every: 5 s, sql: select 1; select 2", "there is more than one statement"),
        ("name: r, every: 5 s, sql: delete from x", "a rule reads: begin its statement with select or with"),
        (f"{ONE}, treshold: 5", "rules[r].treshold: there is no such field; did you mean threshold?"),
        (f"{ONE}, threshold: 5", "'5' is no threshold; write a comparison and a number in quotes, as \"> 5\""),
        (f"{ONE}, threshold: {{operator: '~', limit: 5}}", "rules[r].threshold.operator: '~' is no comparison"),
        (f"{ONE}, threshold: {{operator: '>'}}", "rules[r].threshold.limit: this is missing"),
        (f"{ONE}, severity: high", "rules[r].severity: 'high' is none of info, warning, critical"),
        (f"{ONE}, no_data: off", "rules[r].no_data: 'off' is none of alert, ok, keep"),
        (f"{ONE}, labels: {{'a-b': x}}", "'a-b' is no name of a label; use letters, digits and _"),
        (f"{ONE}, labels: {{severity: x}}", "severity has a meaning of its own; call the label otherwise"),
        (f"{ONE}, depends_on: [q]", "rules[r].depends_on: there is no rule 'q'"),
        (f"{ONE}, depends_on: [r]", "rules[r].depends_on: rules depend on each other: r -> r"),
        (f"{ONE}, database: warehouse", "there is no database 'warehouse'; known are gridkeeper"),
        (f"{ONE}, zone: Berlin", "unknown time zone 'Berlin'; write it as UTC or Europe/Berlin"),
        (f"{ONE}, calendar: c, only: holidays", "there is no calendar 'c'"),
        (f"{ONE}, only: holidays", "the rule is never due on such days"),
        ("name: r, cron: 0 0 * * SUN, only: business_days, sql: select 1", "the rule is never due on such days"),
        ("name: r, cron: 0 0 30 2 *, sql: select 1", "rules[r].cron: '0 0 30 2 *' is no cron expression"),
    ],
)
def test_a_wrong_field_is_named_with_its_remedy(fields: str, problem: str) -> None:
    found = problems(rules(fields))
    assert any(problem in one for one in found), found
    assert all(one.startswith("a.yaml, line 2: ") for one in found)


def test_a_calendar_says_nothing_without_days() -> None:
    text = rules(f"{ONE}, calendar: c") + "calendars: {c: {holidays: [2026-12-24]}}"
    assert "add only: business_days, holidays or weekend" in problems(text)[0]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("country: XX", "no holidays are known of country 'XX'"),
        ("subdivision: BY", "a part of a country needs the country"),
        ("holidays: [24.12.2026]", "'24.12.2026' is no date; write it as 2026-12-24"),
        ("weekend: [samstag]", "'samstag' is no day of the week"),
        ("contry: DE", "there is no such field; did you mean country?"),
    ],
)
def test_a_wrong_calendar_is_named_with_its_remedy(fields: str, problem: str) -> None:
    assert problem in problems(f"calendars: {{c: {{{fields}}}}}")[0]


def test_names_are_unique_over_all_files() -> None:
    found = problems(
        rules(ONE, ONE) + "calendars: {c: {}}",
        rules(ONE) + "calendars: {c: {}}",
        shipped=rules("name: s, every: 5 s, sql: select 1"),
    )
    assert found == [
        "a.yaml, line 3: rules[r].name: there is a rule of this name already (a.yaml:2); call one of them otherwise",
        "b.yaml, line 2: rules[r].name: there is a rule of this name already (a.yaml:2); call one of them otherwise",
        "b.yaml, line 3: calendars.c: another file has a calendar of this name; leave one of them out",
    ]
    assert "change it under `overrides`" in problems(rules(ONE), shipped=rules(ONE))[0]


def test_rules_that_depend_on_each_other_in_a_circle_are_named() -> None:
    found = problems(rules(f"{ONE}, depends_on: [q]", "name: q, every: 5 s, sql: select 1, depends_on: [r]"))
    assert len(found) == 1
    assert "rules depend on each other: " in found[0]


def test_what_is_right_in_wrong_files_is_there_all_the_same() -> None:
    read = reading(
        rules(ONE, "name: bad, every: x, sql: select 1", "name: q, every: 5 s, sql: select 1, depends_on: [bad, r]")
    )
    assert set(read.book.rules) == {"r", "q"}
    assert read.book.rules["q"].depends_on == ("r",)
    with pytest.raises(FileProblems, match=r"rules\[bad\]\.every"):
        read.checked()


def test_an_override_without_labels_changes_the_whole_rule() -> None:
    shipped = rules("name: r, every: 5 s, threshold: '> 5', sql: select 1")
    change = (
        "overrides: [{rule: r, threshold: 7, for: 1 min, severity: critical, enabled: false, every: 9 s, route: x, "
        "remind_every: 1 h}]"
    )
    rule = reading(change, shipped=shipped).checked().rules["r"]
    assert (rule.threshold, rule.hold, rule.severity) == (Threshold(">", 7), timedelta(minutes=1), Severity.CRITICAL)
    assert (rule.enabled, str(rule.schedule), rule.route, rule.remind_every) == (
        False,
        "every 9 s",
        "x",
        timedelta(hours=1),
    )
    assert rule.overrides == ()


def test_an_override_with_labels_stands_beside_the_rule_the_narrower_last() -> None:
    shipped = rules("name: r, every: 5 s, threshold: '> 5', sql: select 1")
    change = """overrides:
- {rule: r, labels: {area: FR, item: x}, threshold: "< 1", severity: info}
- {rule: r, labels: {area: FR}, enabled: false, for: 1 h}
"""
    rule = reading(change, shipped=shipped).checked().rules["r"]
    assert rule.overrides == (
        Override((("area", "FR"),), None, enabled=False, hold=timedelta(hours=1)),
        Override((("area", "FR"), ("item", "x")), Threshold("<", 1), severity=Severity.INFO),
    )
    assert rule.threshold == Threshold(">", 5)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("rule: q", "there is no rule 'q'"),
        ("labels: {a: b}", "overrides[0].rule: this is missing"),
        ("rule: r, threshold: x", "'x' is no threshold"),
        ("rule: r, threshold: 5", "'5' is no threshold"),
        ("rule: r, labels: {a: b}, every: 5 s", "every is one for the whole rule; leave it or the labels out"),
        ("rule: r, sql: select 2", "overrides[0].sql: there is no such field"),
    ],
)
def test_a_wrong_override_is_named_and_changes_nothing(fields: str, problem: str) -> None:
    read = reading(rules(ONE), f"overrides: [{{{fields}}}]")
    assert any(problem in str(one) for one in read.problems), read.problems
    assert read.book.rules["r"] == reading(rules(ONE)).book.rules["r"]


def test_databases_are_addresses_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOD", "postgresql://u:geheim@h/x")
    monkeypatch.setenv("BAD", "mysql://u:geheim@h/x")
    read = reading(
        rules("name: r, every: 5 s, database: bad, sql: select 1")
        + "databases: {good: '${GOOD}', bad: '${BAD}', none: '${NONE}'}",
        "databases: {good: '${GOOD}', gridkeeper: '${GOOD}', plain: 'postgresql://u:geheim@h/x'}",
    )
    assert read.book.databases["good"].get_secret_value() == "postgresql://u:geheim@h/x"
    told = "\n".join(str(one) for one in read.problems)
    assert "geheim" not in told + repr(read.book)
    assert [one.field for one in read.problems] == [
        "databases.bad", "databases.none", "databases.good", "databases.gridkeeper", "databases.plain",
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_is_a_problem() -> None:
    assert [str(one) for one in read_book([RuleFile("x.yaml", error="x.yaml cannot be read")], []).problems] == [
        "x.yaml: x.yaml cannot be read"
    ]


@pytest.mark.long
def test_ten_thousand_rules_are_read() -> None:
    text = "rules:\n" + "".join(
        f"- name: rule_{number}\n  every: 10 s\n  threshold: '> 5'\n  labels: {{team: grid}}\n  for: 1 min\n"
        f"  severity: critical\n  sql: |\n    select area, count(*) as value\n    from gaps\n    where missing > {number}\n"
        for number in range(10_000)
    )
    assert len(reading(text).checked().rules) == 10_000


def test_the_shipped_files_are_right() -> None:
    assert read_book([]).problems == ()
    assert all(file.built_in for file in built_in_files())


@pytest.mark.parametrize(
    ("text", "operator", "limit"),
    [("> 5", ">", 5), (">=-1.5", ">=", -1.5), ("= 0", "==", 0), ("<> 1e3", "!=", 1000), ("!= 2", "!=", 2)],
)
def test_thresholds_are_read_as_people_write_them(text: str, operator: str, limit: float) -> None:
    assert parse_threshold(text) == Threshold(operator, limit)


@pytest.mark.parametrize("text", ["", "5", "> five", "> 5 %", "about 5", "> --5", "> e"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no threshold"):
        parse_threshold(text)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (" select 1 ; ", "select 1"),
        ("select ';' ; -- done; really\n/* ; */;", "select ';'"),
        ("select $$;$$, $a$;$a$, e'\\';', \";\", ';''' -- ;\n", "select $$;$$, $a$;$a$, e'\\';', \";\", ';''' -- ;"),
        ("-- a comment\n/* another */ WITH x as (select 1) select * from x", None),
        ("(select 1) union (select 2)", None),
        ("values (1)", None),
        ("select x::text, '12:30', ':a' from y", None),
    ],
)
def test_a_statement_loses_its_semicolon_and_nothing_else(text: str, query: str | None) -> None:
    assert one_query(text) == (text if query is None else query)


@pytest.mark.parametrize("text", ["select 1; select 2", "select 1;; drop table x", "select ''';'; select 1"])
def test_two_statements_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="more than one statement"):
        one_query(text)


@pytest.mark.parametrize(
    "text", ["", "-- only a comment", "delete from x", "/* */ copy x to '/tmp/x'", "do $$ begin end $$"]
)
def test_what_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a rule reads"):
        one_query(text)
