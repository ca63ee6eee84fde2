-- A database as the program made it at revision 0017: its schema, and a few rows of each kind.
CREATE FUNCTION latency_quantile(latencies numeric, quantile double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    declare
        digits text := latencies::text;
        slots integer := (length(digits) + 11) / 12;
        bucket integer := (length(digits) - length(rtrim(digits, '0'))) / 12;
        wanted double precision := quantile * mod(latencies, 999999999999);
        upto double precision := 0;
    begin
        if latencies <= 0 then
            return null;
        end if;
        digits := lpad(digits, 12 * slots, '0');
        loop
            upto := upto + substr(digits, 12 * (slots - bucket) - 11, 12)::double precision;
            exit when upto >= wanted or bucket >= slots - 1;
            bucket := bucket + 1;
        end loop;
        return 0.001 * power(2.0::double precision, (bucket - 0.5) / 8);
    end
    $$;
CREATE TABLE alert_events (
    event_id bigint NOT NULL,
    alert_id bigint NOT NULL,
    rule text NOT NULL,
    at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL,
    value double precision,
    told boolean NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    delivered text[] DEFAULT '{}'::text[] NOT NULL
);
COMMENT ON TABLE alert_events IS 'Everything that happened to an alert';
COMMENT ON COLUMN alert_events.told IS 'whether it was handed over for delivery, in the transaction that wrote it';
COMMENT ON COLUMN alert_events.delivered IS 'the channels that have taken a message which tells it';
ALTER TABLE alert_events ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME alert_events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE alerts (
    alert_id bigint NOT NULL,
    rule text NOT NULL,
    labels jsonb NOT NULL,
    severity text NOT NULL,
    phase text NOT NULL,
    since timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    gone_at timestamp with time zone,
    fired_at timestamp with time zone,
    resolved_at timestamp with time zone,
    value double precision,
    threshold double precision,
    annotations jsonb DEFAULT '{}'::jsonb NOT NULL,
    told_at timestamp with time zone,
    told_severity text,
    end_told_at timestamp with time zone,
    firings timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    flapping boolean DEFAULT false NOT NULL,
    suppressed text DEFAULT ''::text NOT NULL,
    look_at timestamp with time zone,
    acknowledged_at timestamp with time zone,
    acknowledged_by text DEFAULT ''::text NOT NULL,
    acknowledge_note text DEFAULT ''::text NOT NULL,
    CONSTRAINT alerts_phase_check CHECK ((phase = ANY (ARRAY['pending'::text, 'firing'::text, 'resolved'::text]))),
    CONSTRAINT alerts_severity_check CHECK ((severity = ANY (ARRAY['info'::text, 'warning'::text, 'critical'::text]))),
    CONSTRAINT alerts_told_severity_check CHECK ((told_severity = ANY (ARRAY['info'::text, 'warning'::text, 'critical'::text])))
);
COMMENT ON TABLE alerts IS 'One fault of one rule with one set of labels, from its first sight to its end';
COMMENT ON COLUMN alerts.since IS 'when the fault was first seen; the hold counts from here';
COMMENT ON COLUMN alerts.gone_at IS 'since when a firing alert has shown no fault; it is kept firing for a while';
COMMENT ON COLUMN alerts.told_at IS 'when people were last told that it fires; null: never, so its end is not told either';
COMMENT ON COLUMN alerts.end_told_at IS 'when people were told of its end; null though told_at is not: they are owed it';
COMMENT ON COLUMN alerts.firings IS 'when alerts of this rule and these labels fired within the window of flapping';
COMMENT ON COLUMN alerts.suppressed IS 'why nobody is told at present; empty where nothing stops it';
COMMENT ON COLUMN alerts.look_at IS 'when something is to be told though the rule is not due: a reminder, or after a wait';
ALTER TABLE alerts ALTER COLUMN alert_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME alerts_alert_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE UNLOGGED TABLE answer_floor (
    only_row boolean DEFAULT true NOT NULL,
    question bigint NOT NULL,
    CONSTRAINT answer_floor_only_row_check CHECK (only_row)
);
COMMENT ON TABLE answer_floor IS 'Answers to questions up to this one are refused: what later ones said is forgotten';
CREATE UNLOGGED TABLE answer_spans (
    question bigint NOT NULL,
    lock integer NOT NULL,
    series_ids integer[] NOT NULL,
    resolution smallint,
    span_start timestamp with time zone NOT NULL,
    span_end timestamp with time zone NOT NULL,
    answered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT answer_spans_check CHECK ((span_end > span_start))
);
COMMENT ON TABLE answer_spans IS 'What each answer of the last day spoke of; an answer to an earlier question changes nothing there';
COMMENT ON COLUMN answer_spans.lock IS 'digest of source, item and area, as of the advisory lock of the store';
COMMENT ON COLUMN answer_spans.resolution IS 'null: all units wholly within the span, else those of this one that start there';
CREATE TABLE areas (
    eic text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    kinds text[] NOT NULL,
    zone text NOT NULL,
    market_days boolean NOT NULL,
    since date,
    until date
);
COMMENT ON TABLE areas IS 'The areas this program knows; every `gridkeeper migrate` writes them anew';
COMMENT ON COLUMN areas.market_days IS 'whether the days of the zone begin with those of Europe/Brussels';
CREATE TABLE asked_ranges (
    range_id bigint NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    range_start timestamp with time zone NOT NULL,
    range_end timestamp with time zone NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    backfill_id bigint,
    CONSTRAINT asked_ranges_check CHECK ((range_end > range_start))
);
COMMENT ON TABLE asked_ranges IS 'What people asked for: whatever is missing there stays asked for, also outside the plan';
COMMENT ON COLUMN asked_ranges.backfill_id IS 'of backfills, which may have been deleted since; null: of gridkeeper collect';
ALTER TABLE asked_ranges ALTER COLUMN range_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME asked_ranges_range_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE backfill_chunks (
    chunk_id bigint NOT NULL,
    backfill_id bigint NOT NULL,
    "position" integer NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    not_before timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    claimed_by text DEFAULT ''::text NOT NULL,
    lease uuid,
    lease_until timestamp with time zone,
    run_id bigint,
    requests integer DEFAULT 0 NOT NULL,
    error_class text DEFAULT ''::text NOT NULL,
    error_message text DEFAULT ''::text NOT NULL,
    ended_at timestamp with time zone,
    claimed_at timestamp with time zone,
    CONSTRAINT backfill_chunks_check CHECK ((window_end > window_start)),
    CONSTRAINT backfill_chunks_end CHECK (((state = ANY (ARRAY['stored'::text, 'empty'::text, 'failed'::text, 'cancelled'::text])) = (ended_at IS NOT NULL))),
    CONSTRAINT backfill_chunks_lease CHECK (((state = 'claimed'::text) = ((lease IS NOT NULL) AND (lease_until IS NOT NULL)))),
    CONSTRAINT backfill_chunks_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'claimed'::text, 'stored'::text, 'empty'::text, 'failed'::text, 'cancelled'::text])))
);
COMMENT ON TABLE backfill_chunks IS 'One window each; the rows are the truth, a queue only says that there is work';
COMMENT ON COLUMN backfill_chunks.attempts IS 'how often it was claimed and not handed back';
COMMENT ON COLUMN backfill_chunks.lease IS 'of the claim that may end the window; each claim has its own';
COMMENT ON COLUMN backfill_chunks.lease_until IS 'after this moment anybody may claim the window';
COMMENT ON COLUMN backfill_chunks.claimed_at IS 'the begin of the latest claim';
ALTER TABLE backfill_chunks ALTER COLUMN chunk_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME backfill_chunks_chunk_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE backfills (
    backfill_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    description text NOT NULL,
    reprocess text NOT NULL,
    newest_first boolean NOT NULL,
    concurrency smallint NOT NULL,
    paused_at timestamp with time zone,
    pause_reason text DEFAULT ''::text NOT NULL,
    held_until timestamp with time zone,
    failures_in_row integer DEFAULT 0 NOT NULL,
    last_error text DEFAULT ''::text NOT NULL,
    slowed_at timestamp with time zone,
    slowed_by text DEFAULT ''::text NOT NULL,
    cancelled_at timestamp with time zone,
    finished_at timestamp with time zone,
    held_at timestamp with time zone,
    failing_since timestamp with time zone,
    CONSTRAINT backfills_concurrency_check CHECK ((concurrency > 0)),
    CONSTRAINT backfills_end_unpaused CHECK (((paused_at IS NULL) OR ((cancelled_at IS NULL) AND (finished_at IS NULL)))),
    CONSTRAINT backfills_one_end CHECK (((cancelled_at IS NULL) OR (finished_at IS NULL))),
    CONSTRAINT backfills_reprocess_check CHECK ((reprocess = ANY (ARRAY['missing'::text, 'missing+failed'::text, 'all'::text])))
);
COMMENT ON TABLE backfills IS 'Ranges of history to collect; finished when every planned window has ended';
COMMENT ON COLUMN backfills.concurrency IS 'windows under way at most at once, over all processes; how many there are follows what they take';
COMMENT ON COLUMN backfills.held_until IS 'the source does not answer: no window is claimed before';
COMMENT ON COLUMN backfills.failures_in_row IS 'windows the source did not answer since the last it did, then one for each round';
COMMENT ON COLUMN backfills.slowed_by IS 'why a process did less than it might at slowed_at';
COMMENT ON COLUMN backfills.held_at IS 'when the source was last found to be down; a failure of what was claimed before is of the same round';
COMMENT ON COLUMN backfills.failing_since IS 'the first window since the last answer that had none';
ALTER TABLE backfills ALTER COLUMN backfill_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME backfills_backfill_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE channel_states (
    channel text NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    blocked_until timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text DEFAULT ''::text NOT NULL,
    last_sent_at timestamp with time zone,
    last_failed_at timestamp with time zone,
    last_error text DEFAULT ''::text NOT NULL,
    recent timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    seen_at timestamp with time zone,
    try_at timestamp with time zone
);
COMMENT ON TABLE channel_states IS 'How each channel fares, and its rate limit, shared by all processes';
COMMENT ON COLUMN channel_states.failures IS 'failed attempts in a row';
COMMENT ON COLUMN channel_states.blocked_until IS 'nothing is sent before: its limit is used up, or it asked for patience';
COMMENT ON COLUMN channel_states.recent IS 'the messages of the last minute';
COMMENT ON COLUMN channel_states.seen_at IS 'when a replica last had the channel in its file';
COMMENT ON COLUMN channel_states.try_at IS 'when a disabled channel is tried again with one message';
CREATE TABLE collection_daily (
    day date NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    runs integer NOT NULL,
    stored_runs integer NOT NULL,
    empty_runs integer NOT NULL,
    failed_runs integer NOT NULL,
    received bigint NOT NULL,
    new bigint NOT NULL,
    revised bigint NOT NULL,
    unchanged bigint NOT NULL,
    vanished bigint NOT NULL,
    rejected bigint NOT NULL,
    requests bigint NOT NULL,
    retries bigint NOT NULL,
    bytes bigint NOT NULL,
    run_seconds double precision NOT NULL,
    run_max double precision NOT NULL,
    response_seconds double precision NOT NULL,
    response_max double precision NOT NULL,
    parse_seconds double precision NOT NULL,
    store_seconds double precision NOT NULL,
    store_max double precision NOT NULL,
    last_success_at timestamp with time zone,
    latencies numeric NOT NULL
);
COMMENT ON TABLE collection_daily IS 'The hours of each UTC day added up';
CREATE TABLE collection_hourly (
    hour timestamp with time zone NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    runs integer NOT NULL,
    stored_runs integer NOT NULL,
    empty_runs integer NOT NULL,
    failed_runs integer NOT NULL,
    received bigint NOT NULL,
    new bigint NOT NULL,
    revised bigint NOT NULL,
    unchanged bigint NOT NULL,
    vanished bigint NOT NULL,
    rejected bigint NOT NULL,
    requests bigint NOT NULL,
    retries bigint NOT NULL,
    bytes bigint NOT NULL,
    run_seconds double precision NOT NULL,
    run_max double precision NOT NULL,
    response_seconds double precision NOT NULL,
    response_max double precision NOT NULL,
    parse_seconds double precision NOT NULL,
    store_seconds double precision NOT NULL,
    store_max double precision NOT NULL,
    last_success_at timestamp with time zone,
    latencies numeric NOT NULL
);
COMMENT ON TABLE collection_hourly IS 'Runs by the hour in which they started; computed anew whenever a run of the hour comes in';
COMMENT ON COLUMN collection_hourly.latencies IS 'a histogram of response times per request: runs in bucket b times 10^(12 b), where b ends at 2^(b/8) ms; histograms are added with sum() and read with latency_quantile()';
CREATE TABLE collection_metrics (
    run_id bigint NOT NULL,
    source text NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    error_class text DEFAULT ''::text NOT NULL,
    error_message text DEFAULT ''::text NOT NULL,
    received integer NOT NULL,
    new integer NOT NULL,
    revised integer NOT NULL,
    unchanged integer NOT NULL,
    vanished integer NOT NULL,
    rejected integer NOT NULL,
    requests integer NOT NULL,
    retries integer NOT NULL,
    bytes bigint NOT NULL,
    response_seconds double precision NOT NULL,
    parse_seconds double precision NOT NULL,
    store_seconds double precision NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT collection_metrics_outcome_check CHECK ((outcome = ANY (ARRAY['stored'::text, 'empty'::text, 'failed'::text])))
);
COMMENT ON TABLE collection_metrics IS 'What each run measured; erased when old, while collection_runs stays';
COMMENT ON COLUMN collection_metrics.run_id IS 'of collection_runs; no foreign key: measurements come and go alone';
COMMENT ON COLUMN collection_metrics.area IS 'an EIC, or OUT>IN for a border, as in collection_runs';
COMMENT ON COLUMN collection_metrics.response_seconds IS 'on the wire, over all requests of the run, without waiting for the budget';
COMMENT ON COLUMN collection_metrics.recorded_at IS 'when the row came here; the rollup looks at what is new';
CREATE TABLE collection_rollup_state (
    only_row boolean DEFAULT true NOT NULL,
    rolled_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT collection_rollup_state_only_row_check CHECK (only_row)
);
COMMENT ON COLUMN collection_rollup_state.rolled_until IS 'measurements recorded before this are in the rollups';
CREATE TABLE collection_runs (
    run_id bigint NOT NULL,
    source text NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    error_class text,
    error_message text,
    received integer DEFAULT 0 NOT NULL,
    new integer DEFAULT 0 NOT NULL,
    revised integer DEFAULT 0 NOT NULL,
    unchanged integer DEFAULT 0 NOT NULL,
    vanished integer DEFAULT 0 NOT NULL,
    rejected integer DEFAULT 0 NOT NULL,
    requests integer DEFAULT 0 NOT NULL,
    retries integer DEFAULT 0 NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    api_seconds double precision DEFAULT 0 NOT NULL,
    parse_seconds double precision DEFAULT 0 NOT NULL,
    store_seconds double precision DEFAULT 0 NOT NULL,
    CONSTRAINT collection_runs_outcome_check CHECK ((outcome = ANY (ARRAY['stored'::text, 'empty'::text, 'failed'::text])))
);
COMMENT ON TABLE collection_runs IS 'One row for each window that was asked for, whatever came of it';
ALTER TABLE collection_runs ALTER COLUMN run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME collection_runs_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE daily_counts (
    series_id integer NOT NULL,
    day date NOT NULL,
    resolution smallint NOT NULL,
    stored integer NOT NULL
);
COMMENT ON TABLE daily_counts IS 'Number of current values that are not null, kept in the transaction that stores them';
COMMENT ON COLUMN daily_counts.day IS 'UTC day of delivery_start';
CREATE TABLE data_lateness (
    item text NOT NULL,
    area text NOT NULL,
    newest_start timestamp with time zone NOT NULL,
    resolution smallint NOT NULL,
    due_at timestamp with time zone,
    asked_at timestamp with time zone,
    changed_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE data_lateness IS 'The newest value of each item and area, and when the one after it has to be public; looked at each minute, written when something changed';
COMMENT ON COLUMN data_lateness.due_at IS 'the legal deadline of the unit after the newest; null where none is known';
COMMENT ON COLUMN data_lateness.asked_at IS 'the last run; a pair nobody asks for any more is not late';
CREATE TABLE database_origin (
    only_row boolean DEFAULT true NOT NULL,
    origin text NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT database_origin_only_row_check CHECK (only_row),
    CONSTRAINT database_origin_origin_check CHECK ((origin = ANY (ARRAY['platform'::text, 'sandbox'::text])))
);
COMMENT ON TABLE database_origin IS 'Whether the data are real or synthetic; one database holds one of them';
CREATE TABLE empty_incidents (
    incident_id bigint NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    windows integer NOT NULL,
    summary text NOT NULL,
    CONSTRAINT empty_incidents_check CHECK ((ended_at >= began_at)),
    CONSTRAINT empty_incidents_windows_check CHECK ((windows > 0))
);
COMMENT ON TABLE empty_incidents IS 'Times in which many windows came back empty although values are expected: these answers prove nothing';
COMMENT ON COLUMN empty_incidents.ended_at IS 'when windows had data again; null: it lasts';
ALTER TABLE empty_incidents ALTER COLUMN incident_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME empty_incidents_incident_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE gap_changes (
    change_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    series_id integer,
    change_start timestamp with time zone NOT NULL,
    change_end timestamp with time zone NOT NULL,
    resolution smallint NOT NULL,
    missing integer NOT NULL,
    was text,
    reason text,
    since timestamp with time zone NOT NULL,
    whole boolean NOT NULL,
    CONSTRAINT gap_changes_change CHECK ((was IS DISTINCT FROM reason)),
    CONSTRAINT gap_changes_check CHECK ((change_end > change_start)),
    CONSTRAINT gap_changes_missing_check CHECK ((missing > 0))
);
COMMENT ON TABLE gap_changes IS 'How gaps came and went, written with the gaps: what was no gap before or is none now, and what has another reason';
COMMENT ON COLUMN gap_changes.was IS 'its reason until then; null: it was no gap';
COMMENT ON COLUMN gap_changes.reason IS 'its reason since then; null: it is no gap any more';
COMMENT ON COLUMN gap_changes.since IS 'when the first missing value of its gap was due';
COMMENT ON COLUMN gap_changes.whole IS 'whether it is a whole gap; false: a gap that is older grew or shrank';
ALTER TABLE gap_changes ALTER COLUMN change_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME gap_changes_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE gaps (
    gap_id bigint NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    series_id integer,
    gap_start timestamp with time zone NOT NULL,
    gap_end timestamp with time zone NOT NULL,
    resolution smallint NOT NULL,
    missing integer NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone NOT NULL,
    found_at timestamp with time zone NOT NULL,
    CONSTRAINT gaps_check CHECK ((gap_end > gap_start)),
    CONSTRAINT gaps_missing_check CHECK ((missing > 0)),
    CONSTRAINT gaps_reason_check CHECK ((reason = ANY (ARRAY['late'::text, 'missing_at_source'::text, 'ours'::text])))
);
COMMENT ON TABLE gaps IS 'What the last analysis of each interval found; values that are not due yet are no rows';
COMMENT ON COLUMN gaps.series_id IS 'of series; null: the whole item of the area, of which no series is known there';
COMMENT ON COLUMN gaps.missing IS 'number of market time units of the resolution';
COMMENT ON COLUMN gaps.since IS 'when the first of the missing values was due';
ALTER TABLE gaps ALTER COLUMN gap_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME gaps_gap_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE gridkeeper_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE job_runs (
    job text NOT NULL,
    scheduled_for timestamp with time zone NOT NULL,
    epoch bigint,
    trigger text NOT NULL,
    kind text NOT NULL,
    params jsonb DEFAULT '{}'::jsonb NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    outcome text,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    lateness double precision,
    summary text DEFAULT ''::text NOT NULL,
    skipped text[] DEFAULT '{}'::text[] NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    next_attempt_at timestamp with time zone,
    runner text DEFAULT ''::text NOT NULL,
    CONSTRAINT job_runs_outcome_check CHECK ((outcome = ANY (ARRAY['running'::text, 'succeeded'::text, 'nothing_due'::text, 'partial'::text, 'failed'::text, 'skipped'::text, 'missed'::text, 'interrupted'::text]))),
    CONSTRAINT job_runs_trigger_check CHECK ((trigger = ANY (ARRAY['cron'::text, 'catch-up'::text, 'manual'::text, 'api'::text])))
);
COMMENT ON TABLE job_runs IS 'A ticket for each run: no row, no run; one row for each job and slot whoever asks';
COMMENT ON COLUMN job_runs.epoch IS 'of the leader that runs it; null for a run outside the service';
COMMENT ON COLUMN job_runs.lateness IS 'seconds from scheduled_for to the start of the first attempt';
COMMENT ON COLUMN job_runs.next_attempt_at IS 'when the run is to be tried (again); null: it is under way or done';
COMMENT ON COLUMN job_runs.runner IS 'host and process id of who runs or ran it; empty before this version';
CREATE TABLE maintenance_windows (
    window_id bigint NOT NULL,
    matchers text[] NOT NULL,
    cron text NOT NULL,
    zone text NOT NULL,
    duration interval NOT NULL,
    author text NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT maintenance_windows_duration_check CHECK ((duration > '00:00:00'::interval)),
    CONSTRAINT maintenance_windows_matchers_check CHECK ((cardinality(matchers) > 0))
);
COMMENT ON TABLE maintenance_windows IS 'Silences that come again: each lasts for the duration from every slot of the cron expression';
ALTER TABLE maintenance_windows ALTER COLUMN window_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME maintenance_windows_window_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE malformed_documents (
    id bigint NOT NULL,
    run_id bigint,
    received_at timestamp with time zone NOT NULL,
    source text NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    reason text NOT NULL,
    body bytea NOT NULL
);
COMMENT ON COLUMN malformed_documents.body IS 'the bytes as received, cut off at the size cap';
ALTER TABLE malformed_documents ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME malformed_documents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE metric_anomalies (
    metric text NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    hour timestamp with time zone NOT NULL,
    value double precision NOT NULL,
    expected double precision NOT NULL,
    score double precision NOT NULL,
    detected_at timestamp with time zone NOT NULL,
    CONSTRAINT metric_anomalies_metric_check CHECK ((metric = ANY (ARRAY['latency'::text, 'volume'::text, 'failures'::text]))),
    CONSTRAINT metric_anomalies_score_check CHECK ((score >= (1)::double precision))
);
COMMENT ON TABLE metric_anomalies IS 'Hours in which the collection of an item and area went unusually; kept as long as rollups';
COMMENT ON COLUMN metric_anomalies.area IS 'an EIC, or OUT>IN for a border; empty for all areas of the item together';
COMMENT ON COLUMN metric_anomalies.value IS 'seconds a request (latency), new values of 24 or 6 hours (volume), share of failed runs (failures)';
COMMENT ON COLUMN metric_anomalies.expected IS 'the same by what the weeks before suggest';
COMMENT ON COLUMN metric_anomalies.score IS '1 is worth a look, more is more so';
COMMENT ON COLUMN metric_anomalies.detected_at IS 'when the hour was first found unusual';
CREATE TABLE mtu_history (
    series_id integer NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    resolution smallint NOT NULL,
    decided_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE mtu_history IS 'Which resolution is the current one of a series, from when on, as the stored values tell';
CREATE TABLE notification_attempts (
    attempt_id bigint NOT NULL,
    notification_id bigint NOT NULL,
    channel text NOT NULL,
    part text NOT NULL,
    attempted_at timestamp with time zone NOT NULL,
    seconds double precision NOT NULL,
    verdict text NOT NULL,
    status integer,
    answer text NOT NULL
);
COMMENT ON TABLE notification_attempts IS 'Every attempt at a message: when, what was answered, how long it took';
COMMENT ON COLUMN notification_attempts.answer IS 'cut short and free of secrets';
ALTER TABLE notification_attempts ALTER COLUMN attempt_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME notification_attempts_attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notification_events (
    event_id bigint NOT NULL,
    notification_id bigint NOT NULL,
    alert_id bigint,
    kind text NOT NULL,
    rule text NOT NULL,
    severity text NOT NULL,
    at timestamp with time zone NOT NULL,
    content jsonb NOT NULL
);
COMMENT ON TABLE notification_events IS 'What a message tells, as it was when it happened';
COMMENT ON COLUMN notification_events.alert_id IS 'the row of alerts; null: a notice of the delivery itself';
ALTER TABLE notification_events ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME notification_events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE notifications (
    notification_id bigint NOT NULL,
    channel text NOT NULL,
    group_key text NOT NULL,
    recipients text[] DEFAULT '{}'::text[] NOT NULL,
    status text DEFAULT 'waiting'::text NOT NULL,
    severity smallint DEFAULT 0 NOT NULL,
    idempotency_key uuid DEFAULT gen_random_uuid() NOT NULL,
    content jsonb,
    created_at timestamp with time zone NOT NULL,
    not_before timestamp with time zone NOT NULL,
    frozen_at timestamp with time zone,
    claimed_until timestamp with time zone,
    claimed_by text DEFAULT ''::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    progress jsonb DEFAULT '{}'::jsonb NOT NULL,
    ended_at timestamp with time zone,
    subject text DEFAULT ''::text NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    merged_into bigint,
    moved_from text,
    CONSTRAINT notifications_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'sent'::text, 'failed'::text, 'merged'::text, 'dropped'::text])))
);
COMMENT ON TABLE notifications IS 'The outbox: one row for each message that people are to get over a channel';
COMMENT ON COLUMN notifications.group_key IS 'messages of one group and channel keep their order';
COMMENT ON COLUMN notifications.recipients IS 'lists named by the route; empty: those of the channel';
COMMENT ON COLUMN notifications.severity IS 'rank of its most urgent event: 0 info, 1 warning, 2 critical';
COMMENT ON COLUMN notifications.idempotency_key IS 'the same in every attempt, so that a receiver knows a duplicate';
COMMENT ON COLUMN notifications.content IS 'subject, text and html of a message that is made of no events: a report';
COMMENT ON COLUMN notifications.frozen_at IS 'its first claim: no event joins or leaves it afterwards';
COMMENT ON COLUMN notifications.progress IS 'parts sent, recipients reached and recipients refused so far';
COMMENT ON COLUMN notifications.merged_into IS 'the digest that names its events';
COMMENT ON COLUMN notifications.moved_from IS 'the channel that could not deliver it';
ALTER TABLE notifications ALTER COLUMN notification_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME notifications_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE observation_revisions (
    series_id integer NOT NULL,
    delivery_start timestamp with time zone NOT NULL,
    resolution smallint NOT NULL,
    value double precision,
    filled boolean NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    superseded_at timestamp with time zone NOT NULL,
    CONSTRAINT observation_revisions_check CHECK ((superseded_at > recorded_at))
);
COMMENT ON TABLE observation_revisions IS 'What was believed before: valid as of any instant in [recorded_at, superseded_at)';
CREATE TABLE observations (
    series_id integer NOT NULL,
    delivery_start timestamp with time zone NOT NULL,
    resolution smallint NOT NULL,
    value double precision,
    filled boolean NOT NULL,
    recorded_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE observations IS 'The current value of each market time unit; earlier ones are in observation_revisions';
COMMENT ON COLUMN observations.series_id IS 'of series; no foreign key: its check slows COPY, and series stay';
COMMENT ON COLUMN observations.value IS 'null: the source published a value once and does so no longer';
COMMENT ON COLUMN observations.filled IS 'repeated from the position before by the rule of curve type A03';
COMMENT ON COLUMN observations.recorded_at IS 'when this program learned the value, never when it was published';
CREATE TABLE series (
    series_id integer NOT NULL,
    source text NOT NULL,
    item text NOT NULL,
    area text NOT NULL,
    in_area text DEFAULT ''::text NOT NULL,
    out_area text DEFAULT ''::text NOT NULL,
    direction text DEFAULT ''::text NOT NULL,
    psr_type text DEFAULT ''::text NOT NULL,
    business_type text DEFAULT ''::text NOT NULL,
    contract text DEFAULT ''::text NOT NULL,
    sequence text DEFAULT ''::text NOT NULL,
    flow_direction text DEFAULT ''::text NOT NULL,
    category text DEFAULT ''::text NOT NULL,
    unit_eic text DEFAULT ''::text NOT NULL,
    unit text DEFAULT ''::text NOT NULL,
    currency text DEFAULT ''::text NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON COLUMN series.area IS 'what was asked for: an EIC, or OUT>IN for a border';
COMMENT ON COLUMN series.in_area IS 'the domain as the document writes it, like out_area';
CREATE VIEW series_zones AS
 SELECT series.series_id,
    COALESCE(areas.zone, 'Europe/Brussels'::text) AS zone,
    COALESCE(areas.market_days, true) AS market_days
   FROM (series
     LEFT JOIN areas ON ((areas.eic = split_part(series.area, '>'::text, '-1'::integer))));
COMMENT ON VIEW series_zones IS 'The time zone in which each series counts its days';
CREATE VIEW observations_by_day AS
 SELECT observations.series_id,
    observations.resolution,
    ((observations.delivery_start AT TIME ZONE series_zones.zone))::date AS day,
    count(observations.value) AS stored,
    sum(observations.value) AS total,
    min(observations.value) AS minimum,
    max(observations.value) AS maximum
   FROM (observations
     JOIN series_zones USING (series_id))
  WHERE (observations.resolution <= 8)
  GROUP BY observations.series_id, observations.resolution, (((observations.delivery_start AT TIME ZONE series_zones.zone))::date);
COMMENT ON VIEW observations_by_day IS 'Values by local day of the area; the base of v_daily';
CREATE VIEW observations_by_hour AS
 SELECT series_id,
    resolution,
    date_trunc('hour'::text, delivery_start, 'UTC'::text) AS hour,
    count(value) AS stored,
    sum(value) AS total,
    min(value) AS minimum,
    max(value) AS maximum
   FROM observations
  WHERE (resolution <= 8)
  GROUP BY series_id, resolution, (date_trunc('hour'::text, delivery_start, 'UTC'::text));
COMMENT ON VIEW observations_by_hour IS 'Values by hour of UTC; the base of v_hourly';
CREATE TABLE psr_types (
    code text NOT NULL,
    name text NOT NULL
);
COMMENT ON TABLE psr_types IS 'Types of production by the code of the platform';
CREATE TABLE quality_findings (
    finding_id bigint NOT NULL,
    series_id integer NOT NULL,
    dimension text NOT NULL,
    rule text NOT NULL,
    interval_start timestamp with time zone NOT NULL,
    interval_end timestamp with time zone NOT NULL,
    affected integer NOT NULL,
    score double precision NOT NULL,
    known_until timestamp with time zone,
    severity text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    state_since timestamp with time zone NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    noted_by text DEFAULT ''::text NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    CONSTRAINT quality_findings_affected_check CHECK ((affected > 0)),
    CONSTRAINT quality_findings_check CHECK ((interval_end > interval_start)),
    CONSTRAINT quality_findings_dimension_check CHECK ((dimension = ANY (ARRAY['completeness'::text, 'timeliness'::text, 'validity'::text, 'accuracy'::text]))),
    CONSTRAINT quality_findings_severity_check CHECK ((severity = ANY (ARRAY['info'::text, 'warning'::text, 'error'::text]))),
    CONSTRAINT quality_findings_state_check CHECK ((state = ANY (ARRAY['open'::text, 'accepted'::text, 'repaired'::text, 'confirmed'::text, 'unrepairable'::text, 'withdrawn'::text])))
);
COMMENT ON TABLE quality_findings IS 'What is wrong with values, why we think so, and what became of it';
COMMENT ON COLUMN quality_findings.affected IS 'number of values in the interval that the evidence speaks against';
COMMENT ON COLUMN quality_findings.score IS 'strength of the strongest evidence: alarm from 1 on, 10 for a rule';
COMMENT ON COLUMN quality_findings.known_until IS 'latest recorded_at in the interval when the evidence was seen; a later one means a correction';
COMMENT ON COLUMN quality_findings.state IS 'open; accepted by a person; repaired: the source corrected the values; confirmed: it repeats them; unrepairable: asked often enough; withdrawn: the evidence is gone, the values are not';
COMMENT ON COLUMN quality_findings.evidence IS 'rules and peers that spoke, what was stored and what was expected';
COMMENT ON COLUMN quality_findings.last_seen IS 'the last scan or check that changed what is known of it';
COMMENT ON COLUMN quality_findings.attempts IS 'how often the values were asked for again because of the finding';
COMMENT ON COLUMN quality_findings.next_attempt_at IS 'when to ask for them again; null: not planned';
ALTER TABLE quality_findings ALTER COLUMN finding_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME quality_findings_finding_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE quality_repairs (
    repair_id bigint NOT NULL,
    finding_id bigint,
    series_id integer NOT NULL,
    interval_start timestamp with time zone NOT NULL,
    interval_end timestamp with time zone NOT NULL,
    attempt smallint NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    known_until timestamp with time zone,
    backfill_id bigint,
    outcome text DEFAULT 'pending'::text NOT NULL,
    compared integer DEFAULT 0 NOT NULL,
    changed integer DEFAULT 0 NOT NULL,
    settled_at timestamp with time zone,
    CONSTRAINT quality_repairs_attempt_check CHECK ((attempt > 0)),
    CONSTRAINT quality_repairs_check CHECK ((interval_end > interval_start)),
    CONSTRAINT quality_repairs_check1 CHECK ((changed <= compared)),
    CONSTRAINT quality_repairs_check2 CHECK (((outcome = 'pending'::text) = (settled_at IS NULL))),
    CONSTRAINT quality_repairs_outcome_check CHECK ((outcome = ANY (ARRAY['pending'::text, 'corrected'::text, 'repeated'::text, 'unanswered'::text])))
);
COMMENT ON TABLE quality_repairs IS 'Each time the values of a finding were asked for again, and what the source said';
COMMENT ON COLUMN quality_repairs.known_until IS 'latest recorded_at in the interval when it was asked for again';
COMMENT ON COLUMN quality_repairs.backfill_id IS 'whose windows ask for it; null: not handed over yet, or deleted';
COMMENT ON COLUMN quality_repairs.outcome IS 'corrected: values changed; repeated: none did; unanswered: no usable answer';
COMMENT ON COLUMN quality_repairs.compared IS 'values of the interval after the answer; changed of them are newer than known_until';
ALTER TABLE quality_repairs ALTER COLUMN repair_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME quality_repairs_repair_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE quality_scans (
    series_id integer NOT NULL,
    fingerprint text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    known_until timestamp with time zone,
    scanned_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE quality_scans IS 'What the last scan of each series has seen; an equal fingerprint means that nothing changed since';
COMMENT ON COLUMN quality_scans.fingerprint IS 'digest of the values, of those of the peers, of the rules and of the window';
COMMENT ON COLUMN quality_scans.known_until IS 'the latest recorded_at that the scan saw';
CREATE TABLE quality_scores (
    series_id integer NOT NULL,
    day_start timestamp with time zone NOT NULL,
    day date NOT NULL,
    completeness double precision,
    timeliness double precision,
    validity double precision,
    accuracy double precision,
    overall double precision,
    expected integer DEFAULT 0 NOT NULL,
    stored integer DEFAULT 0 NOT NULL,
    ours integer DEFAULT 0 NOT NULL,
    missing_at_source integer DEFAULT 0 NOT NULL,
    late integer DEFAULT 0 NOT NULL,
    not_due integer DEFAULT 0 NOT NULL,
    timed integer DEFAULT 0 NOT NULL,
    on_time integer DEFAULT 0 NOT NULL,
    checked integer DEFAULT 0 NOT NULL,
    violating integer DEFAULT 0 NOT NULL,
    examined integer DEFAULT 0 NOT NULL,
    flagged integer DEFAULT 0 NOT NULL,
    weights double precision[] NOT NULL,
    scored_at timestamp with time zone NOT NULL,
    CONSTRAINT quality_scores_accuracy_check CHECK (((accuracy >= (0)::double precision) AND (accuracy <= (100)::double precision))),
    CONSTRAINT quality_scores_check CHECK ((expected = ((((stored + ours) + missing_at_source) + late) + not_due))),
    CONSTRAINT quality_scores_check1 CHECK (((on_time <= timed) AND (violating <= checked) AND (flagged <= examined))),
    CONSTRAINT quality_scores_completeness_check CHECK (((completeness >= (0)::double precision) AND (completeness <= (100)::double precision))),
    CONSTRAINT quality_scores_overall_check CHECK (((overall >= (0)::double precision) AND (overall <= (100)::double precision))),
    CONSTRAINT quality_scores_timeliness_check CHECK (((timeliness >= (0)::double precision) AND (timeliness <= (100)::double precision))),
    CONSTRAINT quality_scores_validity_check CHECK (((validity >= (0)::double precision) AND (validity <= (100)::double precision))),
    CONSTRAINT quality_scores_weights_check CHECK ((cardinality(weights) = 4))
);
COMMENT ON TABLE quality_scores IS 'How good each series was on each delivery day, 0 to 100, with the counts behind';
COMMENT ON COLUMN quality_scores.day IS 'local delivery day of the area, which begins at day_start';
COMMENT ON COLUMN quality_scores.completeness IS '100 * stored / (expected - not_due); null where nothing was due';
COMMENT ON COLUMN quality_scores.timeliness IS '100 * on_time / timed; null where no publication could be timed';
COMMENT ON COLUMN quality_scores.validity IS '100 * (1 - violating / checked); null where nothing was checked';
COMMENT ON COLUMN quality_scores.accuracy IS '100 * (1 - flagged / examined); null where nothing was examined';
COMMENT ON COLUMN quality_scores.overall IS 'mean of the dimensions that are present, by their weights';
COMMENT ON COLUMN quality_scores.expected IS 'market time units of the series grid; the five after it add up to it';
COMMENT ON COLUMN quality_scores.timed IS 'values whose publication could be timed: asked for around their deadline';
COMMENT ON COLUMN quality_scores.checked IS 'values that hard rules looked at; violating of them break one';
COMMENT ON COLUMN quality_scores.examined IS 'values that detectors knew enough to judge; flagged of them are implausible';
COMMENT ON COLUMN quality_scores.weights IS 'of completeness, timeliness, validity and accuracy, as set when scored';
COMMENT ON COLUMN quality_scores.scored_at IS 'when the row last changed';
CREATE TABLE quality_trends (
    series_id integer NOT NULL,
    week date NOT NULL,
    weeks smallint NOT NULL,
    score double precision NOT NULL,
    slope double precision NOT NULL,
    p_value double precision NOT NULL,
    drop_points double precision NOT NULL,
    degrading boolean NOT NULL,
    computed_at timestamp with time zone NOT NULL,
    CONSTRAINT quality_trends_p_value_check CHECK (((p_value >= (0)::double precision) AND (p_value <= (1)::double precision)))
);
COMMENT ON TABLE quality_trends IS 'Weekly comparison of the scores of each series';
COMMENT ON COLUMN quality_trends.week IS 'Monday of the last week that takes part';
COMMENT ON COLUMN quality_trends.weeks IS 'how many weeks take part';
COMMENT ON COLUMN quality_trends.slope IS 'points a week (Theil-Sen)';
COMMENT ON COLUMN quality_trends.p_value IS 'of the Mann-Kendall test that there is no trend';
COMMENT ON COLUMN quality_trends.drop_points IS 'points by which the score fell over the weeks; negative: it rose';
CREATE SEQUENCE questions
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
COMMENT ON SEQUENCE questions IS 'The order in which the sources were asked, over all processes';
CREATE TABLE rejected_points (
    run_id bigint NOT NULL,
    series text NOT NULL,
    place text NOT NULL,
    reason text NOT NULL
);
COMMENT ON TABLE rejected_points IS 'Points the source published and that could not be taken';
CREATE TABLE resolutions (
    id smallint NOT NULL,
    code text NOT NULL,
    seconds integer,
    days integer NOT NULL,
    months integer NOT NULL
);
COMMENT ON COLUMN resolutions.seconds IS 'null for calendar resolutions, which step in the local time of the area';
CREATE TABLE rule_executions (
    due_at timestamp with time zone NOT NULL,
    rule text NOT NULL,
    trigger text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seconds double precision NOT NULL,
    verdict text NOT NULL,
    signals integer NOT NULL,
    value double precision,
    threshold double precision,
    error text DEFAULT ''::text NOT NULL,
    notified boolean NOT NULL,
    CONSTRAINT rule_executions_trigger_check CHECK ((trigger = ANY (ARRAY['cron'::text, 'manual'::text, 'api'::text]))),
    CONSTRAINT rule_executions_verdict_check CHECK ((verdict = ANY (ARRAY['firing'::text, 'ok'::text, 'no_data'::text, 'error'::text])))
);
COMMENT ON TABLE rule_executions IS 'One row for each evaluation of a rule';
COMMENT ON COLUMN rule_executions.due_at IS 'the slot; of an evaluation that a person asked for, when it was asked for';
COMMENT ON COLUMN rule_executions.notified IS 'whether it gave people something to be told';
CREATE TABLE rule_problems (
    instance text NOT NULL,
    source text NOT NULL,
    file text NOT NULL,
    line integer NOT NULL,
    field text NOT NULL,
    message text NOT NULL,
    since timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE rule_problems IS 'What is wrong with the files that each process reads at present';
COMMENT ON COLUMN rule_problems.source IS 'which kind of file: rules, channels or plan';
COMMENT ON COLUMN rule_problems.line IS '0: the file as a whole';
COMMENT ON COLUMN rule_problems.seen_at IS 'refreshed every few seconds; rows of a process that has gone grow old';
CREATE TABLE rule_states (
    rule text NOT NULL,
    schedule text NOT NULL,
    about jsonb DEFAULT '{}'::jsonb NOT NULL,
    next_due timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    lease uuid,
    leased_until timestamp with time zone,
    paused_at timestamp with time zone,
    paused_by text DEFAULT ''::text NOT NULL,
    evaluated_at timestamp with time zone,
    seconds double precision,
    verdict text,
    value double precision,
    threshold double precision,
    error text DEFAULT ''::text NOT NULL,
    CONSTRAINT lease_has_an_end CHECK (((lease IS NULL) = (leased_until IS NULL))),
    CONSTRAINT rule_states_verdict_check CHECK ((verdict = ANY (ARRAY['firing'::text, 'ok'::text, 'no_data'::text, 'error'::text])))
);
COMMENT ON TABLE rule_states IS 'One row for each alert rule: when it is due, who evaluates it, what it found last';
COMMENT ON COLUMN rule_states.about IS 'what a message about its alerts needs once the rule itself has gone';
COMMENT ON COLUMN rule_states.next_due IS 'the slot that is evaluated next; slots missed meanwhile count as one';
COMMENT ON COLUMN rule_states.seen_at IS 'when a process last had the rule in its book; refreshed every minute';
COMMENT ON COLUMN rule_states.lease IS 'of the evaluation under way; a new one for each, and only its holder may write';
COMMENT ON COLUMN rule_states.evaluated_at IS 'when the last evaluation that was written began';
CREATE TABLE scheduler_jobs (
    id character varying(191) NOT NULL,
    next_run_time double precision,
    job_state bytea NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    unreadable text DEFAULT ''::text NOT NULL
);
COMMENT ON COLUMN scheduler_jobs.next_run_time IS 'seconds since 1970; kept while the job is paused';
COMMENT ON COLUMN scheduler_jobs.unreadable IS 'why job_state cannot be used; such a job is parked and never deleted';
CREATE TABLE scheduler_leader (
    only_row boolean DEFAULT true NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    holder text DEFAULT ''::text NOT NULL,
    backend_pid integer,
    backend_start timestamp with time zone,
    acquired_at timestamp with time zone,
    heartbeat_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT scheduler_leader_only_row_check CHECK (only_row)
);
COMMENT ON TABLE scheduler_leader IS 'Which process plans; its epoch fences everything that an earlier leader still wants';
COMMENT ON COLUMN scheduler_leader.backend_pid IS 'the session that holds the lock; a standby ends it when the heartbeat is old';
ALTER TABLE series ALTER COLUMN series_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME series_series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE service_metrics (
    at timestamp with time zone NOT NULL,
    instance text NOT NULL,
    leader boolean,
    cpu_cores real,
    resident_bytes bigint,
    memory_available_bytes bigint,
    memory_total_bytes bigint,
    disk_free_bytes bigint,
    disk_total_bytes bigint,
    loop_lag_seconds real,
    tasks integer,
    open_descriptors integer,
    max_descriptors integer,
    pool_used integer,
    pool_size integer,
    probe_seconds real,
    metrics_waiting integer,
    metrics_dropped bigint
);
COMMENT ON TABLE service_metrics IS 'The own resources of each replica every 15 s; a row is its sign of life';
COMMENT ON COLUMN service_metrics.cpu_cores IS 'processor time since the sample before, in cores';
COMMENT ON COLUMN service_metrics.loop_lag_seconds IS 'how late the event loop came back, the worst since the sample before';
COMMENT ON COLUMN service_metrics.probe_seconds IS 'a small query through the pool, waiting for a connection included';
COMMENT ON COLUMN service_metrics.metrics_dropped IS 'measurements that found no room since the process began';
CREATE TABLE silences (
    silence_id bigint NOT NULL,
    matchers text[] NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    author text NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT ends_after_start CHECK ((ends_at >= starts_at)),
    CONSTRAINT silences_matchers_check CHECK ((cardinality(matchers) > 0))
);
COMMENT ON TABLE silences IS 'Alerts that match are not told of between two instants';
COMMENT ON COLUMN silences.matchers IS 'name=value, !=, =~ or !~; all must match';
ALTER TABLE silences ALTER COLUMN silence_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME silences_silence_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE token_budgets (
    token_id text NOT NULL,
    theoretical_arrival timestamp with time zone NOT NULL,
    blocked_until timestamp with time zone,
    gap_due timestamp with time zone,
    gap_waits_until timestamp with time zone,
    backfill_due timestamp with time zone
);
COMMENT ON TABLE token_budgets IS 'Request budget of a token, shared by all processes (generic cell rate algorithm)';
COMMENT ON COLUMN token_budgets.token_id IS 'a digest of the token, never the token';
COMMENT ON COLUMN token_budgets.gap_due IS 'when the lane of gaps has a right to its next slot, whoever else waits';
COMMENT ON COLUMN token_budgets.gap_waits_until IS 'until then backfill leaves free slots to the lane of gaps';
COMMENT ON COLUMN token_budgets.backfill_due IS 'like gap_due, for backfill: its guaranteed share';
CREATE VIEW v_alert_events AS
 SELECT alert_events.event_id,
    alert_events.at,
    alert_events.kind,
    alert_events.alert_id,
    alert_events.rule,
    COALESCE((alerts.labels ->> 'area'::text), ''::text) AS area,
    COALESCE((alerts.labels ->> 'item'::text), ''::text) AS item,
    alerts.labels,
    alert_events.severity,
    alert_events.value,
    alert_events.told,
    alert_events.note
   FROM (alert_events
     JOIN alerts USING (alert_id));
COMMENT ON VIEW v_alert_events IS 'Everything that happened to alerts';
CREATE VIEW v_alerts AS
 SELECT alert_id,
    rule,
    COALESCE((labels ->> 'area'::text), ''::text) AS area,
    COALESCE((labels ->> 'item'::text), ''::text) AS item,
    labels,
    severity,
    phase,
    since,
    fired_at,
    gone_at,
    resolved_at,
    value,
    threshold,
    COALESCE((annotations ->> 'summary'::text), ''::text) AS summary,
    told_at,
    suppressed,
    flapping,
    acknowledged_at,
    acknowledged_by,
    acknowledge_note,
    (EXTRACT(epoch FROM (acknowledged_at - fired_at)))::double precision AS seconds_to_acknowledge,
    (EXTRACT(epoch FROM (resolved_at - fired_at)))::double precision AS seconds_to_resolve
   FROM alerts
  WHERE ((phase <> 'resolved'::text) OR (fired_at IS NOT NULL));
COMMENT ON VIEW v_alerts IS 'Alerts that fire or fired, and those that wait for their hold to pass';
CREATE VIEW v_areas AS
 SELECT code,
    eic,
    name,
    kinds,
    zone,
    since,
    until
   FROM areas;
COMMENT ON VIEW v_areas IS 'The areas this program knows';
CREATE VIEW v_collection_daily AS
 SELECT d.day,
    ((d.day)::timestamp without time zone AT TIME ZONE 'UTC'::text) AS day_start,
    d.item,
    (
        CASE
            WHEN (strpos(d.area, '>'::text) > 0) THEN (COALESCE(out_place.code, split_part(d.area, '>'::text, 1)) || '>'::text)
            ELSE ''::text
        END || COALESCE(place.code, split_part(d.area, '>'::text, '-1'::integer))) AS area,
    d.area AS area_eic,
    d.runs,
    d.stored_runs,
    d.empty_runs,
    d.failed_runs,
    (((d.runs - d.failed_runs))::double precision / (d.runs)::double precision) AS success_rate,
    d.received,
    d.new,
    d.revised,
    d.unchanged,
    d.vanished,
    d.rejected,
    d.requests,
    d.retries,
    d.bytes,
    (d.run_seconds / (d.runs)::double precision) AS mean_seconds,
    (d.response_seconds / (NULLIF(d.requests, 0))::double precision) AS mean_response_seconds,
    latency_quantile(d.latencies, (0.5)::double precision) AS p50_response_seconds,
    latency_quantile(d.latencies, (0.95)::double precision) AS p95_response_seconds,
    latency_quantile(d.latencies, (0.99)::double precision) AS p99_response_seconds,
    d.response_max AS max_response_seconds,
    d.parse_seconds,
    d.store_seconds,
    d.store_max AS max_store_seconds
   FROM ((collection_daily d
     LEFT JOIN areas place ON ((place.eic = split_part(d.area, '>'::text, '-1'::integer))))
     LEFT JOIN areas out_place ON (((strpos(d.area, '>'::text) > 0) AND (out_place.eic = split_part(d.area, '>'::text, 1)))));
COMMENT ON VIEW v_collection_daily IS 'The collection of each UTC day by item and area: outcomes, values, cost, response times';
CREATE VIEW v_data_lateness AS
 SELECT l.item,
    (
        CASE
            WHEN (strpos(l.area, '>'::text) > 0) THEN (COALESCE(out_place.code, split_part(l.area, '>'::text, 1)) || '>'::text)
            ELSE ''::text
        END || COALESCE(place.code, split_part(l.area, '>'::text, '-1'::integer))) AS area,
    l.area AS area_eic,
    l.newest_start,
    r.code AS resolution,
    l.due_at,
    (GREATEST(EXTRACT(epoch FROM (now() - l.due_at)), (0)::numeric))::double precision AS late_seconds,
    l.asked_at,
    l.changed_at
   FROM (((data_lateness l
     JOIN resolutions r ON ((r.id = l.resolution)))
     LEFT JOIN areas place ON ((place.eic = split_part(l.area, '>'::text, '-1'::integer))))
     LEFT JOIN areas out_place ON (((strpos(l.area, '>'::text) > 0) AND (out_place.eic = split_part(l.area, '>'::text, 1)))))
  WHERE (l.asked_at > (now() - '1 day'::interval));
COMMENT ON VIEW v_data_lateness IS 'The newest value of each item and area that is asked for, and how long the next one has been due';
CREATE VIEW v_collection_health AS
 WITH recent AS (
         SELECT collection_hourly.item,
            collection_hourly.area,
            sum(collection_hourly.runs) AS runs,
            sum(collection_hourly.failed_runs) AS failed_runs,
            max(collection_hourly.last_success_at) AS last_success_at,
            max(collection_hourly.response_max) AS response_max,
            latency_quantile(sum(collection_hourly.latencies), (0.95)::double precision) AS p95
           FROM collection_hourly
          WHERE (collection_hourly.hour > (now() - '24:00:00'::interval))
          GROUP BY collection_hourly.item, collection_hourly.area
        ), pairs AS (
         SELECT collection_daily.item,
            collection_daily.area,
            sum(collection_daily.runs) AS runs,
            sum(collection_daily.failed_runs) AS failed_runs,
            max(collection_daily.last_success_at) AS last_success_at
           FROM collection_daily
          WHERE (collection_daily.day > (((now() AT TIME ZONE 'UTC'::text))::date - 30))
          GROUP BY collection_daily.item, collection_daily.area
        )
 SELECT pairs.item,
    (
        CASE
            WHEN (strpos(pairs.area, '>'::text) > 0) THEN (COALESCE(out_place.code, split_part(pairs.area, '>'::text, 1)) || '>'::text)
            ELSE ''::text
        END || COALESCE(place.code, split_part(pairs.area, '>'::text, '-1'::integer))) AS area,
    pairs.area AS area_eic,
    COALESCE(recent.runs, (0)::bigint) AS runs_24h,
    COALESCE(recent.failed_runs, (0)::bigint) AS failed_24h,
    (((recent.runs - recent.failed_runs))::double precision / (recent.runs)::double precision) AS success_rate_24h,
    recent.p95 AS p95_response_seconds_24h,
    recent.response_max AS max_response_seconds_24h,
    pairs.runs AS runs_30d,
    pairs.failed_runs AS failed_30d,
    (((pairs.runs - pairs.failed_runs))::double precision / (pairs.runs)::double precision) AS success_rate_30d,
    pairs.last_success_at,
    late.newest_start,
    late.due_at,
    late.late_seconds
   FROM ((((pairs
     LEFT JOIN recent ON (((recent.item = pairs.item) AND (recent.area = pairs.area))))
     LEFT JOIN v_data_lateness late ON (((late.item = pairs.item) AND (late.area_eic = pairs.area))))
     LEFT JOIN areas place ON ((place.eic = split_part(pairs.area, '>'::text, '-1'::integer))))
     LEFT JOIN areas out_place ON (((strpos(pairs.area, '>'::text) > 0) AND (out_place.eic = split_part(pairs.area, '>'::text, 1)))));
COMMENT ON VIEW v_collection_health IS 'Every item and area that ran in the last 30 days: how its runs went of late, and how old its newest value is';
CREATE VIEW v_collection_runs AS
 SELECT collection_runs.run_id,
    collection_runs.source,
    collection_runs.item,
    (
        CASE
            WHEN (strpos(collection_runs.area, '>'::text) > 0) THEN (COALESCE(out_place.code, split_part(collection_runs.area, '>'::text, 1)) || '>'::text)
            ELSE ''::text
        END || COALESCE(place.code, split_part(collection_runs.area, '>'::text, '-1'::integer))) AS area,
    collection_runs.area AS area_eic,
    collection_runs.window_start,
    collection_runs.window_end,
    collection_runs.started_at,
    collection_runs.finished_at,
    (EXTRACT(epoch FROM (collection_runs.finished_at - collection_runs.started_at)))::double precision AS seconds,
    collection_runs.outcome,
    collection_runs.error_class,
    collection_runs.error_message,
    collection_runs.received,
    collection_runs.new,
    collection_runs.revised,
    collection_runs.unchanged,
    collection_runs.vanished,
    collection_runs.rejected,
    collection_runs.requests,
    collection_runs.retries,
    collection_runs.bytes,
    collection_runs.api_seconds,
    collection_runs.parse_seconds,
    collection_runs.store_seconds
   FROM ((collection_runs
     LEFT JOIN areas place ON ((place.eic = split_part(collection_runs.area, '>'::text, '-1'::integer))))
     LEFT JOIN areas out_place ON (((strpos(collection_runs.area, '>'::text) > 0) AND (out_place.eic = split_part(collection_runs.area, '>'::text, 1)))));
COMMENT ON VIEW v_collection_runs IS 'One row for each window that was asked for, whatever came of it';
CREATE VIEW v_collection_hourly AS
 SELECT date_trunc('hour'::text, finished_at, 'UTC'::text) AS hour,
    source,
    item,
    area,
    count(*) AS runs,
    count(*) FILTER (WHERE (outcome = 'stored'::text)) AS stored_runs,
    count(*) FILTER (WHERE (outcome = 'empty'::text)) AS empty_runs,
    count(*) FILTER (WHERE (outcome = 'failed'::text)) AS failed_runs,
    ((count(*) FILTER (WHERE (outcome <> 'failed'::text)))::double precision / (count(*))::double precision) AS success_rate,
    sum(received) AS received,
    sum(new) AS new,
    sum(revised) AS revised,
    sum(vanished) AS vanished,
    sum(rejected) AS rejected,
    sum(requests) AS requests,
    sum(retries) AS retries,
    (sum(bytes))::bigint AS bytes,
    avg(seconds) AS mean_seconds,
    percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY seconds) AS p95_seconds
   FROM v_collection_runs
  GROUP BY (date_trunc('hour'::text, finished_at, 'UTC'::text)), source, item, area;
COMMENT ON VIEW v_collection_hourly IS 'The collection of each hour by item and area: outcomes, values, cost';
CREATE VIEW v_series AS
 SELECT series.series_id,
    series.source,
    series.item,
    (
        CASE
            WHEN (strpos(series.area, '>'::text) > 0) THEN (COALESCE(out_place.code, split_part(series.area, '>'::text, 1)) || '>'::text)
            ELSE ''::text
        END || COALESCE(place.code, split_part(series.area, '>'::text, '-1'::integer))) AS area,
    series.area AS area_eic,
    series.in_area,
    series.out_area,
    series.direction,
    series.psr_type,
    COALESCE(psr_types.name, series.psr_type) AS psr_name,
    series.business_type,
    series.contract,
    series.sequence,
    series.flow_direction,
    series.category,
    series.unit_eic,
    series.unit,
    series.currency,
    COALESCE(place.zone, 'Europe/Brussels'::text) AS zone,
    series.first_seen
   FROM (((series
     LEFT JOIN psr_types ON ((psr_types.code = series.psr_type)))
     LEFT JOIN areas place ON ((place.eic = split_part(series.area, '>'::text, '-1'::integer))))
     LEFT JOIN areas out_place ON (((strpos(series.area, '>'::text) > 0) AND (out_place.eic = split_part(series.area, '>'::text, 1)))));
COMMENT ON VIEW v_series IS 'Every series: its key, with the area by its short code, and the zone of its days';
CREATE VIEW v_coverage_daily AS
 SELECT s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.in_area,
    s.out_area,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    s.unit,
    s.currency,
    (days.day)::date AS day,
    (days.day AT TIME ZONE 'UTC'::text) AS day_start,
    r.code AS resolution,
    COALESCE(c.stored, 0) AS stored,
    counted.expected,
    ((COALESCE(c.stored, 0))::double precision / (NULLIF(counted.expected, 0))::double precision) AS coverage
   FROM (((((v_series s
     CROSS JOIN LATERAL ( SELECT daily_counts.resolution,
            min(daily_counts.day) AS first_day,
            max(daily_counts.day) AS last_day
           FROM daily_counts
          WHERE (daily_counts.series_id = s.series_id)
          GROUP BY daily_counts.resolution) extent)
     JOIN resolutions r ON (((r.id = extent.resolution) AND (r.seconds IS NOT NULL))))
     CROSS JOIN LATERAL generate_series((extent.first_day)::timestamp without time zone, (extent.last_day)::timestamp without time zone, '1 day'::interval) days(day))
     LEFT JOIN daily_counts c ON (((c.series_id = s.series_id) AND (c.day = (days.day)::date) AND (c.resolution = extent.resolution))))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (s.psr_type <> ALL (ARRAY['B10'::text, 'B25'::text])) THEN (86400 / r.seconds)
                    ELSE (COALESCE(c.stored, 0) + (( SELECT (COALESCE(sum(EXTRACT(epoch FROM (LEAST(gaps.gap_end, ((days.day + '1 day'::interval) AT TIME ZONE 'UTC'::text)) - GREATEST(gaps.gap_start, (days.day AT TIME ZONE 'UTC'::text))))), (0)::numeric) / (r.seconds)::numeric)
                       FROM gaps
                      WHERE ((gaps.item = s.item) AND (gaps.area = s.area_eic) AND (gaps.series_id = s.series_id) AND (gaps.resolution = extent.resolution) AND (gaps.gap_start < ((days.day + '1 day'::interval) AT TIME ZONE 'UTC'::text)) AND (gaps.gap_end > (days.day AT TIME ZONE 'UTC'::text)))))::integer)
                END AS expected) counted);
COMMENT ON VIEW v_coverage_daily IS 'How many values are stored on each UTC day from the first to the last day of a series, and how many there are';
CREATE VIEW v_daily AS
 SELECT s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.in_area,
    s.out_area,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    s.unit,
    s.currency,
    d.day,
    ((d.day)::timestamp without time zone AT TIME ZONE s.zone) AS day_start,
    r.code AS resolution,
    d.stored,
        CASE
            WHEN (r.seconds IS NULL) THEN 1
            ELSE ((EXTRACT(epoch FROM ((((d.day + 1))::timestamp without time zone AT TIME ZONE s.zone) - ((d.day)::timestamp without time zone AT TIME ZONE s.zone))) / (r.seconds)::numeric))::integer
        END AS expected,
    (d.total / (NULLIF(d.stored, 0))::double precision) AS mean,
    d.minimum,
    d.maximum
   FROM ((v_series s
     CROSS JOIN LATERAL ( SELECT observations_by_day.day,
            observations_by_day.resolution,
            (sum(observations_by_day.stored))::bigint AS stored,
            sum(observations_by_day.total) AS total,
            min(observations_by_day.minimum) AS minimum,
            max(observations_by_day.maximum) AS maximum
           FROM observations_by_day
          WHERE (observations_by_day.series_id = s.series_id)
          GROUP BY observations_by_day.day, observations_by_day.resolution) d)
     JOIN resolutions r ON ((r.id = d.resolution)))
  WHERE (d.stored > 0);
COMMENT ON VIEW v_daily IS 'Mean, least and greatest value of each delivery day, which is the local day of the area';
CREATE VIEW v_observations AS
 SELECT s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.in_area,
    s.out_area,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    s.unit,
    s.currency,
    o.delivery_start,
    r.code AS resolution,
    o.value,
    o.filled,
    o.recorded_at
   FROM ((observations o
     JOIN v_series s USING (series_id))
     JOIN resolutions r ON ((r.id = o.resolution)))
  WHERE (o.value IS NOT NULL);
COMMENT ON VIEW v_observations IS 'The current value of each market time unit, without those the source withdrew';
CREATE VIEW v_flows AS
 SELECT series_id,
    item,
    area AS border,
    split_part(area, '>'::text, 1) AS from_area,
    split_part(area, '>'::text, 2) AS to_area,
    contract,
    delivery_start,
    resolution,
    value AS flow_mw,
    recorded_at
   FROM v_observations
  WHERE (item = ANY (ARRAY['flow_physical'::text, 'exchange_scheduled'::text]));
COMMENT ON VIEW v_flows IS 'Physical flows and scheduled exchanges over a border, from one area to the other';
CREATE VIEW v_gaps AS
 SELECT gaps.item,
    (
        CASE
            WHEN (strpos(gaps.area, '>'::text) > 0) THEN (COALESCE(out_place.code, split_part(gaps.area, '>'::text, 1)) || '>'::text)
            ELSE ''::text
        END || COALESCE(place.code, split_part(gaps.area, '>'::text, '-1'::integer))) AS area,
    gaps.area AS area_eic,
    gaps.series_id,
    gaps.gap_start,
    gaps.gap_end,
    r.code AS resolution,
    gaps.missing,
    gaps.reason,
    gaps.since AS due_since,
    gaps.found_at
   FROM (((gaps
     JOIN resolutions r ON ((r.id = gaps.resolution)))
     LEFT JOIN areas place ON ((place.eic = split_part(gaps.area, '>'::text, '-1'::integer))))
     LEFT JOIN areas out_place ON (((strpos(gaps.area, '>'::text) > 0) AND (out_place.eic = split_part(gaps.area, '>'::text, 1)))));
COMMENT ON VIEW v_gaps IS 'Values that are missing although they were due, with the reason';
CREATE VIEW v_generation AS
 SELECT o.series_id,
    o.area,
    o.psr_type,
    COALESCE(t.name, o.psr_type) AS psr_name,
    o.direction,
    o.delivery_start,
    o.resolution,
        CASE
            WHEN (o.direction = 'consumption'::text) THEN (- o.value)
            ELSE o.value
        END AS generation_mw,
    o.recorded_at
   FROM (v_observations o
     LEFT JOIN psr_types t ON ((t.code = o.psr_type)))
  WHERE (o.item = 'generation_actual'::text);
COMMENT ON VIEW v_generation IS 'Actual generation per type; consumption of storage is negative';
CREATE VIEW v_hourly AS
 SELECT s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.in_area,
    s.out_area,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    s.unit,
    s.currency,
    h.hour,
    r.code AS resolution,
    h.stored,
    (h.total / (NULLIF(h.stored, 0))::double precision) AS mean,
    h.minimum,
    h.maximum
   FROM ((v_series s
     CROSS JOIN LATERAL ( SELECT observations_by_hour.hour,
            observations_by_hour.resolution,
            (sum(observations_by_hour.stored))::bigint AS stored,
            sum(observations_by_hour.total) AS total,
            min(observations_by_hour.minimum) AS minimum,
            max(observations_by_hour.maximum) AS maximum
           FROM observations_by_hour
          WHERE (observations_by_hour.series_id = s.series_id)
          GROUP BY observations_by_hour.hour, observations_by_hour.resolution) h)
     JOIN resolutions r ON ((r.id = h.resolution)))
  WHERE ((r.seconds IS NOT NULL) AND (h.stored > 0));
COMMENT ON VIEW v_hourly IS 'Mean, least and greatest value of each hour, of market time units up to an hour';
CREATE VIEW v_latest AS
 SELECT s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.in_area,
    s.out_area,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    s.unit,
    s.currency,
    o.delivery_start,
    r.code AS resolution,
    o.value,
    o.filled,
    o.recorded_at
   FROM (((v_series s
     CROSS JOIN LATERAL ( SELECT ((daily_counts.day)::timestamp without time zone AT TIME ZONE 'UTC'::text) AS day_start
           FROM daily_counts
          WHERE ((daily_counts.series_id = s.series_id) AND (daily_counts.stored > 0))
          ORDER BY daily_counts.day DESC
         LIMIT 1) last)
     CROSS JOIN LATERAL ( SELECT observations.series_id,
            observations.delivery_start,
            observations.resolution,
            observations.value,
            observations.filled,
            observations.recorded_at
           FROM observations
          WHERE ((observations.series_id = s.series_id) AND (observations.delivery_start >= last.day_start) AND (observations.delivery_start < (last.day_start + '1 day'::interval)) AND (observations.value IS NOT NULL))
          ORDER BY observations.delivery_start DESC, observations.resolution
         LIMIT 1) o)
     JOIN resolutions r ON ((r.id = o.resolution)));
COMMENT ON VIEW v_latest IS 'The value with the latest delivery of each series; of a forecast it lies in the future';
CREATE VIEW v_load AS
 SELECT series_id,
    area,
    item,
    business_type,
    delivery_start,
    resolution,
    value AS load_mw,
    recorded_at
   FROM v_observations
  WHERE (item = ANY (ARRAY['load_actual'::text, 'load_forecast_day_ahead'::text, 'load_forecast_week_ahead'::text]));
COMMENT ON VIEW v_load IS 'Total load, actual and forecast';
CREATE VIEW v_metric_anomalies AS
 SELECT anomaly.hour,
    anomaly.metric,
    anomaly.item,
    (
        CASE
            WHEN (strpos(anomaly.area, '>'::text) > 0) THEN (COALESCE(out_place.code, split_part(anomaly.area, '>'::text, 1)) || '>'::text)
            ELSE ''::text
        END || COALESCE(place.code, split_part(anomaly.area, '>'::text, '-1'::integer))) AS area,
    anomaly.area AS area_eic,
    anomaly.value,
    anomaly.expected,
    anomaly.score,
    anomaly.detected_at
   FROM ((metric_anomalies anomaly
     LEFT JOIN areas place ON ((place.eic = split_part(anomaly.area, '>'::text, '-1'::integer))))
     LEFT JOIN areas out_place ON (((strpos(anomaly.area, '>'::text) > 0) AND (out_place.eic = split_part(anomaly.area, '>'::text, 1)))));
COMMENT ON VIEW v_metric_anomalies IS 'Hours in which the collection of an item and area went unusually';
CREATE VIEW v_prices AS
 SELECT series_id,
    area,
    delivery_start,
    resolution,
    value AS price,
    currency,
    unit,
    contract,
    sequence,
    recorded_at
   FROM v_observations
  WHERE (item = 'price_day_ahead'::text);
COMMENT ON VIEW v_prices IS 'Day-ahead prices';
CREATE VIEW v_quality_findings AS
 SELECT q.finding_id,
    s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    q.dimension,
    q.rule,
    q.interval_start,
    q.interval_end,
    q.affected,
    q.score,
    q.severity,
    q.state,
    q.evidence,
    q.first_seen,
    q.last_seen,
    q.state_since,
    q.note,
    q.noted_by,
    q.attempts,
    q.next_attempt_at
   FROM (quality_findings q
     JOIN v_series s USING (series_id));
COMMENT ON VIEW v_quality_findings IS 'What is wrong with values, the evidence, and what became of it';
CREATE VIEW v_quality_scores AS
 SELECT s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    q.day,
    q.day_start,
    q.completeness,
    q.timeliness,
    q.validity,
    q.accuracy,
    q.overall,
    q.expected,
    q.stored,
    q.ours,
    q.missing_at_source,
    q.late,
    q.not_due,
    q.timed,
    q.on_time,
    q.checked,
    q.violating,
    q.examined,
    q.flagged,
    q.weights,
    q.scored_at
   FROM (quality_scores q
     JOIN v_series s USING (series_id));
COMMENT ON VIEW v_quality_scores IS 'Quality of each series and delivery day, 0 to 100, with the counts behind each dimension';
CREATE VIEW v_quality_trends AS
 SELECT s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    q.week,
    q.weeks,
    q.score,
    q.slope,
    q.p_value,
    q.drop_points,
    q.degrading,
    q.computed_at
   FROM (quality_trends q
     JOIN v_series s USING (series_id));
COMMENT ON VIEW v_quality_trends IS 'Weekly comparison of the scores of each series';
CREATE VIEW v_revisions AS
 SELECT s.series_id,
    s.source,
    s.item,
    s.area,
    s.area_eic,
    s.in_area,
    s.out_area,
    s.direction,
    s.psr_type,
    s.business_type,
    s.contract,
    s.sequence,
    s.flow_direction,
    s.category,
    s.unit_eic,
    s.unit,
    s.currency,
    h.delivery_start,
    r.code AS resolution,
    h.value AS value_before,
        CASE
            WHEN (later.series_id IS NULL) THEN o.value
            ELSE later.value
        END AS value_after,
    h.recorded_at,
    h.superseded_at
   FROM ((((observation_revisions h
     JOIN v_series s USING (series_id))
     JOIN resolutions r ON ((r.id = h.resolution)))
     LEFT JOIN observation_revisions later ON (((later.series_id = h.series_id) AND (later.delivery_start = h.delivery_start) AND (later.resolution = h.resolution) AND (later.recorded_at = h.superseded_at))))
     LEFT JOIN observations o ON (((o.series_id = h.series_id) AND (o.delivery_start = h.delivery_start) AND (o.resolution = h.resolution))));
COMMENT ON VIEW v_revisions IS 'Every correction: the value before, the value after, and when we learned of each';
CREATE VIEW v_rule_executions AS
 SELECT due_at,
    rule,
    trigger,
    started_at,
    (EXTRACT(epoch FROM (started_at - due_at)))::double precision AS lateness,
    seconds,
    verdict,
    signals,
    value,
    threshold,
    error,
    notified
   FROM rule_executions;
COMMENT ON VIEW v_rule_executions IS 'Every evaluation of every alert rule';
CREATE VIEW v_rule_states AS
 SELECT rule,
    schedule,
    next_due,
    paused_at,
    paused_by,
    evaluated_at,
    seconds,
    verdict,
    value,
    threshold,
    error
   FROM rule_states;
COMMENT ON VIEW v_rule_states IS 'Alert rules: when each is due and what it found last';
CREATE VIEW v_service_metrics AS
 SELECT service_metrics.at,
    service_metrics.instance,
    measured.name,
    measured.value
   FROM (service_metrics
     CROSS JOIN LATERAL ( VALUES ('leader'::text,((service_metrics.leader)::integer)::double precision), ('cpu_cores'::text,(service_metrics.cpu_cores)::double precision), ('resident_bytes'::text,(service_metrics.resident_bytes)::double precision), ('memory_available_bytes'::text,(service_metrics.memory_available_bytes)::double precision), ('memory_total_bytes'::text,(service_metrics.memory_total_bytes)::double precision), ('disk_free_bytes'::text,(service_metrics.disk_free_bytes)::double precision), ('disk_total_bytes'::text,(service_metrics.disk_total_bytes)::double precision), ('loop_lag_seconds'::text,(service_metrics.loop_lag_seconds)::double precision), ('tasks'::text,(service_metrics.tasks)::double precision), ('open_descriptors'::text,(service_metrics.open_descriptors)::double precision), ('max_descriptors'::text,(service_metrics.max_descriptors)::double precision), ('pool_used'::text,(service_metrics.pool_used)::double precision), ('pool_size'::text,(service_metrics.pool_size)::double precision), ('probe_seconds'::text,(service_metrics.probe_seconds)::double precision), ('metrics_waiting'::text,(service_metrics.metrics_waiting)::double precision), ('metrics_dropped'::text,(service_metrics.metrics_dropped)::double precision)) measured(name, value))
  WHERE (measured.value IS NOT NULL);
COMMENT ON VIEW v_service_metrics IS 'The own resources of each replica every 15 s, one row for each name';
ALTER TABLE ONLY alert_events
    ADD CONSTRAINT alert_events_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (alert_id);
ALTER TABLE ONLY answer_floor
    ADD CONSTRAINT answer_floor_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY areas
    ADD CONSTRAINT areas_code_key UNIQUE (code);
ALTER TABLE ONLY areas
    ADD CONSTRAINT areas_pkey PRIMARY KEY (eic);
ALTER TABLE ONLY asked_ranges
    ADD CONSTRAINT asked_ranges_once UNIQUE NULLS NOT DISTINCT (item, area, range_start, range_end, backfill_id);
ALTER TABLE ONLY asked_ranges
    ADD CONSTRAINT asked_ranges_pkey PRIMARY KEY (range_id);
ALTER TABLE ONLY backfill_chunks
    ADD CONSTRAINT backfill_chunks_pkey PRIMARY KEY (chunk_id);
ALTER TABLE ONLY backfill_chunks
    ADD CONSTRAINT backfill_chunks_window UNIQUE (backfill_id, item, area, window_start);
ALTER TABLE ONLY backfills
    ADD CONSTRAINT backfills_pkey PRIMARY KEY (backfill_id);
ALTER TABLE ONLY channel_states
    ADD CONSTRAINT channel_states_pkey PRIMARY KEY (channel);
ALTER TABLE ONLY collection_daily
    ADD CONSTRAINT collection_daily_pkey PRIMARY KEY (day, item, area);
ALTER TABLE ONLY collection_hourly
    ADD CONSTRAINT collection_hourly_pkey PRIMARY KEY (hour, item, area);
ALTER TABLE ONLY collection_metrics
    ADD CONSTRAINT collection_metrics_pkey PRIMARY KEY (run_id, started_at);
ALTER TABLE ONLY collection_rollup_state
    ADD CONSTRAINT collection_rollup_state_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY collection_runs
    ADD CONSTRAINT collection_runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY daily_counts
    ADD CONSTRAINT daily_counts_pkey PRIMARY KEY (series_id, day, resolution);
ALTER TABLE ONLY data_lateness
    ADD CONSTRAINT data_lateness_pkey PRIMARY KEY (item, area);
ALTER TABLE ONLY database_origin
    ADD CONSTRAINT database_origin_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY empty_incidents
    ADD CONSTRAINT empty_incidents_pkey PRIMARY KEY (incident_id);
ALTER TABLE ONLY gap_changes
    ADD CONSTRAINT gap_changes_pkey PRIMARY KEY (change_id);
ALTER TABLE ONLY gaps
    ADD CONSTRAINT gaps_pkey PRIMARY KEY (gap_id);
ALTER TABLE ONLY gaps
    ADD CONSTRAINT gaps_place UNIQUE NULLS NOT DISTINCT (item, area, series_id, gap_start);
ALTER TABLE ONLY gridkeeper_version
    ADD CONSTRAINT gridkeeper_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY job_runs
    ADD CONSTRAINT job_runs_pkey PRIMARY KEY (job, scheduled_for);
ALTER TABLE ONLY maintenance_windows
    ADD CONSTRAINT maintenance_windows_pkey PRIMARY KEY (window_id);
ALTER TABLE ONLY malformed_documents
    ADD CONSTRAINT malformed_documents_pkey PRIMARY KEY (id);
ALTER TABLE ONLY metric_anomalies
    ADD CONSTRAINT metric_anomalies_pkey PRIMARY KEY (hour, metric, item, area);
ALTER TABLE ONLY mtu_history
    ADD CONSTRAINT mtu_history_pkey PRIMARY KEY (series_id, valid_from);
ALTER TABLE ONLY notification_attempts
    ADD CONSTRAINT notification_attempts_pkey PRIMARY KEY (attempt_id);
ALTER TABLE ONLY notification_events
    ADD CONSTRAINT notification_events_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY notifications
    ADD CONSTRAINT notifications_idempotency_key_key UNIQUE (idempotency_key);
ALTER TABLE ONLY notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (notification_id);
ALTER TABLE ONLY observation_revisions
    ADD CONSTRAINT observation_revisions_pkey PRIMARY KEY (series_id, delivery_start, resolution, recorded_at);
ALTER TABLE ONLY observations
    ADD CONSTRAINT observations_pkey PRIMARY KEY (series_id, delivery_start, resolution);
ALTER TABLE ONLY psr_types
    ADD CONSTRAINT psr_types_pkey PRIMARY KEY (code);
ALTER TABLE ONLY quality_findings
    ADD CONSTRAINT quality_findings_pkey PRIMARY KEY (finding_id);
ALTER TABLE ONLY quality_repairs
    ADD CONSTRAINT quality_repairs_pkey PRIMARY KEY (repair_id);
ALTER TABLE ONLY quality_scans
    ADD CONSTRAINT quality_scans_pkey PRIMARY KEY (series_id);
ALTER TABLE ONLY quality_scores
    ADD CONSTRAINT quality_scores_pkey PRIMARY KEY (series_id, day_start);
ALTER TABLE ONLY quality_trends
    ADD CONSTRAINT quality_trends_pkey PRIMARY KEY (series_id, week);
ALTER TABLE ONLY resolutions
    ADD CONSTRAINT resolutions_code_key UNIQUE (code);
ALTER TABLE ONLY resolutions
    ADD CONSTRAINT resolutions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY rule_problems
    ADD CONSTRAINT rule_problems_pkey PRIMARY KEY (instance, source, file, line, field, message);
ALTER TABLE ONLY rule_states
    ADD CONSTRAINT rule_states_pkey PRIMARY KEY (rule);
ALTER TABLE ONLY scheduler_jobs
    ADD CONSTRAINT scheduler_jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY scheduler_leader
    ADD CONSTRAINT scheduler_leader_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY series
    ADD CONSTRAINT series_natural_key UNIQUE (source, item, area, in_area, out_area, direction, psr_type, business_type, contract, sequence, flow_direction, category, unit_eic, unit, currency);
ALTER TABLE ONLY series
    ADD CONSTRAINT series_pkey PRIMARY KEY (series_id);
ALTER TABLE ONLY service_metrics
    ADD CONSTRAINT service_metrics_pkey PRIMARY KEY (at, instance);
ALTER TABLE ONLY silences
    ADD CONSTRAINT silences_pkey PRIMARY KEY (silence_id);
ALTER TABLE ONLY token_budgets
    ADD CONSTRAINT token_budgets_pkey PRIMARY KEY (token_id);
CREATE INDEX alert_events_alert ON alert_events USING btree (alert_id, event_id);
CREATE INDEX alert_events_at ON alert_events USING btree (at);
CREATE INDEX alerts_look ON alerts USING btree (look_at) WHERE (look_at IS NOT NULL);
CREATE UNIQUE INDEX alerts_open ON alerts USING btree (rule, md5((labels)::text)) WHERE (phase <> 'resolved'::text);
CREATE INDEX alerts_owed ON alerts USING btree (rule) WHERE ((phase = 'resolved'::text) AND (told_at IS NOT NULL) AND (end_told_at IS NULL));
CREATE INDEX alerts_rule ON alerts USING btree (rule, resolved_at);
CREATE INDEX alerts_since ON alerts USING btree (since);
CREATE INDEX alerts_suppressed ON alerts USING btree (rule) WHERE (suppressed <> ''::text);
CREATE INDEX answer_spans_age ON answer_spans USING btree (answered_at);
CREATE INDEX answer_spans_order ON answer_spans USING btree (lock, question);
CREATE INDEX backfill_chunks_ended ON backfill_chunks USING btree (backfill_id, ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX backfill_chunks_open ON backfill_chunks USING btree (backfill_id, attempts, "position") WHERE (state = ANY (ARRAY['pending'::text, 'claimed'::text]));
CREATE INDEX backfill_chunks_run ON backfill_chunks USING btree (run_id);
CREATE INDEX backfills_open ON backfills USING btree (backfill_id) WHERE ((cancelled_at IS NULL) AND (finished_at IS NULL));
CREATE INDEX collection_daily_item_area ON collection_daily USING btree (item, area, day);
CREATE INDEX collection_metrics_recorded ON collection_metrics USING btree (recorded_at);
CREATE INDEX collection_metrics_started ON collection_metrics USING btree (started_at);
CREATE INDEX collection_runs_failed ON collection_runs USING btree (finished_at) WHERE (outcome = 'failed'::text);
CREATE INDEX collection_runs_finished ON collection_runs USING btree (finished_at);
CREATE INDEX collection_runs_latest ON collection_runs USING btree (item, area, finished_at);
CREATE INDEX collection_runs_window ON collection_runs USING btree (item, area, window_end);
CREATE UNIQUE INDEX empty_incidents_open ON empty_incidents USING btree ((true)) WHERE (ended_at IS NULL);
CREATE INDEX gap_changes_at ON gap_changes USING btree (at);
CREATE INDEX job_runs_running ON job_runs USING btree (epoch) WHERE (outcome = 'running'::text);
CREATE INDEX job_runs_scheduled_for ON job_runs USING btree (scheduled_for);
CREATE INDEX job_runs_waiting ON job_runs USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);
CREATE INDEX malformed_documents_run ON malformed_documents USING btree (run_id);
CREATE INDEX notification_attempts_channel ON notification_attempts USING btree (channel, attempted_at);
CREATE INDEX notification_attempts_notification ON notification_attempts USING btree (notification_id);
CREATE INDEX notification_events_alert ON notification_events USING btree (alert_id, notification_id);
CREATE INDEX notification_events_notification ON notification_events USING btree (notification_id);
CREATE UNIQUE INDEX notifications_collecting ON notifications USING btree (channel, group_key) WHERE ((status = 'waiting'::text) AND (frozen_at IS NULL));
CREATE INDEX notifications_ended ON notifications USING btree (ended_at);
CREATE INDEX notifications_groups ON notifications USING btree (channel, group_key, notification_id);
CREATE INDEX notifications_order ON notifications USING btree (channel, group_key, notification_id) WHERE (status = 'waiting'::text);
CREATE INDEX notifications_waiting ON notifications USING btree (channel, not_before) WHERE (status = 'waiting'::text);
CREATE INDEX observation_revisions_superseded ON observation_revisions USING btree (superseded_at);
CREATE INDEX quality_findings_open ON quality_findings USING btree (interval_end) WHERE (state = 'open'::text);
CREATE INDEX quality_findings_series ON quality_findings USING btree (series_id, interval_start);
CREATE INDEX quality_findings_waiting ON quality_findings USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);
CREATE INDEX quality_repairs_finding ON quality_repairs USING btree (finding_id);
CREATE INDEX quality_repairs_pending ON quality_repairs USING btree (backfill_id) WHERE (outcome = 'pending'::text);
CREATE INDEX quality_scores_day ON quality_scores USING btree (day_start);
CREATE INDEX rejected_points_run ON rejected_points USING btree (run_id);
CREATE INDEX rule_executions_due ON rule_executions USING brin (due_at);
CREATE INDEX rule_executions_rule ON rule_executions USING btree (rule, due_at);
CREATE INDEX rule_states_due ON rule_states USING btree (next_due) WHERE (paused_at IS NULL);
CREATE INDEX scheduler_jobs_next_run ON scheduler_jobs USING btree (next_run_time);
CREATE INDEX series_item_area ON series USING btree (item, area);
CREATE INDEX silences_ends ON silences USING btree (ends_at);
ALTER TABLE ONLY alert_events
    ADD CONSTRAINT alert_events_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES alerts(alert_id) ON DELETE CASCADE;
ALTER TABLE ONLY backfill_chunks
    ADD CONSTRAINT backfill_chunks_backfill_id_fkey FOREIGN KEY (backfill_id) REFERENCES backfills(backfill_id) ON DELETE CASCADE;
ALTER TABLE ONLY backfill_chunks
    ADD CONSTRAINT backfill_chunks_run_id_fkey FOREIGN KEY (run_id) REFERENCES collection_runs(run_id) ON DELETE SET NULL;
ALTER TABLE ONLY data_lateness
    ADD CONSTRAINT data_lateness_resolution_fkey FOREIGN KEY (resolution) REFERENCES resolutions(id);
ALTER TABLE ONLY gap_changes
    ADD CONSTRAINT gap_changes_resolution_fkey FOREIGN KEY (resolution) REFERENCES resolutions(id);
ALTER TABLE ONLY gaps
    ADD CONSTRAINT gaps_resolution_fkey FOREIGN KEY (resolution) REFERENCES resolutions(id);
ALTER TABLE ONLY malformed_documents
    ADD CONSTRAINT malformed_documents_run_id_fkey FOREIGN KEY (run_id) REFERENCES collection_runs(run_id) ON DELETE SET NULL;
ALTER TABLE ONLY mtu_history
    ADD CONSTRAINT mtu_history_resolution_fkey FOREIGN KEY (resolution) REFERENCES resolutions(id);
ALTER TABLE ONLY notification_attempts
    ADD CONSTRAINT notification_attempts_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES notifications(notification_id) ON DELETE CASCADE;
ALTER TABLE ONLY notification_events
    ADD CONSTRAINT notification_events_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES notifications(notification_id) ON DELETE CASCADE;
ALTER TABLE ONLY notifications
    ADD CONSTRAINT notifications_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES notifications(notification_id) ON DELETE SET NULL;
ALTER TABLE ONLY quality_repairs
    ADD CONSTRAINT quality_repairs_backfill_id_fkey FOREIGN KEY (backfill_id) REFERENCES backfills(backfill_id) ON DELETE SET NULL;
ALTER TABLE ONLY quality_repairs
    ADD CONSTRAINT quality_repairs_finding_id_fkey FOREIGN KEY (finding_id) REFERENCES quality_findings(finding_id) ON DELETE SET NULL;
ALTER TABLE ONLY rejected_points
    ADD CONSTRAINT rejected_points_run_id_fkey FOREIGN KEY (run_id) REFERENCES collection_runs(run_id) ON DELETE CASCADE;
-- What every database of the revision holds.
insert into gridkeeper_version (version_num) values ('0017');
insert into database_origin (origin) values ('sandbox');
insert into resolutions (id, code, seconds, days, months) values
    (1, 'PT4S', 4, 0, 0), (2, 'PT1M', 60, 0, 0), (3, 'PT5M', 300, 0, 0), (4, 'PT10M', 600, 0, 0),
    (5, 'PT15M', 900, 0, 0), (6, 'PT30M', 1800, 0, 0), (7, 'PT60M', 3600, 0, 0), (8, 'P1D', null, 1, 0),
    (9, 'P7D', null, 7, 0), (10, 'P1M', null, 0, 1), (11, 'P3M', null, 0, 3), (12, 'P1Y', null, 0, 12);
insert into psr_types (code, name) values ('B16', 'Solar'), ('B10', 'Hydro pumped storage');
insert into scheduler_leader (epoch, holder, heartbeat_at) values (7, 'host:1', '2024-01-02 00:00Z');
insert into collection_rollup_state (rolled_until) values ('2024-01-02 00:00Z');
insert into answer_floor (question) values (41);

-- Values with a correction, and how they came.
insert into series (source, item, area, unit, first_seen) values
    ('entsoe', 'load_actual', '10Y1001A1001A82H', 'MAW', '2024-01-01 00:00Z'),
    ('entsoe', 'load_actual', '10YFR-RTE------C', 'MAW', '2024-01-01 00:00Z');
insert into observations (series_id, delivery_start, resolution, value, filled, recorded_at)
    select id, timestamptz '2024-01-01 00:00Z' + hour * interval '1 hour', 7, 1000 * id + hour + 0.1, hour % 5 = 0, '2024-01-02 01:00Z'
    from generate_series(1, 2) as id, generate_series(0, 23) as hour;
insert into observation_revisions values (1, '2024-01-01 03:00Z', 7, 7.5, false, '2024-01-01 04:00Z', '2024-01-02 01:00Z');
insert into daily_counts values (1, '2024-01-01', 7, 24), (2, '2024-01-01', 7, 24);
insert into collection_runs (source, item, area, window_start, window_end, started_at, finished_at, outcome, received, new) values
    ('entsoe', 'load_actual', '10Y1001A1001A82H', '2024-01-01 00:00Z', '2024-01-02 00:00Z', '2024-01-02 01:00Z', '2024-01-02 01:01Z', 'stored', 24, 24);
insert into collection_metrics (
    run_id, source, item, area, started_at, finished_at, outcome, received, new, revised, unchanged, vanished, rejected,
    requests, retries, bytes, response_seconds, parse_seconds, store_seconds
) values (
    1, 'entsoe', 'load_actual', '10Y1001A1001A82H', '2024-01-02 01:00Z', '2024-01-02 01:01Z', 'stored', 24, 24, 0, 0, 0, 0,
    1, 0, 4000, 0.5, 0.1, 0.1
);
insert into job_runs (job, scheduled_for, trigger, kind, outcome, runner) values
    ('collect:load_actual', '2024-01-02 01:00Z', 'cron', 'collect', 'succeeded', 'host:1');

-- A backfill with a window in each state that a window can be left in.
insert into backfills (created_at, description, reprocess, newest_first, concurrency) values
    ('2024-01-02 02:00Z', 'load_actual DE_LU 2023', 'missing', true, 4);
insert into backfill_chunks (backfill_id, position, item, area, window_start, window_end, state, ended_at, run_id, lease, lease_until) values
    (1, 1, 'load_actual', '10Y1001A1001A82H', '2023-01-01 00:00Z', '2023-02-01 00:00Z', 'stored', '2024-01-02 02:10Z', 1, null, null),
    (1, 2, 'load_actual', '10Y1001A1001A82H', '2023-02-01 00:00Z', '2023-03-01 00:00Z', 'claimed', null, null, '11111111-1111-1111-1111-111111111111', '2024-01-02 02:30Z'),
    (1, 3, 'load_actual', '10Y1001A1001A82H', '2023-03-01 00:00Z', '2023-04-01 00:00Z', 'pending', null, null, null, null);

-- An alert that fires, one whose end nobody was notified of, one that waits; and what became of them.
insert into alerts (
    rule, labels, severity, phase, since, seen_at, fired_at, resolved_at, told_at, told_severity, end_told_at, suppressed, look_at
) values
    ('late_data', '{"area": "DE_LU"}', 'warning', 'firing', '2024-01-02 03:00Z', '2024-01-02 04:00Z', '2024-01-02 03:05Z', null, '2024-01-02 03:05Z', 'warning', null, '', '2024-01-02 09:05Z'),
    ('late_data', '{"area": "FR"}', 'critical', 'resolved', '2024-01-02 03:00Z', '2024-01-02 04:00Z', '2024-01-02 03:05Z', '2024-01-02 04:00Z', '2024-01-02 03:05Z', 'critical', null, 'silence 1', null),
    ('late_data', '{"area": "NL"}', 'info', 'pending', '2024-01-02 03:59Z', '2024-01-02 04:00Z', null, null, null, null, null, '', null);
insert into alert_events (alert_id, rule, at, kind, severity, value, told, delivered) values
    (1, 'late_data', '2024-01-02 03:05Z', 'fired', 'warning', 2, true, '{mail}'),
    (2, 'late_data', '2024-01-02 03:05Z', 'fired', 'critical', 9, true, '{}'),
    (3, 'late_data', '2024-01-02 03:59Z', 'pending', 'info', 1, false, '{}');
insert into rule_executions (due_at, rule, trigger, started_at, seconds, verdict, signals, notified) values
    ('2024-01-02 03:05Z', 'late_data', 'cron', '2024-01-02 03:05Z', 0.1, 'firing', 2, true);
insert into notifications (channel, group_key, status, created_at, not_before, ended_at) values
    ('mail', '["default"]', 'sent', '2024-01-02 03:05Z', '2024-01-02 03:05Z', '2024-01-02 03:06Z');
insert into notification_events (notification_id, alert_id, kind, rule, severity, at, content) values
    (1, 1, 'fired', 'late_data', 'warning', '2024-01-02 03:05Z', '{}');
