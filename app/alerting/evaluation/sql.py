"""The statements of evaluation: rules that are due, and alerts of many rules at once."""

from __future__ import annotations

from app.alerting.evaluation.serialization import ALERT_COLUMNS
from app.db.retention import Mechanism, Retention

FREE = "(leased_until is null or leased_until <= $1 or leased_until > $1 + 2 * $2::interval)"
"""Nobody evaluates it; a lease that lasts longer than any can was given before the clock was set back."""

# A schedule that was edited begins anew. A slot further away than the next one by the clock was found before the clock
# was set back.
ENTER = """
    insert into rule_states as s (rule, schedule, about, next_due, seen_at)
    select rule, schedule, about, next_due, $2
    from jsonb_to_recordset($1::text::jsonb)
        as r (rule text, schedule text, about jsonb, next_due timestamptz)
    order by rule
    on conflict (rule) do update set
        schedule = excluded.schedule,
        about = excluded.about,
        next_due = case
            when s.schedule = excluded.schedule and s.next_due <= excluded.next_due + $3::interval then s.next_due
            else excluded.next_due
        end,
        seen_at = $2
"""

# Rows are locked in the order of their names everywhere, so that replicas wait for each other and never in a circle.
REFRESH = """
    with mine as (select rule from rule_states where rule = any($1::text[]) order by rule for update),
    touched as (
        update rule_states as s set seen_at = $2::timestamptz from mine
        where s.rule = mine.rule and (s.seen_at < $2::timestamptz - interval '30 seconds' or s.seen_at > $2)
    )
    select rule from mine
"""

STALE = "select rule from rule_states where seen_at < $2::timestamptz - $3::interval and rule <> all($1::text[])"

CLAIM = f"""
    with due as (
        select rule
        from rule_states
        where
            next_due <= $1 and paused_at is null and {FREE}
            and rule <> all($3::text[])
            and ($5::text[] is null or rule = any($5::text[]) or seconds <= $6)
        order by rule = any($5::text[]) desc nulls last, next_due, rule
        limit $4
        for update skip locked
    )
    update rule_states as s
    set lease = gen_random_uuid(), leased_until = $1 + $2::interval
    from due
    where s.rule = due.rule
    returning s.rule, s.lease, s.next_due as due_at, s.seconds
"""  # noqa: S608  constants

CLAIM_ONE = f"""
    update rule_states
    set lease = gen_random_uuid(), leased_until = $1::timestamptz + $2::interval
    where rule = $3 and {FREE}
    returning rule, lease, $1::timestamptz as due_at, seconds
"""  # noqa: S608  constants

RENEW = "update rule_states set leased_until = $2::timestamptz + $3::interval where lease = any($1::uuid[])"
RELEASE = "update rule_states set lease = null, leased_until = null where lease = any($1::uuid[])"

HELD = "select rule, lease from rule_states where lease = any($1::uuid[]) order by rule for update"

_TO_LOOK_AT = f"""
    select rule
    from rule_states
    where
        paused_at is null and {FREE}
        and rule in (select rule from alerts where check_at <= $1 or ($3 and suppressed <> ''))
"""  # noqa: S608  constants
WHAT_TO_LOOK_AT = f"""
    select exists ({_TO_LOOK_AT}) as found, (select min(check_at) from alerts where check_at > $1) as following
"""  # noqa: S608  constants
TO_LOOK_AT = f"{_TO_LOOK_AT} order by rule for update skip locked"

LOCK_RULES = "select rule, about::text as about from rule_states where rule = any($1::text[]) order by rule for update"
FORGET = "delete from rule_states where rule = any($1::text[])"

_ALERTS_OF = """
        select {columns} from alerts where rule {rules} and phase <> 'resolved'
        union all
        select {columns} from alerts
        where rule {rules} and phase = 'resolved' and resolved_at >= {since} and fired_at is not null
        union all
        select {columns} from alerts
        where
            rule {rules} and phase = 'resolved' and resolved_at < {since}
            and notified_at is not null and resolved_notified_at is null
"""

