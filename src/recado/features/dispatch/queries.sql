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

-- name: hasten
-- Channels that have work, now or later, look at once whether it may leave; idle ones stay idle.
WITH waiting AS (
    SELECT workspace_id, channel_id FROM drive
    WHERE workspace_id = %(workspace_id)s AND (due_at IS NOT NULL OR owner IS NOT NULL)
    ORDER BY channel_id FOR UPDATE
)
UPDATE drive d SET due_at = least(d.due_at, %(at)s)
FROM waiting w WHERE d.workspace_id = w.workspace_id AND d.channel_id = w.channel_id;

-- name: lease
-- Due channels nobody drives, and those of drivers that gave no sign of life in time; one of each
-- workspace in turn. A workspace gets a place here only while those that are left are a ninth of
-- those it has: however many channels one has, there is room for whoever comes later.
WITH mine AS (
    SELECT workspace_id, count(*) AS driven FROM drive
    WHERE owner = %(owner)s AND lease_until >= now() GROUP BY workspace_id
), waiting AS (
    SELECT workspace_id, channel_id, due_at AS since FROM drive
    WHERE owner IS NULL AND due_at <= now()
    UNION ALL
    SELECT workspace_id, channel_id, lease_until FROM drive
    WHERE owner IS NOT NULL AND lease_until < now()
), placed AS (
    SELECT w.workspace_id, w.channel_id, w.since, coalesce(m.driven, 0) + row_number() OVER (
        PARTITION BY w.workspace_id ORDER BY w.since, w.channel_id
    ) AS place
    FROM waiting w LEFT JOIN mine m ON m.workspace_id = w.workspace_id
), ranked AS (
    SELECT workspace_id, channel_id, place, row_number() OVER (
        ORDER BY place, since, workspace_id, channel_id
    ) AS turn
    FROM placed
), due AS (
    SELECT d.workspace_id, d.channel_id FROM ranked r
    JOIN drive d ON d.workspace_id = r.workspace_id AND d.channel_id = r.channel_id
    WHERE ((d.owner IS NULL AND d.due_at <= now())
           OR (d.owner IS NOT NULL AND d.lease_until < now()))
      AND r.place <= 9 * (%(most)s + 1 - r.turn)
    ORDER BY r.turn LIMIT %(most)s FOR UPDATE OF d SKIP LOCKED
)
UPDATE drive d
SET owner = %(owner)s, lease_until = now() + %(lease)s, token = d.token + 1, due_at = NULL
FROM due
WHERE d.workspace_id = due.workspace_id AND d.channel_id = due.channel_id
RETURNING d.workspace_id, d.channel_id, d.token, d.last_run_id;

-- name: next_due
SELECT extract(epoch FROM least(
    (SELECT min(due_at) FROM drive WHERE owner IS NULL AND due_at IS NOT NULL),
    (SELECT min(lease_until) FROM drive WHERE owner IS NOT NULL)) - now())::float AS seconds;

-- name: renew
-- Only what is really being driven: a lease whose driver failed must run out. In the order in which
-- a wake locks several channels.
WITH mine AS (
    SELECT d.workspace_id, d.channel_id FROM drive d
    JOIN unnest(%(workspaces)s::bigint[], %(channels)s::bigint[], %(tokens)s::bigint[])
        AS driven (workspace_id, channel_id, token)
        ON driven.workspace_id = d.workspace_id AND driven.channel_id = d.channel_id
        AND driven.token = d.token
    WHERE d.owner = %(owner)s
    ORDER BY d.workspace_id, d.channel_id FOR UPDATE OF d
)
UPDATE drive d SET lease_until = now() + %(lease)s
FROM mine
WHERE d.workspace_id = mine.workspace_id AND d.channel_id = mine.channel_id
RETURNING d.workspace_id, d.channel_id, d.token;

-- name: give_back
-- A wake that came meanwhile is kept, as it left its time in due_at.
UPDATE drive
SET owner = NULL, lease_until = NULL, due_at = least(due_at, now() + %(due_in)s::interval),
    last_run_id = coalesce(%(last_run)s, last_run_id)
