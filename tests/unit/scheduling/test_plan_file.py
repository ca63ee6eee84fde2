"""The plan's file: what people write, and what they are told when it is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from app.errors import ConfigurationError
from app.kit.yaml.tree import ProblemReport, read_tree
from app.scheduling.plan import RULES
from app.scheduling.plan_file import PlanFile, content_of, default_plan, read_plan
from app.settings import CollectionSettings
from app.wiring.catalog import CATALOG

ROOT = Path(__file__).parents[3]
SETTINGS = CollectionSettings(areas=("FR", "DE_LU"), items=("load_actual", "price_day_ahead"))


def schedules(text: str) -> dict[str, str]:
    return {job.name: job.schedule for job in read_plan(text, "plan.yaml", SETTINGS, CATALOG).jobs()}


def test_the_file_of_the_project_says_what_is_built_in() -> None:
    text = (ROOT / "config" / "examples" / "collection.yaml").read_text()
    assert read_plan(text, "plan.yaml", SETTINGS, CATALOG).jobs() == default_plan(SETTINGS, CATALOG).jobs()
    assert read_plan("jobs: {}", "plan.yaml", SETTINGS, CATALOG) == default_plan(SETTINGS, CATALOG)


@pytest.mark.parametrize(
    ("line", "job", "schedule"),
    [
        ("near_real_time: {every: 30}", "collect:load_actual", "every 30m"),
        ("near_real_time: {every: 90 min}", "collect:load_actual", "every 90m"),
        ("near_real_time: {every: 1 hour}", "collect:load_actual", "every 60m"),
        ("gap_analysis: {every: 4 h}", "gap_analysis", "every 240m"),
        ("backfill_analysis: {at: 03:30, zone: Europe/Berlin}", "backfill_analysis", "daily 03:30 Europe/Berlin"),
        ("backfill_analysis: {at: 23:05}", "backfill_analysis", "daily 23:05 UTC"),
        ("housekeeping: {at: 00:00}", "housekeeping", "daily 00:00 UTC"),
        ("report_weekly: {day: sun, at: 23:30}", "report_weekly", "weekly sunday 23:30 Europe/Brussels"),
        ("report_weekly: {zone: UTC}", "report_weekly", "weekly monday 07:00 UTC"),
        ("report_daily: {at: 06:15}", "report_daily", "daily 06:15 Europe/Brussels"),
        ("prices: {from: 12:45}", "collect:price_day_ahead", "from 12:45 every 5m Europe/Brussels"),
        ("prices: {every: 10 min, zone: UTC}", "collect:price_day_ahead", "from 12:45 every 10m UTC"),
        ("prices:", "collect:price_day_ahead", "from 12:45 every 5m Europe/Brussels"),
    ],
)
def test_a_line_says_when(line: str, job: str, schedule: str) -> None:
    assert schedules(f"jobs:\n  {line}\n")[job] == schedule


def test_areas_and_items_of_the_file_win_over_the_settings() -> None:
    plan = read_plan("areas: [NL, 'FR>DE_LU']\nitems: [Flow_Physical]\njobs: {}\n", "plan.yaml", SETTINGS, CATALOG)
    assert (plan.areas, plan.items) == (("NL", "FR>DE_LU"), ("flow_physical",))
    plan = read_plan(
        "jobs:\n  near_real_time: {items: [load_actual], areas: [10YNL----------L]}\n", "plan.yaml", SETTINGS, CATALOG
    )
    assert plan.jobs()[0].params == {"item": "load_actual", "areas": "NL"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs:\n  near_real_time: {every: 3 min}", "line 2: jobs.near_real_time: every must lie between 5 and 120"),
        ("jobs:\n  gap_analysis: {every: 25 h}", "line 2: jobs.gap_analysis: every must lie between 60 and 1440"),
        ("jobs:\n  near_real_tim: {every: 30}", "line 2: jobs.near_real_tim: .* did you mean near_real_time"),
        ("jobs:\n  xyz: {every: 30}", "line 2: jobs.xyz: there is no such job; known are near_real_time"),
        ("jobs:\n\n  prices: {evry: 5}", "line 3: jobs.prices.evry: there is no such field, did you mean every"),
        ("area: [FR]\njobs: {}", "line 1: area: there is no such field, did you mean areas"),
        ("areas:\n  - FR\n  - FRX\njobs: {}", "line 3: areas.1: unknown area 'FRX', did you mean FR"),
        ("items: [load_actuel]\njobs: {}", "line 1: items.0: unknown item 'load_actuel', did you mean load_actual"),
        ("areas: []\njobs: {}", "line 1: areas: "),
        ("jobs:\n  gap_analysis: {at: '02:00'}", "line 2: jobs.gap_analysis: at does not fit this job"),
        ("jobs:\n  housekeeping: {every: 5}", "line 2: jobs.housekeeping: every does not fit this job"),
        ("jobs:\n  prices: {at: '02:00'}", "line 2: jobs.prices: at does not fit this job"),
        (
            "jobs:\n  report_weekly: {every: 60}",
            "line 2: jobs.report_weekly: every does not fit this job; write it as {day",
        ),
        ("jobs:\n  report_daily: {day: monday}", "line 2: jobs.report_daily: day does not fit this job"),
        ("jobs:\n  gap_analysis: {day: monday}", "line 2: jobs.gap_analysis: day does not fit this job"),
        ("jobs:\n  report_weekly: {day: someday}", "line 2: jobs.report_weekly.day: 'someday' is no day of the week"),
        ("jobs:\n  housekeeping: {at: 25:00}", "line 2: jobs.housekeeping.at: '25:00' is no time of the day"),
        ("jobs:\n  housekeeping: {zone: Europe/Atlantis}", "line 2: jobs.housekeeping: unknown time zone"),
        ("jobs:\n  near_real_time: {every: soon}", "line 2: jobs.near_real_time.every: 'soon' is no interval"),
        ("jobs:\n  near_real_time: {every: true}", "line 2: jobs.near_real_time.every: true is no interval"),
        ("jobs:\n  prices: {every: 5}\n  prices: {every: 6}", "line 3: jobs.prices: this stands on line 2 already"),
        ("jobs: {", "line 1: this is no YAML"),
        ("just words", "line 1: the file: must be a mapping"),
        ("jobs:\n  forecasts: {items: [load_actual]}", "collect:load_actual stands in two lines"),
    ],
)
def test_an_error_names_file_line_and_field_with_the_remedy(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"(?s)^plan.yaml(, |: ){message}"):
        read_plan(text, "plan.yaml", SETTINGS, CATALOG)


def test_a_file_is_read_again_only_when_its_content_changes(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    file = PlanFile(path, SETTINGS, CATALOG)
    assert file.load() == default_plan(SETTINGS, CATALOG)
    path.write_text("areas: [NL]\njobs: {}")
    changed = file.changed()
    assert changed is not None
    assert changed.areas == ("NL",)
    path.write_text("areas: [NL]\njobs: {}")
    assert file.changed() is None
    path.unlink()
    assert file.changed() is None


def test_a_wrong_file_is_told_once_and_an_unreadable_one_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    file = PlanFile(path, SETTINGS, CATALOG)
    path.write_text("area: [NL]\njobs: {}")
    with pytest.raises(ConfigurationError, match=r"plan\.yaml, line 1"):
        file.changed()
    assert file.changed() is None
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        file.changed()


def bomb(levels: int = 9) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join([*lines, "jobs: {}"])


def test_aliases_that_grow_without_bound_are_refused_and_the_mended_file_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    file = PlanFile(path, SETTINGS, CATALOG)
    path.write_text("areas: [NL]\njobs: {}")
    assert file.changed() is not None
    path.write_text(bomb())
    with pytest.raises(ConfigurationError, match="more than 20,000 values, aliases written out"):
        file.changed()
    path.write_text("areas: [NL]\njobs: {}")
    mended = file.changed()
    assert mended is not None
    assert mended.areas == ("NL",)


def test_what_stands_in_the_place_of_the_file_is_named_and_the_file_taken_up_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    file = PlanFile(path, SETTINGS, CATALOG)
    path.write_text("areas: [NL]\njobs: {}")
    assert file.changed() is not None
    for make, kind in ((Path.mkdir, "a folder"), (os.mkfifo, "a pipe")):
        path.unlink()
        make(path)
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=f"is {kind} and no file"):
                file.changed()
        path.rmdir() if path.is_dir() else path.unlink()
        path.write_text("areas: [NL]\njobs: {}")
        assert file.changed() is not None
    path.write_bytes(b"# " + b"x" * 1_000_000 + b"\njobs: {}")
    with pytest.raises(ConfigurationError, match="is larger than 1,000,000 bytes"):
        file.changed()


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("jobs:\n  prices: {zone: @daily}", 'write the value in quotes, as "@daily"'),
        ("jobs:\n  prices:\n    from: */15 * * * *", r'write the value in quotes, as "\*/15 \* \* \* \*"'),
        ("jobs:\n\tprices: {}", "indent with spaces, YAML takes no tabs"),
        ("jobs:\n  prices: {every: 30 parsecs}", "write it as 30 min or 6 h"),
    ],
)
def test_the_usual_mistakes_are_told_with_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        read_plan(text, "plan.yaml", SETTINGS, CATALOG)


def test_durations_are_those_of_every_other_file() -> None:
    plan = read_plan("jobs:\n  forecasts: {every: 1h30m}\n", "plan.yaml", SETTINGS, CATALOG)
    assert str(next(iter(plan.lines.values())).schedule) == "every 90m"


def test_a_plan_that_was_named_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    assert PlanFile(path, SETTINGS, CATALOG).load() == default_plan(SETTINGS, CATALOG)
    with pytest.raises(ConfigurationError, match=r"GRIDKEEPER_SCHEDULER__PLAN_FILE: there is no file .*plan\.yaml"):
        PlanFile(path, SETTINGS, CATALOG, required=True).load()


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "jobs:\n", "areas: [FR]\n", "{}"])
def test_a_file_without_jobs_is_an_error_with_the_remedy(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^plan\.yaml.*there are no jobs; write `jobs: \{\}`"):
        read_plan(text, "plan.yaml", SETTINGS, CATALOG)


def test_a_file_without_jobs_is_told_of_its_other_mistakes_too() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_plan("areas: [NO]\n", "plan.yaml", SETTINGS, CATALOG)
    assert len(str(caught.value).splitlines()) == 2
    assert "YAML reads NO" in str(caught.value)
    assert "there are no jobs" in str(caught.value)


def test_a_setting_that_leaves_nothing_to_collect_is_noted() -> None:
    plan = default_plan(CollectionSettings(areas=("FR",), items=()), CATALOG)
    assert plan.notes == ("GRIDKEEPER_COLLECTION__ITEMS is empty: nothing is collected",)
    assert default_plan(SETTINGS, CATALOG).notes == ()


def test_a_plan_may_have_every_job_switched_off_for_a_service_of_rules_alone() -> None:
    lines = "".join(f"  {name}: {{enabled: false}}\n" for name in RULES)
    assert read_plan(f"jobs:\n{lines}", "plan.yaml", SETTINGS, CATALOG).jobs() == ()


def test_a_file_is_gone_after_two_looks_and_taken_up_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    file = PlanFile(path, SETTINGS, CATALOG)
    file.load()
    assert file.changed() is None
    assert not file.gone
    path.write_text("jobs: {}")
    assert file.changed() is not None
    path.unlink()
    assert (file.changed(), file.gone) == (None, False)
    assert (file.changed(), file.gone) == (None, True)
    path.write_text("jobs: {}")
    assert file.changed() is not None
    assert not file.gone


@pytest.mark.parametrize(
    "line", ["repoll_1h: {every: 60 min}", 'repoll_1d: {at: "03:10"}', "repoll_7d:", "repoll_45d: {enabled: false}"]
)
def test_lines_of_earlier_versions_are_accepted_and_explained(line: str) -> None:
    plan = read_plan(f"jobs:\n  housekeeping:\n  {line}\n", "plan.yaml", SETTINGS, CATALOG)
    assert plan.jobs() == default_plan(SETTINGS, CATALOG).jobs()
    (note,) = plan.notes
    assert note.startswith(
        f"plan.yaml, line 3: jobs.{line.split(':', maxsplit=1)[0]} has no effect any more: the job `corrections` "
    )


EVERYTHING_WRONG = """\
areas: [NO, FRX, DE_LU]
items: load_actual, price
jobs:
  prices: {evry: 5}
  near_real_time: {every: 3 min}
  nosuch: {}
  gap_analysis: {at: "25:00"}
  forecasts: {areas: [ON]}
