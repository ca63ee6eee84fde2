"""Rows that show the fault of each shipped rule, and rows that look alike and show none."""

from __future__ import annotations

from dataclasses import dataclass

AREA = "10YFR-RTE------C"


def runs(count: int, *, error: str = "", ago: str = "1 minute", item: str = "load_actual", seconds: float = 0.2) -> str:
    """Windows of the last minutes, one second apart, that ended like this."""
    outcome = "failed" if error else "stored"
    return f"""
        insert into collection_runs (
            source, item, area, window_start, window_end, started_at, finished_at, outcome, error_class, error_message,
            requests, api_seconds
        )
        select
            'entsoe', '{item}', '{AREA}', now() - interval '2 hours', now() - interval '1 hour',
            now() - interval '{ago}' - interval '40 s' + n * interval '1 s', now() - interval '{ago}' + n * interval '1 s',
            '{outcome}', '{error}', '{error and "it failed"}', 2, 2 * {seconds}
        from generate_series(1, {count}) as n
    """


def job(name: str, outcome: str, *, ago: str = "1 minute", slot: str = "", error: str = "", took: str = "1 s") -> str:
    """A run of a job that began so long ago; a running one has no end."""
    ended = "null" if outcome == "running" else f"now() - interval '{ago}' + interval '{took}'"
    return f"""
        insert into job_runs (job, scheduled_for, trigger, kind, attempt, outcome, started_at, finished_at, error)
        values (
            '{name}', now() - interval '{slot or ago}', 'cron', 'collect', 1, '{outcome}',
            now() - interval '{ago}', {ended}, '{error}'
        )
    """


def stored_job(name: str) -> str:
    return f"insert into scheduler_jobs (id, job_state) values ('{name}', '')"


def gap(reason: str, *, due: str) -> str:
    return f"""
        insert into gaps (item, area, gap_start, gap_end, resolution, missing, reason, since, found_at)
        values (
            'load_actual', '{AREA}', now() - interval '5 hours', now() - interval '4 hours', 5, 4,
            '{reason}', now() - interval '{due}', now()
        )
    """


def incident(ended: str) -> str:
    return f"""
        insert into empty_incidents (began_at, ended_at, windows, summary)
        values (now() - interval '1 hour', {ended}, 6, 'nothing came back')
    """


def hour_of_runs(count: int, failed: int) -> str:
    return f"""
        insert into collection_hourly
        select (jsonb_populate_record(null::collection_hourly, jsonb_object_agg(column_name, value))).*
        from (
            select column_name, case column_name
                when 'hour' then to_jsonb(date_trunc('hour', now()))
                when 'item' then '"load_actual"' when 'area' then '"{AREA}"'
                when 'runs' then '{count}' when 'failed_runs' then '{failed}'
                when 'last_success_at' then 'null' else '0' end::jsonb as value
            from information_schema.columns where table_name = 'collection_hourly'
        ) as columns
    """


def late(due: str) -> str:
    return f"""
        insert into data_lateness (item, area, newest_start, resolution, due_at, asked_at, changed_at)
        values ('load_actual', '{AREA}', now() - interval '1 day', 5, now() - interval '{due}', now(), now())
    """


def backfill(*, created: str, ended: str = "", state: str = "pending") -> str:
    end = f"now() - interval '{ended}'" if ended else "null"
    return f"""
        with made as (
            insert into backfills (created_at, description, reprocess, newest_first, concurrency)
            values (now() - interval '{created}', 'x', 'missing', true, 4)
            returning backfill_id
        )
        insert into backfill_windows (backfill_id, position, item, area, window_start, window_end, state, ended_at)
        select backfill_id, 1, 'load_actual', '{AREA}', now() - interval '6 hours', now() - interval '3 hours', '{state}', {end}
        from made
    """


def sample(*, ago: str = "5 s", instance: str = "host-a:12", **columns: object) -> str:
    return f"""
        insert into service_metrics (at, instance, {", ".join(columns)})
        values (now() - interval '{ago}', '{instance}', {", ".join(str(value) for value in columns.values())})
    """