WHERE workspace_id = %(workspace_id)s AND channel_id = %(channel_id)s
  AND owner = %(owner)s AND token = %(token)s;

-- name: catch_up
-- Redis knows of a later driver than PostgreSQL does: the database was restored, or is another one.
-- The channel is given back at once, and its next token will be above that one.
UPDATE drive SET token = %(above)s, owner = NULL, lease_until = NULL, due_at = now()
WHERE workspace_id = %(workspace_id)s AND channel_id = %(channel_id)s
  AND token = %(token)s AND owner IS NOT NULL;

-- name: runs
-- What this channel may send for, and what each message says.
SELECT r.id AS run_id, r.campaign_id, r.status, c.content, c.pacing, c.created_by, c.schedule,
       w.timezone,
       r.materialised_at IS NOT NULL AND r.pending = 0 AND r.sending = 0 AS done
FROM campaign_channel cc
JOIN run r ON r.workspace_id = cc.workspace_id AND r.campaign_id = cc.campaign_id
JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
JOIN workspace w ON w.id = r.workspace_id
WHERE cc.workspace_id = %(workspace_id)s AND cc.channel_id = %(channel_id)s
  AND r.status IN ('preparing', 'running', 'paused');

-- name: run_statuses
SELECT id, status FROM run WHERE workspace_id = %(workspace_id)s AND id = ANY(%(runs)s);

-- name: channel_open
SELECT paused_reason IS NULL OR paused_until <= now() FROM channel
WHERE workspace_id = %(workspace_id)s AND id = %(channel_id)s AND deleted_at IS NULL;

-- name: contacts_closed
SELECT id, opted_out_at IS NOT NULL AS closed FROM contact
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(contacts)s);

-- name: claim
-- Everything needed to render and send, and the attempts on record, in one statement. The order
-- is the claim index's, else PostgreSQL would filter claimed rows along the primary key.
-- Runs give one each in turn, in the order asked for, so that none keeps another waiting. Of a run,
-- what goes on with a message that has begun comes first, as only what has just left makes more of
-- it; then first sends and retries alternate, those of any channel and those bound to this one.
WITH open AS (
    SELECT r.id, turn.place, least(turn.most, ceil(%(most)s::numeric / count(*) OVER ())) AS most
    FROM unnest(%(runs)s::bigint[], %(of_each)s::bigint[]) WITH ORDINALITY
        AS turn (run_id, most, place)
    JOIN run r ON r.workspace_id = %(workspace_id)s AND r.id = turn.run_id
    WHERE r.status = 'running' AND r.pending > 0
), due AS (
    SELECT first.id, o.place, source.lane, row_number() OVER (
        PARTITION BY o.place, source.sender_id, source.lane ORDER BY first.due_at, first.id
    ) AS number
    FROM open o
    CROSS JOIN (VALUES (0::bigint, 0::smallint), (0, 1), (%(channel_id)s, 0), (%(channel_id)s, 1),
        (%(channel_id)s, 2)) AS source (sender_id, lane)
    CROSS JOIN LATERAL (
        SELECT d.id, d.due_at FROM delivery d
        WHERE d.workspace_id = %(workspace_id)s AND d.run_id = o.id
          AND d.sender_id = source.sender_id AND d.lane = source.lane
          AND d.status = 'pending' AND d.due_at <= %(now)s
        ORDER BY d.workspace_id, d.run_id, d.sender_id, d.lane, d.due_at, d.id
        LIMIT o.most
        FOR UPDATE SKIP LOCKED
    ) first
), candidate AS (
    SELECT id, place, row_number() OVER (
        PARTITION BY place ORDER BY lane = 2 DESC, number, lane = %(first_lane)s DESC, id
    ) AS turn
    FROM due ORDER BY turn, place LIMIT %(most)s
), claimed AS (
    UPDATE delivery d
    SET status = 'sending', channel_id = %(channel_id)s, claims = d.claims + 1
    FROM candidate
    WHERE d.workspace_id = %(workspace_id)s AND d.id = candidate.id
    RETURNING d.id, d.run_id, d.contact_id, d.phone, d.lane, d.next_part, d.claims, d.attempts,
              d.text, d.parts, candidate.turn, candidate.place
), parts AS (
    INSERT INTO part (workspace_id, delivery_id, position, status)
    SELECT %(workspace_id)s, id, next_part, 'sending' FROM claimed
    ON CONFLICT (workspace_id, delivery_id, position) DO UPDATE SET status = 'sending'
    RETURNING part.delivery_id, part.text
), tries AS (
    INSERT INTO attempt (workspace_id, delivery_id, part, number, channel_id, status, lease)
    SELECT %(workspace_id)s, id, next_part, claims, %(channel_id)s, 'claimed', %(lease)s
    FROM claimed
)
SELECT d.id, d.run_id, d.contact_id, d.phone, d.lane, d.next_part AS part, d.claims AS attempt,
       d.attempts, d.text, c.name, c.email, c.condominio, c.endereco, c.cargo, c.custom, c.timezone,
       (c.id IS NULL OR c.opted_out_at IS NOT NULL) AS closed,
       tried.recent, coalesce(tried.unsure, false) AS unsure,
       d.parts, parts.text AS part_text, following.text AS following,
       EXISTS (SELECT FROM conversation v
           WHERE v.workspace_id = %(workspace_id)s AND v.contact_id = d.contact_id
             AND v.channel_id = %(channel_id)s AND v.last_inbound_at > %(now)s - interval '1 day'
       ) AS answers
