-- name: wake
-- A channel has work at a time; the earliest of several wins. Workers are told at commit.
INSERT INTO drive (workspace_id, channel_id, due_at)
SELECT %(workspace_id)s, channel_id, %(at)s FROM unnest(%(channels)s::bigint[]) AS channel_id
ORDER BY channel_id
ON CONFLICT (workspace_id, channel_id)
DO UPDATE SET due_at = least(drive.due_at, excluded.due_at);

-- name: wake_run
INSERT INTO drive (workspace_id, channel_id, due_at)
SELECT r.workspace_id, cc.channel_id, %(at)s
FROM run r
JOIN campaign_channel cc ON cc.workspace_id = r.workspace_id AND cc.campaign_id = r.campaign_id
WHERE r.workspace_id = %(workspace_id)s AND r.id = %(run_id)s
ORDER BY cc.channel_id
ON CONFLICT (workspace_id, channel_id)
DO UPDATE SET due_at = least(drive.due_at, excluded.due_at);

-- name: lease
-- Due channels nobody drives, and those of drivers that gave no sign of life in time.
WITH free AS (
    SELECT workspace_id, channel_id FROM drive
    WHERE owner IS NULL AND due_at <= now()
    ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
), abandoned AS (
    SELECT workspace_id, channel_id FROM drive
    WHERE owner IS NOT NULL AND lease_until < now()
    ORDER BY lease_until LIMIT %(most)s FOR UPDATE SKIP LOCKED
), due AS (
    SELECT * FROM free UNION ALL SELECT * FROM abandoned
)
UPDATE drive d
SET owner = %(owner)s, lease_until = now() + %(lease)s, token = d.token + 1, due_at = NULL
FROM due
WHERE d.workspace_id = due.workspace_id AND d.channel_id = due.channel_id
RETURNING d.workspace_id, d.channel_id, d.token;

-- name: next_due
SELECT extract(epoch FROM min(least(coalesce(due_at, 'infinity'), coalesce(lease_until, 'infinity')))
       - now())::float AS seconds
FROM drive WHERE (owner IS NULL AND due_at IS NOT NULL) OR owner IS NOT NULL;

-- name: renew
UPDATE drive SET lease_until = now() + %(lease)s
WHERE owner = %(owner)s
RETURNING workspace_id, channel_id, token;

-- name: give_back
-- A wake that came meanwhile is kept, as it left its time in due_at.
UPDATE drive
SET owner = NULL, lease_until = NULL, due_at = least(due_at, %(due_at)s)
WHERE workspace_id = %(workspace_id)s AND channel_id = %(channel_id)s
  AND owner = %(owner)s AND token = %(token)s;

-- name: runs
-- What this channel may send for, and what each message says.
SELECT r.id AS run_id, r.campaign_id, r.status, c.content, c.pacing
FROM campaign_channel cc
JOIN run r ON r.workspace_id = cc.workspace_id AND r.campaign_id = cc.campaign_id
JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
WHERE cc.workspace_id = %(workspace_id)s AND cc.channel_id = %(channel_id)s
  AND r.status IN ('preparing', 'running', 'paused');

-- name: run_statuses
SELECT id, status FROM run WHERE workspace_id = %(workspace_id)s AND id = ANY(%(runs)s);