# Of `$3`, which explain others, also those that ended longer ago.
ALERTS = f"""
    select {ALERT_COLUMNS}
    from (
        {_ALERTS_OF.format(columns="*", rules="= any($1::text[])", since="$2")}
        union all
        select * from alerts
        where
            rule = any($3::text[]) and phase = 'resolved' and resolved_at >= $4 and resolved_at < $2
            and fired_at is not null and (notified_at is null or resolved_notified_at is not null)
    ) as alerts
    order by alert_id
"""  # noqa: S608  constants

PARENTS = "select rule, evaluated_at from rule_states where rule = any($1::text[]) and paused_at is null"

_FIELDS = (
    "labels", "severity", "phase", "since", "seen_at", "gone_at", "fired_at", "resolved_at", "value", "threshold",
    "annotations", "notified_at", "notified_severity", "resolved_notified_at", "firings", "flapping", "suppressed", "check_at",
    "acknowledged_at", "acknowledged_by",
)  # fmt: skip
_ROWS = "jsonb_populate_recordset(null::alerts, $1::text::jsonb)"

INSERT = f"""
    insert into alerts (rule, {", ".join(_FIELDS)})
    select rule, {", ".join(_FIELDS)}
    from {_ROWS}
    returning alert_id, rule, labels::text as labels
"""  # noqa: S608  constants

UPDATE = f"""
    update alerts as a
    set {", ".join(f"{field} = r.{field}" for field in _FIELDS[1:])}
    from {_ROWS} as r
    where a.alert_id = r.alert_id
"""  # noqa: S608  constants

EVENTS = """
    insert into alert_events (alert_id, rule, at, kind, severity, value, notified, note, details)
    select alert_id, rule, at, kind, severity, value, notified, note, details
    from jsonb_populate_recordset(null::alert_events, $1::text::jsonb)
"""

_EXECUTION = "due_at, rule, trigger, started_at, seconds, verdict, signals, value, threshold, error, notified"
EXECUTIONS = f"""
    insert into rule_executions ({_EXECUTION})
    select {_EXECUTION}
    from jsonb_populate_recordset(null::rule_executions, $1::text::jsonb)
"""  # noqa: S608  constants

# Only the schedule moves the next slot: an evaluation that a person asked for leaves it.
_EVALUATED = """
    update rule_states as s
    set
        lease = null,
        leased_until = null,
        next_due = coalesce(r.next_due, s.next_due),
        evaluated_at = r.started_at,
        seconds = r.seconds,
        verdict = r.verdict,
        value = r.value,
        threshold = r.threshold,
        error = r.error
    from jsonb_to_recordset({found}::text::jsonb) as r (
        rule text, next_due timestamptz, started_at timestamptz, seconds double precision, verdict text,
        value double precision, threshold double precision, error text
    )
    where s.rule = r.rule
"""
EVALUATED = _EVALUATED.format(found="$1")

# Of evaluations without a signal, those of rules whose alerts they cannot change: there are none. Only the holder of
# the lease, and nobody who finds a rule without alerts, makes the first alert of a rule, so the rows say so still
# once they are locked.
QUIET = f"""
    with held as materialized (
        select rule, lease from rule_states where lease = any($1::uuid[]) order by rule for update
    ),
    quiet as materialized (
        select rule, lease from held
        where not exists ({_ALERTS_OF.format(columns="rule", rules="= held.rule", since="$4")})
    ),
    executed as (
        insert into rule_executions ({_EXECUTION})
        select {_EXECUTION}
        from jsonb_populate_recordset(null::rule_executions, $2::text::jsonb)
        where rule in (select rule from quiet)
    ),
    evaluated as ({_EVALUATED.format(found="$3")} and r.rule in (select rule from quiet))
    select lease from quiet
"""  # noqa: S608  constants