def problem(source: str, *, seen: str = "5 s") -> str:
    return f"""
        insert into rule_problems (instance, source, file, line, field, message, since, seen_at)
        values
            ('a:1', '{source}', 'x.yaml', 7, 'rules[a].for', 'is wrong', now(), now() - interval '{seen}'),
            ('b:2', '{source}', 'x.yaml', 7, 'rules[a].for', 'is wrong', now(), now() - interval '{seen}')
    """


def channel(failures: int, *, rest: str = "1 minute") -> str:
    return f"""
        insert into channel_states (channel, failures, last_error, last_failed_at, blocked_until)
        values ('mail', {failures}, 'refused', now(), now() + interval '{rest}')
    """


def state(rule: str, verdict: str) -> str:
    return f"""
        insert into rule_states (rule, schedule, next_due, seen_at, verdict, error)
        values ('{rule}', 'every 10 s', now(), now(), '{verdict}', 'division by zero')
    """


def budget(arrival: str, blocked: str = "") -> str:
    until = f"now() + interval '{blocked}'" if blocked else "null"
    return f"""
        insert into token_budgets (token_id, theoretical_arrival, blocked_until)
        values ('t1', now() + interval '{arrival}', {until})
    """


def website(status: str, *, ends: str = "", enabled: bool = True, name: str = "A", parent: str = "") -> str:
    """A website, with the certificate that its last check saw."""
    seen = f"now() + interval '{ends}'" if ends else "null"
    depends = f', "depends_on": "{parent}"' if parent else ""
    return f"""
        with made as (
            insert into websites (
                url, url_key, name, enabled, check_interval, method, timeout_seconds, failures, successes, labels,
                created_at, updated_at
            )
            values (
                'https://{name}.example', 'https://{name}.example/', '{name}', {enabled}, 300, 'GET', 30, 2, 2,
                '{{"group": "shop"{depends}}}', now(), now()
            )
            returning website_id
        ), checked as (
            insert into website_checks (website_id, at, ok, reason, total_ms, certificate_ends_at)
            select website_id, now(), true, '', 1, {seen} from made
        )
        insert into website_states (website_id, status, changed_at, latest_at, due_at, unknown, reason)
        select website_id, '{status}', now(), now(), now(), true, 'refused' from made
    """


def seen_by(age: str, **regions: str) -> str:
    """How each region sees the website, since so long."""
    listed = ", ".join(f"('{region}', '{status}')" for region, status in regions.items())
    return f"""
        insert into website_region_states (
            website_id, region, version, status, changed_at, latest_at, due_at, known_until, unknown
        )
        select
            website_id, region, 0, status, now() - interval '{age}', now(), now(), now() + interval '1 hour',
            status = 'unknown'
        from websites
        cross join (values {listed}) as listed (region, status)
    """


def interfaces(*statuses: str, name: str = "shop", parent: str = "", columns: str = "", values: str = "") -> str:
    """A service whose operations stand so; `columns` and `values` say more of it."""
    listed = ", ".join(f"({number}, '{status}')" for number, status in enumerate(statuses)) or "(0, 'up')"
    return f"""
        with made as (
            insert into interface_services (name, group_name, parent, interval_seconds, created_at{columns and ", "}{columns})
            values ('{name}', 'eu', '{parent}', 900, now(){values and ", "}{values})
            returning service_id
        )
        insert into interface_operations (service_id, method, origin, path, status, status_since, reason, http_status)
        select service_id, 'GET', 'https://a.example', '/' || number, status, now() - interval '1 minute', 'status', 500
        from made
        cross join (values {listed}) as listed (number, status)
    """


def contract_change(age: str) -> str:
    return f"""
        insert into interface_changes (service_id, at, kind, method, path, breaking, parts)
        select service_id, now() - interval '{age}', 'removed', 'GET', '/a', true, '{{}}' from interface_services
    """


PLANNED = """
    with plan as (
        insert into website_maintenance (name, starts_at, duration, created_at, planned_until)
        values ('move', now(), interval '1 hour', now(), now())
        returning plan_id
    )
    insert into website_maintenance_times (plan_id, starts_at, ends_at)
    select plan_id, now(), now() + interval '1 hour' from plan
"""


