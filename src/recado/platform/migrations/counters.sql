-- Run counters follow delivery rows inside the very statement that changes them, whoever wrote it,
-- so that no code path can forget them and no reader ever counts. Runs are locked in id order,
-- after the deliveries: every statement on deliveries locks those in id order first.

CREATE FUNCTION count_new_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH delta AS (
        SELECT workspace_id, run_id, count(*) AS total,
               count(*) FILTER (WHERE status = 'pending') AS pending,
               count(*) FILTER (WHERE status = 'sending') AS sending,
               count(*) FILTER (WHERE status = 'sent') AS sent,
               count(*) FILTER (WHERE status = 'delivered') AS delivered,
               count(*) FILTER (WHERE status = 'read') AS read,
               count(*) FILTER (WHERE status = 'failed') AS failed,
               count(*) FILTER (WHERE status = 'unknown') AS unknown,
               count(*) FILTER (WHERE status = 'suppressed') AS suppressed,
               count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
               count(*) FILTER (WHERE status = 'expired') AS expired
        FROM new_rows GROUP BY workspace_id, run_id
    ), locked AS (
        SELECT r.workspace_id, r.id FROM run r
        JOIN delta d ON d.workspace_id = r.workspace_id AND d.run_id = r.id
        ORDER BY r.workspace_id, r.id FOR UPDATE OF r
    )
    UPDATE run r
    SET total = r.total + d.total, pending = r.pending + d.pending,
        sending = r.sending + d.sending, sent = r.sent + d.sent,
        delivered = r.delivered + d.delivered, read = r.read + d.read,
        failed = r.failed + d.failed, unknown = r.unknown + d.unknown,
        suppressed = r.suppressed + d.suppressed, cancelled = r.cancelled + d.cancelled,
        expired = r.expired + d.expired, changed_at = clock_timestamp()
    FROM delta d JOIN locked l ON l.workspace_id = d.workspace_id AND l.id = d.run_id
    WHERE r.workspace_id = d.workspace_id AND r.id = d.run_id;
    RETURN NULL;
END $$;

CREATE TRIGGER delivery_counted_in AFTER INSERT ON delivery
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION count_new_deliveries();

CREATE FUNCTION count_changed_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH change AS (
        SELECT workspace_id, run_id, status, sum(n)::bigint AS n,
               coalesce(sum(n) FILTER (WHERE held), 0)::bigint AS held
        FROM (
            SELECT workspace_id, run_id, status, held, 1 AS n FROM new_rows
            UNION ALL
            SELECT workspace_id, run_id, status, held, -1 FROM old_rows
        ) both_sides
        GROUP BY workspace_id, run_id, status
        HAVING sum(n) <> 0 OR coalesce(sum(n) FILTER (WHERE held), 0) <> 0
    ), delta AS (
        SELECT workspace_id, run_id,
               coalesce(sum(n) FILTER (WHERE status = 'pending'), 0) AS pending,
               coalesce(sum(n) FILTER (WHERE status = 'sending'), 0) AS sending,
               coalesce(sum(n) FILTER (WHERE status = 'sent'), 0) AS sent,
               coalesce(sum(n) FILTER (WHERE status = 'delivered'), 0) AS delivered,
               coalesce(sum(n) FILTER (WHERE status = 'read'), 0) AS read,
               coalesce(sum(n) FILTER (WHERE status = 'failed'), 0) AS failed,
               coalesce(sum(n) FILTER (WHERE status = 'unknown'), 0) AS unknown,
               coalesce(sum(n) FILTER (WHERE status = 'suppressed'), 0) AS suppressed,
               coalesce(sum(n) FILTER (WHERE status = 'cancelled'), 0) AS cancelled,
               coalesce(sum(n) FILTER (WHERE status = 'expired'), 0) AS expired,
               sum(held) AS held
        FROM change GROUP BY workspace_id, run_id
    ), locked AS (
        SELECT r.workspace_id, r.id FROM run r
        JOIN delta d ON d.workspace_id = r.workspace_id AND d.run_id = r.id
        ORDER BY r.workspace_id, r.id FOR UPDATE OF r
    )
    UPDATE run r
    SET pending = r.pending + d.pending, sending = r.sending + d.sending,
        sent = r.sent + d.sent, delivered = r.delivered + d.delivered, read = r.read + d.read,
        failed = r.failed + d.failed, unknown = r.unknown + d.unknown,
        suppressed = r.suppressed + d.suppressed, cancelled = r.cancelled + d.cancelled,
        expired = r.expired + d.expired, held = r.held + d.held, changed_at = clock_timestamp()
    FROM delta d JOIN locked l ON l.workspace_id = d.workspace_id AND l.id = d.run_id
    WHERE r.workspace_id = d.workspace_id AND r.id = d.run_id;
    RETURN NULL;
END $$;

CREATE TRIGGER delivery_recounted AFTER UPDATE ON delivery
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION count_changed_deliveries();

-- The ladder that a provider's word climbs, as domain/deliveries.py has it (a test compares them).
CREATE FUNCTION delivery_rank(status text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE status
    WHEN 'sending' THEN 1 WHEN 'unknown' THEN 2 WHEN 'sent' THEN 3 WHEN 'failed' THEN 4
    WHEN 'delivered' THEN 5 WHEN 'read' THEN 6 ELSE 0 END;

-- The higher of what we know and what is reported. That something failed says nothing about what
-- has not left.
CREATE FUNCTION delivery_raised(status text, reported text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN reported = 'failed' AND delivery_rank(status) = 0 THEN status
    WHEN delivery_rank(reported) > delivery_rank(status) THEN reported
    ELSE status END;

-- What a delivery of several parts shows, by the states of all of them in their order, as whole() in
-- domain/deliveries.py has it (a test compares them).
CREATE FUNCTION delivery_whole(own text, parts text[], next_part integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN own = 'sending' THEN own
    WHEN own IN ('suppressed', 'cancelled', 'expired')
        AND NOT parts <@ ARRAY['sent', 'delivered', 'read'] THEN own
    ELSE (
        SELECT state FROM (
            SELECT CASE WHEN own = 'pending' AND place = next_part
                AND given IN ('failed', 'unknown') THEN 'pending' ELSE given END AS state
            FROM unnest(parts) WITH ORDINALITY AS p (given, place)
        ) each
        ORDER BY array_position(
            ARRAY['sending', 'failed', 'unknown', 'pending', 'sent', 'delivered', 'read'], state)
        LIMIT 1
    ) END;