-- name: claim
-- Everything needed to render and send, and the attempts on record, in one statement. The order
-- is the claim index's, else PostgreSQL would filter claimed rows along the primary key. Each run
-- and lane gives its share, so that no run and no retry keeps another waiting.
WITH candidate AS (
    SELECT due.id
    FROM run r
    CROSS JOIN (VALUES (0::smallint), (1::smallint)) AS lanes (lane)
    CROSS JOIN LATERAL (
        SELECT d.id FROM delivery d
        WHERE d.workspace_id = %(workspace_id)s AND d.run_id = r.id
          AND d.lane = lanes.lane AND d.status = 'pending' AND d.due_at <= now()
        ORDER BY d.workspace_id, d.run_id, d.lane, d.due_at, d.id
        LIMIT %(share)s
        FOR UPDATE SKIP LOCKED
    ) due
    WHERE r.workspace_id = %(workspace_id)s AND r.id = ANY(%(runs)s) AND r.status = 'running'
), claimed AS (
    UPDATE delivery d
    SET status = 'sending', channel_id = %(channel_id)s, claims = d.claims + 1
    FROM candidate
    WHERE d.workspace_id = %(workspace_id)s AND d.id = candidate.id
    RETURNING d.id, d.run_id, d.contact_id, d.phone, d.lane, d.next_part, d.claims, d.attempts,
              d.text
), parts AS (
    INSERT INTO part (workspace_id, delivery_id, position, status)
    SELECT %(workspace_id)s, id, next_part, 'sending' FROM claimed
    ON CONFLICT (workspace_id, delivery_id, position) DO UPDATE SET status = 'sending'
), tries AS (
    INSERT INTO attempt (workspace_id, delivery_id, part, number, channel_id, status, lease)
    SELECT %(workspace_id)s, id, next_part, claims, %(channel_id)s, 'claimed', %(lease)s
    FROM claimed
)
SELECT d.id, d.run_id, d.contact_id, d.phone, d.lane, d.next_part AS part, d.claims AS attempt,
       d.attempts, d.text, c.name, c.email, c.condominio, c.endereco, c.cargo, c.custom,
       (c.id IS NULL OR c.opted_out_at IS NOT NULL) AS closed
FROM claimed d
LEFT JOIN contact c ON c.workspace_id = %(workspace_id)s AND c.id = d.contact_id
ORDER BY d.lane DESC, d.id;

-- name: next_pending
-- When the next delivery of these runs is due; NULL if none waits.
SELECT min(due_at) FROM unnest(%(runs)s::bigint[]) AS runs (run_id)
CROSS JOIN (VALUES (0::smallint), (1::smallint)) AS lanes (lane)
CROSS JOIN LATERAL (
    SELECT d.due_at FROM delivery d
    WHERE d.workspace_id = %(workspace_id)s AND d.run_id = runs.run_id
      AND d.lane = lanes.lane AND d.status = 'pending'
    ORDER BY d.workspace_id, d.run_id, d.lane, d.due_at, d.id
    LIMIT 1
) earliest;

-- name: release
-- Claims that provably never left go back. What happened to their contact or run meanwhile is
-- looked up here, so that a cancelled run is not left with waiting deliveries.
WITH given AS (
    SELECT * FROM unnest(%(deliveries)s::bigint[], %(numbers)s::smallint[]) AS g (delivery_id, number)
), locked AS (
    SELECT d.id, d.run_id, d.contact_id, d.next_part FROM delivery d
    JOIN given g ON g.delivery_id = d.id AND g.number = d.claims
    WHERE d.workspace_id = %(workspace_id)s AND d.status = 'sending'
    ORDER BY d.id FOR UPDATE OF d
), tries AS (
    DELETE FROM attempt a USING given g, locked l
    WHERE a.workspace_id = %(workspace_id)s AND a.delivery_id = g.delivery_id
      AND l.id = g.delivery_id AND a.number = g.number AND a.status = 'claimed'
), parts AS (
    UPDATE part p SET status = 'pending' FROM locked l
    WHERE p.workspace_id = %(workspace_id)s AND p.delivery_id = l.id AND p.position = l.next_part
)
UPDATE delivery d
SET status = CASE
        WHEN r.status = 'cancelled' OR l.contact_id IS NULL THEN 'cancelled'
        WHEN c.opted_out_at IS NOT NULL THEN 'suppressed'
        ELSE 'pending' END,
    reason = CASE
        WHEN r.status = 'cancelled' THEN 'campaign_cancelled'
        WHEN l.contact_id IS NULL THEN 'contact_deleted'
        WHEN c.opted_out_at IS NOT NULL THEN 'opted_out'
        ELSE d.reason END