FROM claimed d
JOIN parts ON parts.delivery_id = d.id
LEFT JOIN LATERAL (
    SELECT p.text FROM part p
    WHERE d.parts > 1 AND p.workspace_id = %(workspace_id)s AND p.delivery_id = d.id
      AND p.position > d.next_part AND p.status = 'pending'
    ORDER BY p.workspace_id, p.delivery_id, p.position LIMIT 1
) following ON true
LEFT JOIN LATERAL (
    SELECT array_agg(a.claimed_at) FILTER (WHERE a.claimed_at > now() - interval '5 minutes')
            AS recent,
        bool_or(a.status = 'unknown') AS unsure
    FROM attempt a
    WHERE d.lane = 1 AND a.workspace_id = %(workspace_id)s AND a.delivery_id = d.id
) tried ON true
LEFT JOIN contact c ON c.workspace_id = %(workspace_id)s AND c.id = d.contact_id
ORDER BY d.turn, d.place;

-- name: keep_parts
-- What each part of these messages says, before the first one leaves: the others must go with it,
-- whoever changes the contact meanwhile. Parts of an earlier try that there are no more, go.
WITH given AS (
    SELECT g.*, count(*) OVER (PARTITION BY g.delivery_id) AS parts
    FROM unnest(%(deliveries)s::bigint[], %(numbers)s::smallint[], %(positions)s::smallint[],
        %(texts)s::text[]) AS g (delivery_id, number, position, text)
), mine AS (
    SELECT d.id FROM (SELECT DISTINCT delivery_id, number FROM given) g
    JOIN delivery d ON d.workspace_id = %(workspace_id)s AND d.id = g.delivery_id
        AND d.claims = g.number
    WHERE d.status = 'sending'
    ORDER BY d.id FOR UPDATE OF d
), written AS (
    INSERT INTO part (workspace_id, delivery_id, position, status, text)
    SELECT %(workspace_id)s, g.delivery_id, g.position, 'pending', g.text
    FROM given g JOIN mine ON mine.id = g.delivery_id
    ON CONFLICT (workspace_id, delivery_id, position) DO UPDATE SET text = excluded.text
), gone AS (
    DELETE FROM part p USING mine
    WHERE p.workspace_id = %(workspace_id)s AND p.delivery_id = mine.id
      AND p.position > (SELECT max(g.position) FROM given g WHERE g.delivery_id = mine.id)
)
UPDATE delivery d SET parts = g.parts
FROM (SELECT DISTINCT delivery_id, parts FROM given) g JOIN mine ON mine.id = g.delivery_id
WHERE d.workspace_id = %(workspace_id)s AND d.id = g.delivery_id AND d.parts <> g.parts;