def checked_in(now: str, usual: str) -> str:
    """Good checks of the website in the last minutes, and what its days were like, in milliseconds."""
    return f"""
        with recent as (
            insert into website_checks (website_id, at, ok, reason, total_ms)
            select 1, now() - number * interval '5 minutes', true, '', {now} from generate_series(1, 5) as number
        )
        insert into website_days (website_id, start_at, checks, good, ours, total_ms, buckets, counts)
        select 1, now() - number * interval '1 day', 10, 10, 0, 10 * {usual}, '{{}}', '{{}}'
        from generate_series(2, 12) as number
    """


REGION_SERVED = """
    insert into probe_holders (work, holder, seen_until)
    values ('websites in eu', 'one', now() + interval '10 seconds'), ('websites in us', 'gone', now() - interval '1 minute')
"""
# Both regions took as long as they usually do, or `us` takes more than its own days.
IN_REGIONS = """
    with said as (
        update website_checks set region = 'us'
    ), near as (
        insert into website_checks (website_id, at, ok, reason, total_ms, region)
        select 1, now() - number * interval '5 minutes' - interval '1 second', true, '', 20, 'eu'
        from generate_series(1, 5) as number
    )
    insert into website_region_days (website_id, region, start_at, good, total_ms)
    select 1, region, now() - number * interval '1 day', 10, 10 * usual
    from generate_series(2, 12) as number, (values ('eu', 20), ('us', 300)) as one (region, usual)
"""


def downtimes(many: int, length: str, apart: str) -> str:
    """Downtimes of the website, the last one as long ago as they lie apart."""
    return f"""
        insert into website_windows (website_id, kind, started_at, ended_at, reason)
        select
            1, 'down', now() - number * interval '{apart}', now() - number * interval '{apart}' + interval '{length}', 'refused'
        from generate_series(1, {many}) as number
    """


def worker(seen: str) -> str:
    return f"""
        insert into workers (name, version, queues, concurrency, heartbeat_at)
        values ('one', '1.0', '{{live}}', 8, now() - interval '{seen}')
    """


def shared_window(state: str, made: str, *, lost: str = "", ended: str = "") -> str:
    return f"""
        insert into shared_windows (
            batch_id, position, lane, item, area, window_start, window_end, state, created_at, error_class, ended_at
        ) values (
            gen_random_uuid(), 1, 'live', 'load_actual', '{AREA}', now() - interval '2 days', now() - interval '1 day',
            '{state}', now() - interval '{made}', '{lost}', now() - nullif('{ended}', '')::interval
        )
    """


def work_item(kind: str, wanted: str, *, lost: str = "WorkerLost", ended: str = "5 minutes") -> str:
    return f"""
        insert into work_items (batch_id, kind, position, wanted, state, error_class, ended_at)
        values (gen_random_uuid(), '{kind}', 1, '{wanted}', 'failed', '{lost}', now() - interval '{ended}')
    """


def message(error: str) -> str:
    """One that was given up."""
    return f"""
        insert into notifications (channel, group_key, severity, created_at, not_before, status, subject, error, ended_at)
        values ('mail', 'x', 1, now(), now(), 'failed', '[firing] x', '{error}', now())
    """


@dataclass(frozen=True, slots=True)
class Case:
    """Statements that make a rule fire with these labels, and others that leave it silent."""

    rule: str
    fires: tuple[str, ...]
    labels: dict[str, str]
    silent: tuple[str, ...] = ()
    says: str = ""


PAIR = {"item": "load_actual", "area": "FR"}
CYCLE = tuple(job("collect:x", "succeeded", ago=ago, took="45 minutes") for ago in ("80 minutes", "50 minutes"))