RETAINED = (
    Retention("rule_executions", "due_at", "alerting.executions_days", Mechanism.ALERTING),
    # What is older has been written to columns by then, where a deletion is dear: three days back and no further.
    Retention(
        "rule_executions",
        "due_at",
        "alerting.quiet_executions_days",
        Mechanism.ALERTING,
        only="evaluations that found nothing",
        condition="due_at >= $1 - interval '3 days' and verdict = 'ok' and trigger = 'cron' and not notified",
    ),
    Retention(
        "alerts",
        "resolved_at",
        "alerting.quiet_executions_days",
        Mechanism.ALERTING,
        only="alerts that never fired, with their events",
        condition="phase = 'resolved' and fired_at is null",
    ),
    Retention(
        "alerts",
        "resolved_at",
        "alerting.history_days",
        Mechanism.ALERTING,
        only="alerts that are over, with their events",
        condition="phase = 'resolved'",
    ),
    Retention("silences", "ends_at", "alerting.history_days", Mechanism.ALERTING),
)

# Both are undone with the transaction. The role reads everything and may do nothing else, which keeps functions like
# pg_terminate_backend or lo_export from doing harm by accident; a statement that wants to could take the role off,
# unless the login has no other.
BEGIN_READING = "begin read only"
END_READING = "rollback; select pg_advisory_unlock_all()"
# For a connection that only asks what we ship.
READ_ONLY = "set session characteristics as transaction read only"
_LIMITS = "; set {scope} statement_timeout = {milliseconds}; set {scope} lock_timeout = '1s'"


def limits_of_reading(path: str | None, *, takes_role: bool) -> str:
    """What follows the beginning: `scope` (local or session) and `milliseconds` are still to be put in."""
    searched = "; set {scope} search_path = " + path.replace("{", "{{").replace("}", "}}") if path else ""
    return _LIMITS + searched + ("; set {scope} role pg_read_all_data" if takes_role else "")


# The search path may name the user, who is another with the role. Servers before 14 have no such role, those before 16
# know no privilege `set`.
LOGIN_STATE = """
    select
        case
            when to_regrole('pg_read_all_data') is null then false
            when current_setting('server_version_num')::integer < 160000
                then pg_has_role(session_user, 'pg_read_all_data', 'member')
            else pg_has_role(session_user, 'pg_read_all_data', 'set')
        end as may_take_role,
        (select string_agg(quote_ident(name), ', ') from unnest(current_schemas(false)) as name) as path,
        to_regclass('rule_states') is not null as ours,
        session_user::text as login,
        concat_ws(
            ', ',
            case when role.rolsuper then 'is a superuser' end,
            case when role.rolcreaterole or role.rolreplication then 'may create roles or replicate' end,
            case when pg_has_role(tables.relowner, 'usage') then 'owns our tables' end,
            case
                when exists (
                    select from pg_auth_members
                    where member = role.oid and roleid <> coalesce(to_regrole('pg_read_all_data')::oid, 0)
                ) then 'is a member of other roles'
            end
        ) as powers
    from pg_roles as role
    left join pg_class as tables on tables.oid = to_regclass('rule_states')
    where role.rolname = session_user
"""
# The server adds up the size of the rows as it makes them and sends nothing of those beyond the bound: a single cell
# may be larger than our memory. What is stored compressed takes more room as text than as it is stored.
_COUNTED_QUERY = """(
    select
        rule.whole,
        sum(
            case
                when pg_column_size(rule.whole) > {most_bytes} then pg_column_size(rule.whole)
                else octet_length(rule.whole::text)
            end
        ) over (rows unbounded preceding) as bytes
    from (select rule as whole from (
{sql}
) as rule limit {limit}) as rule
) as rule"""
BOUNDED_QUERY = f"""
select rule.bytes, cells.*
from {_COUNTED_QUERY}
left join lateral (select (rule.whole).*) as cells on rule.bytes <= {{most_bytes}}
"""  # noqa: S608  constants

# The same of several statements, whose rows differ in their columns.
COMBINED_QUERY = f"""
select {{number}} as number, rule.bytes, case when rule.bytes <= {{most_bytes}} then rule.whole end as cells
from {_COUNTED_QUERY}
"""  # noqa: S608  constants
COMBINED_QUERIES = "union all"

# What the columns of a rule's statement are.
DESCRIBED_QUERY = "select * from (\n{sql}\n) as rule"