-- name: outlook
-- In how many seconds the next delivery of these runs that this channel may send is due (NULL: none
-- waits), by the clock that claims go by; and whether the channel has claims that none of its
-- present drivers made.
SELECT (
    SELECT extract(epoch FROM min(earliest.due_at) - %(now)s::timestamptz)::float
    FROM unnest(%(runs)s::bigint[]) AS runs (run_id)
    CROSS JOIN (VALUES (0::bigint, 0::smallint), (0, 1), (%(channel_id)s, 0), (%(channel_id)s, 1),
        (%(channel_id)s, 2)) AS source (sender_id, lane)
    CROSS JOIN LATERAL (
        SELECT d.due_at FROM delivery d
        WHERE d.workspace_id = %(workspace_id)s AND d.run_id = runs.run_id
          AND d.sender_id = source.sender_id AND d.lane = source.lane AND d.status = 'pending'
        ORDER BY d.workspace_id, d.run_id, d.sender_id, d.lane, d.due_at, d.id
        LIMIT 1
    ) earliest
) AS seconds, EXISTS (
    SELECT FROM delivery d
    JOIN attempt a ON a.workspace_id = d.workspace_id AND a.delivery_id = d.id
        AND a.number = d.claims
    WHERE d.workspace_id = %(workspace_id)s AND d.channel_id = %(channel_id)s
      AND d.status = 'sending' AND a.status = 'claimed'
) AS orphans;