CASES = (
    Case(
        "platform_down",
        (runs(5), runs(3, error="SourceUnavailable", ago="30 s")),
        {},
        (runs(2, error="SourceUnavailable"),),
    ),
    Case(
        "platform_down",
        (
            runs(5, ago="6 minutes"),
            runs(1, error="SourceUnavailable", ago="5 s"),
            job("platform_health", "failed", ago="3 s"),
        ),
        {},
        (runs(3, error="SourceUnavailable", ago="30 s"), runs(1, ago="5 s")),
        "it failed",
    ),
    Case(
        "platform_down",
        (runs(5, ago="6 minutes"), job("platform_health", "running", ago="40 s")),
        {},
        (runs(1, ago="5 s"), job("platform_health", "running", ago="40 s")),
        "waits for its answer",
    ),
    Case(
        "token_rejected",
        (runs(5), runs(2, error="AccessDenied", ago="30 s")),
        {},
        (runs(2, error="AccessDenied", ago="30 s"), runs(1, ago="5 s")),
        "it failed",
    ),
    Case("token_budget_exhausted", (budget("0 s", "5 minutes"),), {"token": "t1"}, (budget("4 s"),), "told us to wait"),
    Case(
        "collection_failing",
        (runs(5, ago="1 hour"), runs(3, error="MalformedDocument")),
        PAIR,
        (runs(3, error="MalformedDocument", ago="1 hour"), runs(1), runs(2, error="MalformedDocument", ago="20 s")),
        "it failed",
    ),
    Case("collection_failing", (runs(3, error="MalformedDocument"),), PAIR),
    Case("success_rate_low", (hour_of_runs(40, 4),), {"item": "load_actual"}, (hour_of_runs(40, 2),), "4 of 40"),
    Case(
        "runs_failing",
        (runs(17), runs(3, error="SourceUnavailable")),
        {},
        (runs(19), runs(1, error="MalformedDocument")),
    ),
    Case("response_time_high", (runs(18), runs(2, seconds=9)), {}, (runs(20), runs(1, seconds=9))),
    Case("data_late", (late("90 minutes"),), PAIR, (late("30 minutes"),), "the newest value begins"),
    Case(
        "gap_ours",
        (runs(1, ago="2 hours"), gap("ours", due="3 hours")),
        PAIR,
        (runs(1, ago="2 hours"), gap("missing_at_source", due="3 hours")),
        "4 values",
    ),
    Case(
        "gap_ours",
        (runs(1, ago="2 hours"), gap("ours", due="3 hours"), backfill(created="9 hours", ended="1 s", state="stored")),
        PAIR,
        (runs(1, ago="2 hours"), gap("ours", due="3 hours"), backfill(created="9 hours")),
    ),
    Case("gap_ours", (runs(1, ago="2 hours"), gap("ours", due="3 hours")), PAIR, (gap("ours", due="3 hours"),)),
    Case("answers_empty", (incident("null"),), {}, (incident("now()"),), "nothing came back"),
    Case(
        "backfill_stuck",
        (backfill(created="3 hours"),),
        {"backfill": "1"},
        (backfill(created="3 hours", ended="5 minutes", state="stored"),),
        "nobody works on it",
    ),
    Case(
        "scheduler_silent", (job("x", "succeeded", ago="40 minutes"),), {}, (job("x", "succeeded", ago="20 minutes"),)
    ),
    Case(
        "scheduler_silent",
        (sample(ago="40 minutes", cpu_cores=0.1), sample(cpu_cores=0.1)),
        {},
        (sample(ago="20 minutes", cpu_cores=0.1),),
        "no run has ever begun",
    ),
    Case(
        "job_failing",
        (stored_job("x"), job("x", "succeeded", ago="9 minutes"), job("x", "failed", error="broken")),
        {"job": "x"},
        (stored_job("x"), job("x", "failed", ago="9 minutes"), job("x", "succeeded")),
        "broken",
    ),
    Case(
        "cycle_slow",
        (stored_job("collect:x"), *CYCLE),
        {"job": "collect:x"},
        (
            stored_job("collect:x"),
            job("collect:x", "succeeded", ago="80 minutes"),
            job("collect:x", "running", ago="5 s"),
        ),
        "due every",
    ),
    Case("delivery_failing", (channel(5),), {"channel": "mail"}, (channel(4),), "refused"),
    Case("delivery_failing", (channel(1, rest="1 hour"),), {"channel": "mail"}, (channel(0, rest="1 hour"),)),
    Case(
        "disk_short",
        (sample(disk_free_bytes=5_000_000_000, disk_total_bytes=100_000_000_000),),
        {"host": "host-a"},
        (sample(disk_free_bytes=50_000_000_000, disk_total_bytes=100_000_000_000),),
        "are free",
    ),
    Case(
        "memory_short",
        (sample(memory_available_bytes=100_000_000, memory_total_bytes=8_000_000_000),),
        {"host": "host-a"},
        (sample(memory_available_bytes=4_000_000_000, memory_total_bytes=8_000_000_000),),
        "are available",
    ),
    Case(
        "website_down",
        (website("down"),),
        {"id": "1", "website": "A", "group": "shop"},
        (website("down", enabled=False),),
        "refused since",
    ),
    Case(
        "website_down",
        (
            website("down", name="gate"),
            website("down", name="shop", parent="gate"),
            website("down", name="cart", parent="shop"),
        ),
        {"id": "1", "website": "gate", "group": "shop"},
        # Their gate was not checked since they went down, so that nobody knows yet whether it is the cause.
        (
            website("up", name="gate"),
            "update website_states set failures = 1",
            website("down", name="shop", parent="gate"),
        ),
        "2 websites that depend on it are down",
    ),
    Case(
        "website_down",
        (
            website("up", name="gate"),
            "update website_states set checked_at = now() + interval '1 minute'",
            website("down", name="shop", parent="gate"),
        ),
        {"id": "2", "website": "shop", "group": "shop"},
        (website("down"), PLANNED),
        "refused since",
    ),
    Case(
        "website_regions_disagree",
        (website("up"), seen_by("15 minutes", eu="down", us="up", ap="unknown")),
        {"id": "1", "website": "A", "group": "shop"},
        (website("up"), seen_by("5 minutes", eu="down", us="up")),
        "down in eu, up in us: https://A.example",
    ),
    Case(
        "website_regions_disagree",
        (website("down"), seen_by("11 minutes", eu="down", us="up")),
        {"id": "1", "website": "A", "group": "shop"},
        (website("down"), seen_by("15 minutes", eu="down", us="down", ap="unknown")),
        "down in eu",
    ),
    Case(
        "website_region_unserved",
        (website("up"), seen_by("1 minute", eu="up", us="unknown"), REGION_SERVED),
        {"region": "us"},
        (website("up"), seen_by("1 minute", eu="up"), REGION_SERVED),
        "GRIDKEEPER_PROBES__REGION=us; for one: A",
    ),
    Case(
        "website_slow",
        (website("up"), seen_by("1 day", eu="up", us="up"), checked_in("1200", "100"), IN_REGIONS),
        {"id": "1", "website": "A", "group": "shop", "region": "us"},
        (website("up"), seen_by("1 day", eu="up", us="up"), checked_in("300", "100"), IN_REGIONS),
        "1200 ms in us, usually 300 ms",
    ),
    Case(
        "website_slow",
        (website("up"), checked_in("900", "100")),
        {"id": "1", "website": "A", "group": "shop"},
        (website("up"), checked_in("250", "100")),
        "900 ms, usually 100 ms",
    ),
    Case(
        "website_flapping",
        (website("up"), downtimes(6, "1 minute", "1 hour")),
        {"id": "1", "website": "A", "group": "shop"},
        (website("up"), downtimes(4, "1 minute", "1 hour")),
        "down for 6 min",
    ),
    Case(
        "website_budget_burns",
        (website("up"), downtimes(2, "30 seconds", "5 minutes")),
        {"id": "1", "website": "A", "group": "shop", "pace": "fast"},
        (website("up"), downtimes(1, "10 seconds", "30 minutes")),
        "% of the time down",
    ),
    Case(
        "website_checks_blind",
        (website("up"), "update website_states set reason = 'ours'"),
        {},
        (website("up"),),
        "for one: A",
    ),
    Case(
        "website_certificate_ends",
        (website("up", ends="20 days"),),
        {"id": "1", "website": "A", "group": "shop"},
        (website("up", ends="22 days"),),
        "it ends",
    ),
    Case(
        "interface_service_failing",
        (interfaces("down", *["up"] * 8), interfaces("down", name="below", parent="shop")),
        {"service": "shop", "group": "eu"},
        (interfaces("down", *["up"] * 9), interfaces("pending", "unknown", name="other")),
        "1 of 9 operations are down",
    ),
    Case(
        "interface_failing",
        (interfaces("down", "up", columns="settled_failing", values="1"),),
        {"service": "shop", "group": "eu"},
        (interfaces("down", "up"),),
        "GET https://a.example/0: status 500",
    ),
    Case(
        "interface_cycle_slow",
        (interfaces(columns="next_due_at", values="now() - interval '1 minute'"),),
        {"service": "shop", "group": "eu"},
        (interfaces(columns="next_due_at", values="now() + interval '14 minutes'"),),
        "its cycle was due at",
    ),
    Case(
        "interface_scan_failed",
        (interfaces(columns="scan_problem, scan_failing_since", values="'a.yaml: gone', now()"),),
        {"service": "shop", "group": "eu"},
        (interfaces(),),
        "a.yaml: gone",
    ),
    Case(
        "interface_token_failing",
        tuple(
            interfaces(
                name=name, columns="auth, auth_problem, auth_failing_since", values="'sso', 'it said 400', now()"
            )
            for name in ("a", "b")
        ),
        {"login": "sso"},
        (interfaces(columns="auth", values="'sso'"),),
        "a, b: it said 400",
    ),
    Case(
        "interface_contract_changed",
        (interfaces(), contract_change("5 minutes")),
        {"service": "shop", "group": "eu"},
        (interfaces(), contract_change("61 minutes")),
        "removed GET /a (callers may break)",
    ),
    Case(
        "read_replica_unused",
        (
            sample(read_replica="'b/x'", read_replica_away_seconds=0, read_replica_lag_seconds=0.2),
            sample(
                read_replica="'b/x'",
                read_replica_away_seconds=200,
                read_replica_lag_seconds=3605,
                read_replica_problem="'it is late'",
                instance="c:1",
            ),
        ),
        {"replica": "b/x"},
        (
            # One that has just left, one that has come back, and a process that has none.
            sample(read_replica="'b/x'", read_replica_away_seconds=20, read_replica_problem="'it is late'"),
            sample(
                read_replica="'b/x'",
                read_replica_away_seconds=900,
                read_replica_problem="'it is late'",
                ago="20 s",
                instance="c:1",
            ),
            sample(read_replica="'b/x'", read_replica_away_seconds=0, instance="c:1"),
            sample(tasks=3, instance="d:1"),
        ),
        "it is late, 3605 s at most (so say 1 of 2 processes)",
    ),
    Case("worker_silent", (worker("2 minutes"),), {"worker": "one"}, (worker("30 seconds"),), "of 1.0"),
    Case(
        "queue_stuck",
        (shared_window("pending", "11 minutes"), job("collect:load_actual", "running", ago="11 minutes")),
        {"queue": "live"},
        (
            # The windows of a job that is no more, and those of one that is.
            shared_window("pending", "13 minutes"),
            job("collect:load_actual", "running", ago="11 minutes"),
            shared_window("pending", "9 minutes"),
            shared_window("ended", "11 minutes"),
        ),
        "1 wait; 0 workers take them",
    ),
    Case(
        "task_poisoned",
        (shared_window("failed", "1 hour", lost="WorkerLost", ended="5 minutes"),),
        {"queue": "live", "item": "load_actual", "area": AREA},
        (
            shared_window("failed", "1 hour", ended="5 minutes"),
            shared_window("failed", "2 days", lost="WorkerLost", ended="25 hours"),
        ),
        "the first begins at",
    ),
    Case(
        "task_poisoned",
        (work_item("report", """{"name": "daily", "slot": "2026-05-01T06:00"}"""),),
        {"queue": "reports"},
        (work_item("report", "{}", lost="ValueError"),),
        "report daily of 2026-05-01",
    ),
    Case(
        "task_poisoned",
        (work_item("quality_portion", """{"ids": [1]}"""),),
        {"queue": "quality"},
        (work_item("quality_portion", "{}", ended="25 hours"),),
        "quality portion",
    ),
    Case(
        "task_poisoned",
        (message("WorkerLost: 5 processes in a row took it and said nothing more of it"),),
        {"queue": "deliveries"},
        (message("tried for 24 h, last: refused"),),
        "over mail: [firing] x",
    ),
    Case(
        "rule_invalid",
        (problem("rules"),),
        {"file": "x.yaml"},
        (problem("rules", seen="2 minutes"),),
        "line 7, rules[a].for: is",
    ),
    Case("config_invalid", (problem("plan"),), {"file": "x.yaml"}, (problem("rules"),), "line 7"),
    Case("rule_failing", (state("x", "error"),), {"failing": "x"}, (state("x", "ok"),), "division by zero"),
)