"""


def test_all_mistakes_of_a_plan_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_plan(EVERYTHING_WRONG, "plan.yaml", SETTINGS, CATALOG)
    found = str(caught.value).splitlines()
    expected = {
        "plan.yaml, line 1: areas.0: YAML reads NO": 'quote it: "NO"',
        "plan.yaml, line 1: areas.1: unknown area 'FRX'": "did you mean FR?",
        "plan.yaml, line 2: items.1: unknown item 'price'": "price_day_ahead",
        "plan.yaml, line 4: jobs.prices.evry: there is no such field": "did you mean every?",
        "plan.yaml, line 5: jobs.near_real_time: every must lie between 5 and 120": "not 3",
        "plan.yaml, line 6: jobs.nosuch: there is no such job": "known are",
        "plan.yaml, line 7: jobs.gap_analysis.at: '25:00'": "HH:MM",
        "plan.yaml, line 8: jobs.forecasts.areas.0: YAML reads NO": "quote it",
    }
    assert len(found) == len(expected), found
    for begin, remedy in expected.items():
        assert [line for line in found if line.startswith(begin) and remedy in line], begin


@pytest.mark.parametrize("written", ["[DE_LU, FR>NL]", "DE_LU, FR > NL", "DE_LU FR>NL", "DE_LU; FR>NL"])
def test_areas_of_a_plan_are_a_list_or_a_line(written: str) -> None:
    assert read_plan(f"areas: {written}\njobs: {{}}", "plan.yaml", SETTINGS, CATALOG).areas == ("DE_LU", "FR>NL")


@pytest.mark.parametrize(
    "text",
    ["a: 1\nb: [1.5, yes, ~, 2024-01-31, 12:45, 'no', x, 0x10, null, NO]\nc: {d: '1', 2: e}", "", "5", "[a, {b: c}]"],
)
def test_the_content_of_a_tree_is_what_yaml_means(text: str) -> None:
    assert content_of(read_tree(text, ProblemReport("x"))) == yaml.safe_load(text)