-- name: release
-- Claims that provably never left go back. What happened to their contact or run meanwhile is
-- looked up here, so that a cancelled run is not left with waiting deliveries. Runs are locked after
-- the deliveries, as the counters do it, and so that a cancel under way is seen or sees this.
WITH given AS (
    SELECT * FROM unnest(%(deliveries)s::bigint[], %(numbers)s::smallint[], %(due)s::timestamptz[])
        AS g (delivery_id, number, due_at)
), locked AS (
    SELECT d.id, d.run_id, d.contact_id, d.parts, d.next_part, g.due_at FROM delivery d
    JOIN given g ON g.delivery_id = d.id AND g.number = d.claims
    WHERE d.workspace_id = %(workspace_id)s AND d.status = 'sending'
    ORDER BY d.id FOR UPDATE OF d
), runs AS (
    SELECT r.id, r.status FROM run r
    WHERE r.workspace_id = %(workspace_id)s AND r.id = ANY (ARRAY(SELECT run_id FROM locked))
    ORDER BY r.id FOR UPDATE
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
        WHEN back.position IS NOT NULL THEN 'failed'
        ELSE 'pending' END,
    next_part = coalesce(back.position, d.next_part),
    failed_at = CASE WHEN back.position IS NOT NULL THEN now() ELSE d.failed_at END,
    reason = CASE
        WHEN r.status = 'cancelled' THEN 'campaign_cancelled'
        WHEN l.contact_id IS NULL THEN 'contact_deleted'
        WHEN c.opted_out_at IS NOT NULL THEN 'opted_out'
        ELSE d.reason END,
    due_at = coalesce(l.due_at, d.due_at)
FROM locked l
JOIN runs r ON r.id = l.run_id
LEFT JOIN contact c ON c.workspace_id = %(workspace_id)s AND c.id = l.contact_id
LEFT JOIN LATERAL (
    -- A part before this one was taken back meanwhile: nothing follows it.
    SELECT min(p.position) AS position FROM part p
    WHERE l.parts > 1 AND p.workspace_id = %(workspace_id)s AND p.delivery_id = l.id
      AND p.position < l.next_part AND p.status = 'failed'
) back ON true
WHERE d.workspace_id = %(workspace_id)s AND d.id = l.id;

-- name: record
-- The outcomes of a batch: attempts, parts, deliveries (and by their triggers the runs), usage,
-- the names that the provider has for contacts. Repeated, it changes nothing. A callback may have
-- come first: what it said is not taken back. A later claim is not touched.
WITH outcome AS (
    SELECT * FROM unnest(%(deliveries)s::bigint[], %(parts)s::smallint[], %(numbers)s::smallint[],
        %(results)s::text[], %(statuses)s::text[], %(provider_ids)s::text[], %(codes)s::text[],
        %(classes)s::text[], %(details)s::text[], %(due)s::timestamptz[], %(counted)s::boolean[],
        %(left)s::boolean[], %(left_at)s::timestamptz[], %(held)s::boolean[])
        AS o (delivery_id, part, number, result, status, provider_id, code, class, detail, due_at,
              counted, has_left, left_at, held)
), locked AS (
    SELECT d.id, d.run_id, d.status, d.claims, d.parts, a.part, a.number, a.status AS attempt_status
    FROM outcome o
    JOIN delivery d ON d.workspace_id = %(workspace_id)s AND d.id = o.delivery_id
    JOIN attempt a ON a.workspace_id = %(workspace_id)s AND a.delivery_id = o.delivery_id
        AND a.part = o.part AND a.number = o.number
    ORDER BY d.id, a.number FOR UPDATE OF d, a
), news AS (
    -- An attempt ends once; "unknown" is no end for one that learns better.
    SELECT o.*, l.run_id, l.status AS was, l.claims = o.number AS is_latest,
           l.attempt_status = 'claimed' AS is_first, l.parts
    FROM outcome o
    JOIN locked l ON l.id = o.delivery_id AND l.part = o.part AND l.number = o.number
    WHERE l.attempt_status = 'claimed' OR (l.attempt_status = 'unknown' AND o.result <> 'unknown')
), runs AS (
    -- After the deliveries, as the counters do it, and so that a cancel under way is seen.
    SELECT r.id, r.status, r.campaign_id FROM run r
    WHERE r.workspace_id = %(workspace_id)s AND r.id = ANY (ARRAY(SELECT run_id FROM news))
    ORDER BY r.id FOR UPDATE
), tries AS (
    UPDATE attempt a
    SET status = n.result, ended_at = now(), left_at = coalesce(a.left_at, n.left_at),
        provider_id = n.provider_id, error_code = n.code, error_class = n.class,
        error_detail = n.detail
    FROM news n
    WHERE a.workspace_id = %(workspace_id)s AND a.delivery_id = n.delivery_id
      AND a.part = n.part AND a.number = n.number
), parts AS (
    UPDATE part p
    SET provider_id = coalesce(n.provider_id, p.provider_id),
        status = CASE WHEN p.status IN ('sending', 'unknown')
            THEN CASE WHEN n.result = 'accepted' THEN 'sent' ELSE n.status END
            ELSE p.status END
    FROM news n
    WHERE n.is_latest AND p.workspace_id = %(workspace_id)s AND p.delivery_id = n.delivery_id
      AND p.position = n.part
    RETURNING p.delivery_id, p.position, p.status
), others AS (
    -- Of messages in several parts: as they are now, a callback that came meanwhile included.
    SELECT p.delivery_id, p.position, p.status FROM news n
    JOIN part p ON p.workspace_id = %(workspace_id)s AND p.delivery_id = n.delivery_id
        AND p.position <> n.part
    WHERE n.is_latest AND n.parts > 1
    FOR UPDATE OF p
), whole AS (
    SELECT delivery_id, delivery_whole('unknown', array_agg(status ORDER BY position), 0) AS status,
        min(position) FILTER (WHERE status NOT IN ('sent', 'delivered', 'read')) AS next_part
    FROM (SELECT * FROM parts UNION ALL SELECT * FROM others) p
    GROUP BY delivery_id
), used AS (
    -- By the minute of Redis' clock in which each left.
    INSERT INTO usage (workspace_id, channel_id, campaign_id, minute, requests)
    SELECT %(workspace_id)s, %(channel_id)s, r.campaign_id,
           date_trunc('minute', coalesce(n.left_at, now())) AS minute, count(*)
    FROM news n JOIN runs r ON r.id = n.run_id
    WHERE n.is_first AND n.has_left
    GROUP BY r.campaign_id, minute
    ORDER BY r.campaign_id, minute
    ON CONFLICT (workspace_id, channel_id, minute, campaign_id)
    DO UPDATE SET requests = usage.requests + excluded.requests
), known AS (
    -- Contacts that somebody else is changing right now are left for the next message.
    SELECT c.id, a.wa_id FROM unnest(%(contacts)s::bigint[], %(wa_ids)s::text[])
        AS a (contact_id, wa_id)
    JOIN contact c ON c.workspace_id = %(workspace_id)s AND c.id = a.contact_id
    WHERE a.wa_id IS NOT NULL AND c.wa_id IS DISTINCT FROM a.wa_id
    FOR NO KEY UPDATE OF c SKIP LOCKED
), called AS (
    UPDATE contact c SET wa_id = known.wa_id FROM known
    WHERE c.workspace_id = %(workspace_id)s AND c.id = known.id
)
UPDATE delivery d
SET status = change.status,
    reason = CASE WHEN change.status = 'cancelled' THEN 'campaign_cancelled' ELSE d.reason END,
    attempts = CASE WHEN change.goes_on THEN 0
        ELSE d.attempts + (n.is_first AND n.counted)::integer END,
    lane = CASE WHEN change.goes_on THEN 2
        WHEN change.decided AND change.status = 'pending' THEN 1 ELSE d.lane END,
    sender_id = CASE WHEN change.goes_on THEN %(channel_id)s ELSE d.sender_id END,
    due_at = CASE WHEN change.decided AND change.status = 'pending' THEN coalesce(n.due_at, now())
        ELSE d.due_at END,
    next_part = coalesce(w.next_part, d.next_part),
    held = CASE WHEN change.decided THEN n.held ELSE d.held END,
    error_code = CASE WHEN change.tells THEN n.code ELSE d.error_code END,
    error_class = CASE WHEN change.tells THEN n.class ELSE d.error_class END,
    error_detail = CASE WHEN change.tells THEN n.detail ELSE d.error_detail END,
    sent_at = CASE WHEN n.result = 'accepted' AND w.next_part IS NULL
        THEN coalesce(d.sent_at, now()) ELSE d.sent_at END,
    failed_at = CASE WHEN change.decided AND change.status = 'failed' THEN now()
        ELSE d.failed_at END
FROM news n
JOIN runs r ON r.id = n.run_id
LEFT JOIN whole w ON w.delivery_id = n.delivery_id AND n.parts > 1
CROSS JOIN LATERAL (
    SELECT n.was = 'sending'
        OR (n.was = 'unknown' AND n.result <> 'unknown' AND n.status <> 'pending') AS decided,
        coalesce(w.status, n.status) AS status
) mine
CROSS JOIN LATERAL (
    -- What was accepted says nothing of a part before it that has failed since.
    SELECT mine.decided, mine.decided AND (n.result <> 'accepted' OR mine.status <> 'failed')
            AS tells,
        mine.decided AND mine.status = 'pending' AND n.result = 'accepted' AS goes_on,
        CASE WHEN NOT mine.decided THEN n.was
        WHEN mine.status = 'pending' AND r.status = 'cancelled' THEN 'cancelled'
        ELSE mine.status END AS status
) change
WHERE n.is_latest AND d.workspace_id = %(workspace_id)s AND d.id = n.delivery_id;

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
    RETURNING r.id, r.campaign_id
)
-- A recurring campaign waits for its next run; one that a person has paused stays so.
UPDATE campaign c
SET status = CASE WHEN c.starts_at IS NULL THEN 'completed' WHEN c.status = 'paused' THEN 'paused'
        ELSE 'scheduled' END,
    paused_reason = CASE WHEN c.starts_at IS NOT NULL THEN c.paused_reason END,
    paused_until = CASE WHEN c.starts_at IS NOT NULL THEN c.paused_until END,
    template_paused_at = CASE WHEN c.starts_at IS NOT NULL THEN c.template_paused_at END,
    updated_at = now()
