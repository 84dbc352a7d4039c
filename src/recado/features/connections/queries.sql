-- Rows of channels are locked in the order of their ids, and what was known of them is kept beside
-- what is new. What was said earlier than what is known changes nothing.

-- name: connections
WITH told AS (
    SELECT * FROM unnest(%(channels)s::bigint[], %(statuses)s::text[], %(details)s::text[],
        %(numbers)s::text[], %(times)s::timestamptz[]) AS t (id, status, detail, number, at)
), locked AS (
    SELECT c.id, c.status AS was, c.paused_by = 'connection' AS held,
        c.paused_reason IS NULL OR c.paused_until IS NOT NULL AS free
    FROM channel c
    WHERE c.workspace_id = %(workspace_id)s AND c.id IN (SELECT id FROM told)
      AND c.deleted_at IS NULL
    ORDER BY c.id FOR UPDATE
), change AS (
    -- A pause that waits for a person is not made one that ends by itself.
    SELECT t.*, l.was, l.held IS TRUE AND t.status = 'connected' AS ends,
        t.status <> 'connected' AND (l.free OR l.held IS TRUE) AS begins
    FROM told t JOIN locked l ON l.id = t.id
)
UPDATE channel c
SET status = n.status, status_detail = nullif(n.detail, ''), connection_at = n.at,
    display_number = CASE WHEN n.number = '' THEN c.display_number ELSE n.number END,
    paused_reason = CASE WHEN n.ends THEN NULL WHEN n.begins
        THEN rtrim('disconnected: ' || n.detail, ': ') ELSE c.paused_reason END,
    paused_until = CASE WHEN n.ends OR n.begins THEN NULL ELSE c.paused_until END,
    paused_by = CASE WHEN n.ends THEN NULL WHEN n.begins THEN 'connection' ELSE c.paused_by END,
    updated_at = now()
FROM change n
WHERE c.workspace_id = %(workspace_id)s AND c.id = n.id
  AND (c.connection_at IS NULL OR c.connection_at <= n.at)
RETURNING c.id, c.status, n.was, n.ends, n.begins;

-- name: stop_account
-- Until the restriction's end, or a person's check where there is none; never sooner than what is
-- known already of the account. One that waits for a person goes on waiting for that.
WITH locked AS (
    SELECT c.id, c.paused_until, c.account_at, c.paused_by IS NOT DISTINCT FROM 'account' AS held,
        c.paused_reason IS NULL OR c.paused_until IS NOT NULL AS free
    FROM channel c
    WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(channels)s)
      AND c.deleted_at IS NULL AND (c.account_at IS NULL OR c.account_at <= %(at)s)
    ORDER BY c.id FOR UPDATE
), change AS (
    SELECT l.*, l.free OR l.held AS stops,
        CASE WHEN %(until)s::timestamptz IS NULL OR (l.held AND l.paused_until IS NULL)
            THEN NULL ELSE greatest(l.paused_until, %(until)s) END AS until
    FROM locked l
)
UPDATE channel c
SET account_at = %(at)s,
    paused_reason = CASE WHEN n.stops THEN %(reason)s ELSE c.paused_reason END,
    paused_until = CASE WHEN n.stops THEN n.until ELSE c.paused_until END,
    paused_by = CASE WHEN n.stops THEN 'account' ELSE c.paused_by END,
    updated_at = now()
FROM change n
WHERE c.workspace_id = %(workspace_id)s AND c.id = n.id
RETURNING c.id, c.name,
    CASE WHEN n.stops THEN NOT n.held OR n.paused_until IS DISTINCT FROM n.until
        ELSE n.account_at IS DISTINCT FROM c.account_at END AS changed;

-- name: free_account
WITH locked AS (
    SELECT c.id, c.paused_by = 'account' AS held FROM channel c
    WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(channels)s)
      AND c.deleted_at IS NULL AND (c.account_at IS NULL OR c.account_at <= %(at)s)
    ORDER BY c.id FOR UPDATE
)
UPDATE channel c
SET account_at = %(at)s,
    paused_reason = CASE WHEN l.held THEN NULL ELSE c.paused_reason END,
    paused_until = CASE WHEN l.held THEN NULL ELSE c.paused_until END,
    paused_by = CASE WHEN l.held THEN NULL ELSE c.paused_by END
FROM locked l
WHERE c.workspace_id = %(workspace_id)s AND c.id = l.id
RETURNING c.id, c.name, l.held IS TRUE AS freed;

-- name: already_told
SELECT 1 FROM notification
WHERE workspace_id = %(workspace_id)s AND kind = %(kind)s AND channel_id = ANY(%(channels)s)
  AND params ->> 'event' = %(event)s AND params ->> 'at' = %(at)s
LIMIT 1;

-- name: qualities
WITH locked AS (
    SELECT c.id, c.quality AS was FROM channel c
    WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(channels)s)
      AND c.deleted_at IS NULL AND (c.quality_at IS NULL OR c.quality_at <= %(at)s)
    ORDER BY c.id FOR UPDATE
)
UPDATE channel c SET quality = %(quality)s, quality_at = %(at)s
FROM locked l
WHERE c.workspace_id = %(workspace_id)s AND c.id = l.id
RETURNING c.id, l.was;

-- name: numbers_called
-- Which of these channels have the number that is spoken of; those of which it is not known yet.
SELECT c.id, c.display_number IS NULL AS unknown FROM channel c
WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(channels)s) AND c.deleted_at IS NULL
  AND (c.display_number IS NULL
    OR regexp_replace(c.display_number, '[^0-9]', '', 'g') = %(number)s);

-- name: tiers
-- One limit for all that the provider counts together.
WITH locked AS (
    SELECT c.id, c.tier AS was, c.tier_at IS NOT NULL AS known FROM channel c
    WHERE c.workspace_id = %(workspace_id)s AND c.deleted_at IS NULL
      AND (c.id = ANY(%(channels)s) OR c.portfolio IN (
          SELECT p.portfolio FROM channel p
          WHERE p.workspace_id = %(workspace_id)s AND p.id = ANY(%(channels)s)))
      AND (c.tier_at IS NULL OR c.tier_at <= %(at)s)
    ORDER BY c.id FOR UPDATE
)
UPDATE channel c
SET tier = %(people)s, tier_at = %(at)s, portfolio = coalesce(c.portfolio, %(portfolio)s)
FROM locked l
WHERE c.workspace_id = %(workspace_id)s AND c.id = l.id
RETURNING c.id, l.was, l.known, c.tier IS DISTINCT FROM l.was AS changed;

-- name: described
UPDATE channel SET display_number = coalesce(%(display_number)s, display_number),
    throughput = coalesce(%(throughput)s, throughput)
WHERE workspace_id = %(workspace_id)s AND id = %(channel_id)s;

-- name: numbers
SELECT workspace_id, id FROM channel
WHERE provider = ANY(%(providers)s) AND deleted_at IS NULL
ORDER BY workspace_id, id;

-- name: away
SELECT workspace_id, id FROM channel
WHERE provider = ANY(%(providers)s) AND paused_by = 'connection' AND deleted_at IS NULL
  AND updated_at > now() - %(age)s
ORDER BY workspace_id, id;