FROM locked l
JOIN run r ON r.workspace_id = %(workspace_id)s AND r.id = l.run_id
LEFT JOIN contact c ON c.workspace_id = %(workspace_id)s AND c.id = l.contact_id
WHERE d.workspace_id = %(workspace_id)s AND d.id = l.id;

-- name: record
-- The outcomes of a batch: attempts, parts, deliveries (and by their triggers the runs), usage.
-- A callback may have come first: what it said is not taken back, a later claim is not touched.
WITH outcome AS (
    SELECT * FROM unnest(%(deliveries)s::bigint[], %(parts)s::smallint[], %(numbers)s::smallint[],
        %(results)s::text[], %(statuses)s::text[], %(provider_ids)s::text[], %(codes)s::text[],
        %(classes)s::text[], %(details)s::text[], %(due)s::timestamptz[], %(counted)s::boolean[],
        %(last_part)s::boolean[])
        AS o (delivery_id, part, number, result, status, provider_id, code, class, detail, due_at,
              counted, last_part)
), locked AS (
    SELECT d.id, d.run_id, d.status, d.claims FROM delivery d
    JOIN outcome o ON o.delivery_id = d.id
    WHERE d.workspace_id = %(workspace_id)s
    ORDER BY d.id FOR UPDATE OF d
), tries AS (
    UPDATE attempt a
    SET status = o.result, ended_at = now(), provider_id = o.provider_id, error_code = o.code,
        error_class = o.class, error_detail = o.detail
    FROM outcome o
    WHERE a.workspace_id = %(workspace_id)s AND a.delivery_id = o.delivery_id
      AND a.part = o.part AND a.number = o.number
), parts AS (
    UPDATE part p
    SET provider_id = coalesce(o.provider_id, p.provider_id),
        status = CASE WHEN p.status IN ('sending', 'unknown')
            THEN CASE WHEN o.result = 'accepted' THEN 'sent' ELSE o.status END
            ELSE p.status END
    FROM outcome o
    WHERE p.workspace_id = %(workspace_id)s AND p.delivery_id = o.delivery_id
      AND p.position = o.part
), used AS (
    INSERT INTO usage (workspace_id, channel_id, minute, requests)
    SELECT %(workspace_id)s, %(channel_id)s, date_trunc('minute', now()), count(*) FROM outcome
    HAVING count(*) > 0
    ON CONFLICT (workspace_id, channel_id, minute)
    DO UPDATE SET requests = usage.requests + excluded.requests
)
UPDATE delivery d
SET status = change.status,
    attempts = d.attempts + o.counted::integer,
    lane = CASE WHEN change.status = 'pending' AND o.result <> 'accepted' THEN 1 ELSE d.lane END,
    due_at = CASE WHEN change.status = 'pending' THEN coalesce(o.due_at, now()) ELSE d.due_at END,
    next_part = CASE WHEN o.result = 'accepted' AND NOT o.last_part THEN o.part + 1
        ELSE d.next_part END,
    error_code = CASE WHEN o.result = 'accepted' THEN NULL ELSE o.code END,
    error_class = CASE WHEN o.result = 'accepted' THEN NULL ELSE o.class END,
    error_detail = CASE WHEN o.result = 'accepted' THEN NULL ELSE o.detail END,
    sent_at = CASE WHEN o.result = 'accepted' AND o.last_part THEN coalesce(d.sent_at, now())
        ELSE d.sent_at END,
    failed_at = CASE WHEN change.status = 'failed' THEN now() ELSE d.failed_at END
FROM outcome o
JOIN locked l ON l.id = o.delivery_id AND l.claims = o.number
JOIN run r ON r.workspace_id = %(workspace_id)s AND r.id = l.run_id
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN l.status = 'sending' AND o.status = 'pending' AND r.status = 'cancelled'
            THEN 'cancelled'
        WHEN l.status = 'sending' THEN o.status
        WHEN l.status = 'unknown' AND o.result <> 'unknown' AND o.status <> 'pending'
            THEN o.status
        ELSE l.status END AS status
) change
WHERE d.workspace_id = %(workspace_id)s AND d.id = l.id;