FROM done
WHERE c.workspace_id = %(workspace_id)s AND c.id = done.campaign_id
  AND NOT EXISTS (
    SELECT FROM run o
    WHERE o.workspace_id = c.workspace_id AND o.campaign_id = c.id
      AND o.status IN ('preparing', 'running', 'paused') AND o.id NOT IN (SELECT id FROM done))
RETURNING c.id AS campaign_id, c.status;

-- name: unfinished
-- For the sweeper: runs that ought to move and have not for a while. That something is being sent
-- or still waits after its end, is no state that a run may rest in.
SELECT r.workspace_id, r.id AS run_id, r.campaign_id, r.status, r.materialised_at, c.schedule,
       w.timezone, (
    SELECT min(earliest.due_at) FROM (
        SELECT 0::bigint UNION ALL
        SELECT cc.channel_id FROM campaign_channel cc
        WHERE cc.workspace_id = c.workspace_id AND cc.campaign_id = c.id
    ) AS source (sender_id)
    CROSS JOIN (VALUES (0::smallint), (1), (2)) AS lanes (lane)
    CROSS JOIN LATERAL (
        SELECT d.due_at FROM delivery d
        WHERE d.workspace_id = r.workspace_id AND d.run_id = r.id
          AND d.sender_id = source.sender_id AND d.lane = lanes.lane AND d.status = 'pending'
        ORDER BY d.workspace_id, d.run_id, d.sender_id, d.lane, d.due_at, d.id
        LIMIT 1
    ) earliest
) AS due_at
FROM run r
JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
JOIN workspace w ON w.id = r.workspace_id
WHERE r.changed_at < now() - %(idle)s
  AND (r.status IN ('preparing', 'running') OR r.sending > 0
       OR (r.status IN ('cancelled', 'completed') AND r.pending > 0))
