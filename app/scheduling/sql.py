"""Statements of jobs and their runs."""

from __future__ import annotations

# The leader's row is held, as in every tick: runs of a leader that has been replaced cannot begin.
CLAIM_WAITING = """
    with leader as (select epoch, holder from scheduler_leader where epoch = $1 for share)
    update job_runs as run
    set epoch = leader.epoch,
        runner = leader.holder,
        summary = '',
        attempt = run.attempt + 1,
        outcome = 'running',
        started_at = $2,
        finished_at = null,
        next_attempt_at = null,
        lateness = coalesce(run.lateness, extract(epoch from $2 - run.scheduled_for))
    from leader
    where
        run.next_attempt_at <= $2
        and run.job <> all($3::text[])
        and (
            run.trigger in ('manual', 'api')
            or not exists (select from scheduler_jobs as job where job.id = run.job and job.paused)
        )
    returning run.job, run.kind, run.params::text as params, run.scheduled_for, run.trigger, run.attempt
"""

NEXT_ATTEMPT = "select min(next_attempt_at) from job_runs where next_attempt_at > $1"

CLAIM_REQUESTED = """
    update job_runs
    set attempt = attempt + 1, outcome = 'running', started_at = $3, next_attempt_at = null, lateness = 0, runner = $4
    where job = $1 and scheduled_for = $2 and next_attempt_at is not null
    returning job, kind, params::text as params, scheduled_for, trigger, attempt
"""

REQUEST_RUN = """
    insert into job_runs (job, scheduled_for, trigger, kind, params, next_attempt_at) values ($1, $2, $3, $4, $5::text::jsonb, $2)
    on conflict (job, scheduled_for) do nothing
    returning job
"""

# One statement: a process that freezes between two would keep the row locked, and the next leader waiting for it.
# What was left undone is found by the later run too: it looks at the stored data, not at its own slot.
FINISH_RUN = """
    with done as (
        update job_runs
        set outcome = $5, started_at = $6, finished_at = $7, summary = $8, skipped = $9, error = $10, next_attempt_at = $11,
            lateness = case when attempt = 1 then extract(epoch from $6 - scheduled_for) else lateness end
        where job = $1 and scheduled_for = $2 and attempt = $3 and epoch is not distinct from $4 and outcome = 'running'
        returning job
    ),
    settled_earlier as (
        update job_runs
        set next_attempt_at = null
        where $12 and job = $1 and scheduled_for < $2 and next_attempt_at is not null and attempt > 0
    )
    select count(*) from done
"""

RECOVER_RUNS = """
    update job_runs
    set outcome = 'interrupted',
        finished_at = $2,
        summary = format(
            'interrupted: the process %s ended while it ran this; the next leader, %s, found it at %s',
            coalesce(nullif(job_runs.runner, ''), 'of epoch ' || job_runs.epoch),
            leader.holder,
            to_char($2::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')
        ),
        error = 'the process that ran it is gone',
        -- A killed process is no fault of the job; the higher limit stops a job that kills its process each time.
        next_attempt_at = case when attempt <= $3 + 16 then $2::timestamptz end
    from scheduler_leader as leader
    where job_runs.outcome = 'running' and job_runs.epoch < $1
    returning job, scheduled_for
"""

_RUN_COLUMNS = """
    job, scheduled_for, trigger, attempt, outcome, epoch, runner, started_at, finished_at, lateness, summary, skipped,
    error, next_attempt_at
"""

HISTORY = f"""
    select {_RUN_COLUMNS}
    from job_runs
    where
        ($1::text is null or job = $1)
        and ($3::timestamptz is null or scheduled_for < $3 or (scheduled_for = $3 and job > $4))
        and ($5::text is null or outcome = $5)
    order by scheduled_for desc, job
    limit $2
"""  # noqa: S608  constants

JOBS = """
    select id, next_run_time, job_state, paused, unreadable, run.*
    from scheduler_jobs
    left join lateral (
        select trigger, attempt, outcome, epoch, runner, started_at, finished_at, lateness, summary, skipped, error,
            next_attempt_at, job, scheduled_for
        from job_runs
        where job = scheduler_jobs.id and started_at is not null
        order by scheduled_for desc
        limit 1
    ) as run on true
    order by id
"""

END_STRANDED = """
    update job_runs
    set outcome = 'interrupted',
        finished_at = $1::timestamptz,
        summary = format('interrupted: the command %s ended while it ran this', nullif(runner, '')),
        error = 'the command that ran it is gone'
    where outcome = 'running' and epoch is null and started_at < $1::timestamptz - interval '1 day'
"""

RUN = f"select {_RUN_COLUMNS} from job_runs where job = $1 and scheduled_for = $2"  # noqa: S608  constants

PAUSE_JOB = "update scheduler_jobs set paused = $2 where id = $1"

# Below, statements of the job store, whose driver names its parameters.
FENCE = "select epoch from scheduler_leader where epoch = :epoch for share"

CLAIM_SLOTS = """
    insert into job_runs (
        job, scheduled_for, epoch, runner, trigger, kind, params, attempt, outcome, started_at, lateness
    )
    select
        due.job, due.scheduled_for, :epoch, (select holder from scheduler_leader), due.trigger, due.kind, due.params::jsonb, 1, 'running', :now,
        extract(epoch from :now - due.scheduled_for)
    from unnest(
        cast(:jobs as text[]), cast(:slots as timestamptz[]), cast(:triggers as text[]),
        cast(:kinds as text[]), cast(:params as text[])
    ) as due (job, scheduled_for, trigger, kind, params)
    on conflict (job, scheduled_for) do nothing
    returning job, scheduled_for
"""

ADVANCE_JOBS = """
    update scheduler_jobs as job
    set next_run_time = due.next_run_time
    from unnest(cast(:ids as text[]), cast(:times as float8[])) as due (id, next_run_time)
    where job.id = due.id
"""

ADD_JOB = """
    insert into scheduler_jobs (id, next_run_time, job_state) values (:id, :next_run, :state)
    on conflict (id) do nothing
"""
CHANGE_JOB = """
    update scheduler_jobs
    set job_state = :state, next_run_time = coalesce(:next_run, next_run_time), unreadable = ''
    where id = :id
"""
REMOVE_JOB = "delete from scheduler_jobs where id = :id"
REMOVE_JOBS = "delete from scheduler_jobs"