-- name: note_wa_ids
-- Contacts that somebody else is changing right now are left for the next message.
WITH answer AS (
    SELECT * FROM unnest(%(contacts)s::bigint[], %(wa_ids)s::text[]) AS a (contact_id, wa_id)
), free AS (
    SELECT c.id, a.wa_id FROM contact c JOIN answer a ON a.contact_id = c.id
    WHERE c.workspace_id = %(workspace_id)s AND c.wa_id IS DISTINCT FROM a.wa_id
    FOR NO KEY UPDATE OF c SKIP LOCKED
)
UPDATE contact c SET wa_id = free.wa_id FROM free
WHERE c.workspace_id = %(workspace_id)s AND c.id = free.id;

-- name: left_behind
-- What an earlier driver of this channel has claimed and not settled.
SELECT a.delivery_id, a.part, a.number, a.lease
FROM delivery d
JOIN attempt a ON a.workspace_id = d.workspace_id AND a.delivery_id = d.id AND a.number = d.claims
WHERE d.workspace_id = %(workspace_id)s AND d.channel_id = %(channel_id)s
  AND d.status = 'sending' AND a.status = 'claimed' AND a.lease <> %(lease)s
ORDER BY a.delivery_id;

-- name: recent_usage
SELECT coalesce(sum(requests), 0)::bigint FROM usage
WHERE workspace_id = %(workspace_id)s AND channel_id = %(channel_id)s
  AND minute > now() - interval '2 minutes';

-- name: finish_runs
-- The one statement that completes a run: all of its audience is written down and settled.
-- Campaigns are locked before runs, here as wherever a person moves a campaign.
WITH ending AS (
    SELECT c.id AS campaign_id, r.id AS run_id
    FROM campaign c
    JOIN run r ON r.workspace_id = c.workspace_id AND r.campaign_id = c.id
    WHERE r.workspace_id = %(workspace_id)s AND r.id = ANY(%(runs)s)
      AND r.status IN ('running', 'paused') AND r.materialised_at IS NOT NULL
      AND r.pending = 0 AND r.sending = 0
    ORDER BY c.id FOR UPDATE OF c
), done AS (
    UPDATE run r SET status = 'completed', finished_at = now(), changed_at = clock_timestamp()
    FROM ending e
    WHERE r.workspace_id = %(workspace_id)s AND r.id = e.run_id
      AND r.status IN ('running', 'paused') AND r.pending = 0 AND r.sending = 0
    RETURNING r.campaign_id
)
UPDATE campaign c SET status = 'completed', paused_reason = NULL, updated_at = now()
FROM done
WHERE c.workspace_id = %(workspace_id)s AND c.id = done.campaign_id
RETURNING c.id AS campaign_id;

-- name: unfinished
-- For the sweeper: runs that ought to move and have not for a while.
SELECT r.workspace_id, r.id AS run_id, r.materialised_at FROM run r
WHERE r.status IN ('preparing', 'running') AND r.changed_at < now() - %(idle)s
ORDER BY r.workspace_id, r.id;

-- name: pause_run
-- By an outcome, not by a person; the campaign first, as wherever both are locked.
WITH campaign AS (
    UPDATE campaign c SET status = 'paused', paused_reason = %(reason)s, updated_at = now()
    FROM run r
    WHERE r.workspace_id = %(workspace_id)s AND r.id = %(run_id)s AND r.status = 'running'
      AND c.workspace_id = r.workspace_id AND c.id = r.campaign_id AND c.status = 'running'
    RETURNING c.id
)
UPDATE run SET status = 'paused', changed_at = clock_timestamp() FROM campaign
WHERE run.workspace_id = %(workspace_id)s AND run.id = %(run_id)s
RETURNING run.id;