ORDER BY r.workspace_id, r.id;

-- name: pause_run
-- By an outcome, not by a person; the campaign first, as wherever both are locked.
WITH campaign AS (
    UPDATE campaign c
    SET status = 'paused', paused_reason = %(reason)s, paused_until = NULL,
        template_paused_at = %(template_paused_at)s, updated_at = now()
    FROM run r
    WHERE r.workspace_id = %(workspace_id)s AND r.id = %(run_id)s AND r.status = 'running'
      AND c.workspace_id = r.workspace_id AND c.id = r.campaign_id AND c.status = 'running'
    RETURNING c.id
)
UPDATE run SET status = 'paused', changed_at = clock_timestamp() FROM campaign
WHERE run.workspace_id = %(workspace_id)s AND run.id = %(run_id)s
RETURNING run.id, run.campaign_id;

-- name: hold_channel
-- A pause by a person, or until one has mended something, is not shortened to a moment's.
UPDATE channel SET paused_until = %(until)s, paused_reason = %(reason)s, paused_by = NULL,
    updated_at = now()
WHERE workspace_id = %(workspace_id)s AND id = %(channel_id)s
  AND (paused_reason IS NULL OR paused_until < %(until)s);

-- name: reopen
-- Runs that had ended go on; the campaign first, as wherever both are locked.
WITH held AS (
    SELECT c.id AS campaign_id, r.id AS run_id, c.status
    FROM campaign c JOIN run r ON r.workspace_id = c.workspace_id AND r.campaign_id = c.id
    WHERE c.workspace_id = %(workspace_id)s AND r.id = ANY(%(runs)s) AND r.status = 'completed'
      AND r.pending > 0
    ORDER BY c.id FOR UPDATE OF c
), campaigns AS (
    UPDATE campaign c SET status = 'running', updated_at = now() FROM held
    WHERE c.workspace_id = %(workspace_id)s AND c.id = held.campaign_id
      AND c.status IN ('completed', 'scheduled')
)
UPDATE run r
SET status = CASE WHEN held.status = 'paused' THEN 'paused' ELSE 'running' END,
    finished_at = NULL, changed_at = clock_timestamp()
FROM held WHERE r.workspace_id = %(workspace_id)s AND r.id = held.run_id
RETURNING r.id, r.campaign_id;

-- name: end_hold
UPDATE channel SET paused_until = NULL, paused_reason = NULL, paused_by = NULL, updated_at = now()
WHERE workspace_id = %(workspace_id)s AND id = %(channel_id)s AND paused_until <= now();
