-- name: routes_by_key
SELECT provider, external_id, account_id, owner_workspace, channel_id FROM channel_route
WHERE channel_key = ANY(%(names)s) AND provider = %(provider)s;

-- name: routes_by_number
SELECT provider, external_id, account_id, owner_workspace, channel_id FROM channel_route
WHERE provider = %(provider)s AND external_id = ANY(%(names)s);

-- name: routes_by_account
SELECT provider, external_id, account_id, owner_workspace, channel_id FROM channel_route
WHERE provider = %(provider)s AND account_id = ANY(%(names)s)
ORDER BY owner_workspace, channel_id;

-- name: patience
SELECT set_config('statement_timeout', %(at_most)s, true);

-- name: storing
-- Held to the commit: see all_stored.
SELECT pg_advisory_xact_lock_shared(hashtextextended('callbacks ' || id, 0))
FROM unnest(%(workspaces)s::bigint[]) AS id ORDER BY id;

-- name: all_stored
-- Waits for those who store at this moment: the job that they found waiting, and so did not add,
-- is the one that asks here, and must see what they stored.
SELECT pg_advisory_xact_lock(hashtextextended('callbacks ' || %(workspace_id)s::bigint, 0));

-- name: store
INSERT INTO callback (workspace_id, channel_id, body)
SELECT * FROM unnest(%(workspaces)s::bigint[], %(channels)s::bigint[], %(bodies)s::bytea[]);

-- name: waiting
-- The oldest, as many as one batch may hold: never more than `bytes` of them, unless it is one alone.
WITH oldest AS MATERIALIZED (
    SELECT k.id, octet_length(k.body) AS size FROM callback k
    WHERE k.workspace_id = %(workspace_id)s AND k.processed_at IS NULL
      AND (k.again_at IS NULL OR k.again_at <= now())
      AND (%(only)s::bigint IS NULL OR k.id = %(only)s)
    ORDER BY k.workspace_id, k.id LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
), fitting AS (
    SELECT id FROM (SELECT id, size, sum(size) OVER (ORDER BY id) AS total FROM oldest) o
    WHERE total <= %(bytes)s OR total = size
)
SELECT k.id, k.channel_id, k.body, k.received_at, c.provider
FROM fitting f
JOIN callback k ON k.workspace_id = %(workspace_id)s AND k.id = f.id
JOIN channel c ON c.workspace_id = k.workspace_id AND c.id = k.channel_id
ORDER BY k.id;

-- name: put_back
-- States without a reference, of messages that nobody knows, while something of their channel is on
-- its way and its outcome, with the provider's id, is not on record: they may be of just that. One
-- snapshot sees both, so nothing falls between. The wait doubles, as far as a minute.
WITH early AS (
    SELECT DISTINCT r.callback_id AS id
    FROM unnest(%(callbacks)s::bigint[], %(channels)s::bigint[], %(provider_ids)s::text[])
        AS r (callback_id, channel_id, provider_id)
    WHERE NOT EXISTS (SELECT FROM part p
        WHERE p.workspace_id = %(workspace_id)s AND p.provider_id = r.provider_id)
      AND NOT EXISTS (SELECT FROM message m
        WHERE m.workspace_id = %(workspace_id)s AND m.channel_id = r.channel_id
          AND m.direction = 'out' AND m.provider_id = r.provider_id)
      AND (EXISTS (SELECT FROM attempt a
            WHERE a.workspace_id = %(workspace_id)s AND a.channel_id = r.channel_id
              AND a.status = 'claimed' AND a.claimed_at > now() - interval '10 minutes')
        OR EXISTS (SELECT FROM message_attempt a
            WHERE a.workspace_id = %(workspace_id)s AND a.channel_id = r.channel_id
              AND a.status = 'claimed' AND a.claimed_at > now() - interval '10 minutes'))
)
UPDATE callback k
SET again_at = clock_timestamp() + greatest(clock_timestamp() - k.received_at, interval '1 second')
FROM early e
WHERE k.workspace_id = %(workspace_id)s AND k.id = e.id
  AND k.received_at > now() - interval '1 minute'
RETURNING k.id, k.again_at;

-- name: processed
UPDATE callback k SET processed_at = now(), error = p.error
FROM unnest(%(ids)s::bigint[], %(errors)s::text[]) AS p (id, error)
WHERE k.workspace_id = %(workspace_id)s AND k.id = p.id;

-- name: forget
-- Processed callbacks are kept for a while, for questions.
DELETE FROM callback WHERE processed_at < now() - %(age)s;

-- name: workspaces_waiting
SELECT DISTINCT workspace_id FROM callback
WHERE processed_at IS NULL AND received_at < now() - interval '30 seconds';

-- name: apply
-- A batch of reported states: matched by our reference, else by the provider's id; raised, never
-- lowered; counters follow by the triggers. A report that matches nothing is left out.
WITH report AS (
    SELECT * FROM unnest(%(channels)s::bigint[], %(deliveries)s::bigint[], %(parts)s::smallint[],
        %(numbers)s::smallint[], %(provider_ids)s::text[], %(statuses)s::text[],
        %(times)s::timestamptz[], %(codes)s::text[], %(classes)s::text[], %(details)s::text[])
        AS r (channel_id, delivery_id, part, number, provider_id, status, at, code, class, detail)
), matched AS (
    SELECT a.delivery_id, a.part, a.number, r.provider_id, r.status, r.at, r.code, r.class, r.detail
    FROM report r
    JOIN attempt a ON a.workspace_id = %(workspace_id)s AND a.delivery_id = r.delivery_id
        AND a.part = r.part AND a.number = r.number AND a.channel_id = r.channel_id
    UNION ALL
    SELECT p.delivery_id, p.position, NULL, r.provider_id, r.status, r.at, r.code, r.class, r.detail
    FROM report r
    JOIN part p ON p.workspace_id = %(workspace_id)s AND p.provider_id = r.provider_id
    WHERE r.delivery_id IS NULL
), best AS (
    SELECT delivery_id, part,
        (array_agg(status ORDER BY delivery_rank(status) DESC))[1] AS status,
        max(provider_id) AS provider_id,
        min(number) FILTER (WHERE status <> 'failed') AS arrived,
        min(at) AS first_at,
        min(at) FILTER (WHERE status = 'delivered') AS delivered_at,
        min(at) FILTER (WHERE status = 'read') AS read_at,
        min(at) FILTER (WHERE status = 'failed') AS failed_at,
        max(code) AS code, max(class) AS class, max(detail) AS detail
    FROM matched GROUP BY delivery_id, part
), locked AS (
    SELECT d.id, d.run_id, d.parts, d.next_part, d.claims, d.discarded_at, d.status AS was
    FROM delivery d
    WHERE d.workspace_id = %(workspace_id)s AND d.id IN (SELECT delivery_id FROM best)
    ORDER BY d.id FOR UPDATE
), own AS (
    -- A part that is tried again though an earlier try has arrived: as if it were still in doubt.
    SELECT l.*, CASE WHEN l.parts > 1 AND l.was = 'sending' AND EXISTS (
        SELECT FROM best b WHERE b.delivery_id = l.id AND b.part = l.next_part
          AND b.arrived < l.claims) THEN 'unknown' ELSE l.was END AS status
    FROM locked l
), parts AS (
    UPDATE part p
    SET status = delivery_raised(p.status, b.status),
        provider_id = coalesce(p.provider_id, b.provider_id)
    FROM best b, locked l
    WHERE l.id = b.delivery_id AND p.workspace_id = %(workspace_id)s
      AND p.delivery_id = b.delivery_id AND p.position = b.part
    RETURNING p.delivery_id, p.position, p.status
), others AS (
    -- Of messages in several parts: as they are now, an outcome recorded meanwhile included.
    SELECT p.delivery_id, p.position, p.status FROM locked l
    JOIN part p ON p.workspace_id = %(workspace_id)s AND p.delivery_id = l.id
    WHERE l.parts > 1
      AND (p.delivery_id, p.position) NOT IN (SELECT delivery_id, part FROM best)
    FOR UPDATE OF p
), whole AS (
    SELECT delivery_id AS id, array_agg(status ORDER BY position) AS states,
        min(position) FILTER (WHERE status NOT IN ('sent', 'delivered', 'read')) AS next_part
    FROM (SELECT * FROM parts UNION ALL SELECT * FROM others) p
    GROUP BY delivery_id
), news AS (
    SELECT b.delivery_id, max(b.part) AS part, min(first_at) AS first_at,
        max(delivered_at) AS delivered_at, max(read_at) AS read_at, max(failed_at) AS failed_at,
        max(code) AS code, max(class) AS class, max(detail) AS detail
    FROM best b GROUP BY b.delivery_id
), changed AS (
    UPDATE delivery d
    SET status = change.status,
        reason = CASE WHEN change.status = 'cancelled' AND l.status <> 'cancelled'
            THEN 'campaign_cancelled' ELSE d.reason END,
        lane = CASE WHEN change.goes_on THEN 2 ELSE d.lane END,
        due_at = CASE WHEN change.goes_on THEN now() ELSE d.due_at END,
        held = false,
        sender_id = CASE WHEN change.goes_on THEN d.channel_id ELSE d.sender_id END,
        attempts = CASE WHEN change.goes_on THEN 0 ELSE d.attempts END,
        next_part = CASE WHEN l.parts > 1 AND l.status <> 'sending'
            THEN coalesce(w.next_part, d.next_part) ELSE d.next_part END,
        sent_at = CASE WHEN change.status IN ('sent', 'delivered', 'read')
            THEN coalesce(d.sent_at, n.first_at) ELSE d.sent_at END,
        delivered_at = CASE WHEN l.parts = 1 OR change.status IN ('delivered', 'read')
            THEN coalesce(d.delivered_at, n.delivered_at,
                CASE WHEN change.status IN ('delivered', 'read') THEN n.read_at END)
            ELSE d.delivered_at END,
        read_at = CASE WHEN l.parts = 1 OR change.status = 'read'
            THEN coalesce(d.read_at, n.read_at) ELSE d.read_at END,
        failed_at = CASE WHEN change.status = 'failed' THEN coalesce(d.failed_at, n.failed_at)
            ELSE d.failed_at END,
        error_code = CASE WHEN change.tells THEN coalesce(n.code, d.error_code)
            WHEN change.clears THEN NULL ELSE d.error_code END,
        error_class = CASE WHEN change.tells THEN coalesce(n.class, d.error_class)
            WHEN change.clears THEN NULL ELSE d.error_class END,
        error_detail = CASE WHEN change.tells THEN coalesce(n.detail, d.error_detail)
            WHEN change.clears THEN NULL ELSE d.error_detail END
    FROM news n
    JOIN own l ON l.id = n.delivery_id
    JOIN whole w ON w.id = l.id
    JOIN run r ON r.workspace_id = %(workspace_id)s AND r.id = l.run_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN l.parts = 1 THEN delivery_raised(l.status, w.states[1])
            ELSE delivery_whole(l.status, w.states, l.next_part) END AS status
    ) shown
    CROSS JOIN LATERAL (
        SELECT shown.status = 'pending' AND l.status IN ('unknown', 'failed') AS after_all
    ) doubt
    CROSS JOIN LATERAL (
        -- A part in doubt has arrived, so the next may follow: not where nothing may any more.
        SELECT CASE WHEN NOT doubt.after_all THEN shown.status
            WHEN l.discarded_at IS NOT NULL THEN l.status
            WHEN r.status = 'cancelled' THEN 'cancelled'
            ELSE 'pending' END AS status,
            doubt.after_all AND l.discarded_at IS NULL AND r.status <> 'cancelled' AS goes_on,
            -- While a later part is on the wire, what has failed is kept for its outcome.
            shown.status = 'failed' OR (l.parts > 1 AND shown.status = 'sending'
                AND n.failed_at IS NOT NULL) AS tells,
            doubt.after_all OR shown.status IN ('sent', 'delivered', 'read') AS clears
    ) change
    WHERE d.workspace_id = %(workspace_id)s AND d.id = n.delivery_id
    RETURNING d.id, d.run_id, d.contact_id, change.status, change.goes_on, n.class, n.code,
        n.detail, n.failed_at
)
SELECT c.run_id, r.campaign_id, count(*) AS deliveries, bool_or(c.goes_on) AS goes_on,
    array_agg(c.contact_id) FILTER (WHERE c.status = 'failed' AND c.class = 'contact_dead') AS dead,
    array_agg(c.contact_id) FILTER (WHERE c.status IN ('delivered', 'read')) AS reached,
    (array_agg(c.code || ': ' || coalesce(c.detail, '')) FILTER (WHERE c.status = 'failed'
        AND c.class = ANY(%(of_campaign)s)))[1] AS campaign_fault,
    max(c.failed_at) FILTER (WHERE c.status = 'failed' AND c.class = 'template')
        AS template_failed_at,
    max(c.failed_at) AS failed_at
FROM changed c
JOIN run r ON r.workspace_id = %(workspace_id)s AND r.id = c.run_id
GROUP BY c.run_id, r.campaign_id;


-- name: stored_page
SELECT k.id, k.channel_id, c.name AS channel, c.provider, k.received_at, k.processed_at, k.error,
    octet_length(k.body) AS bytes
FROM callback k
JOIN channel c ON c.workspace_id = k.workspace_id AND c.id = k.channel_id
WHERE k.workspace_id = current_workspace_id()
  AND (%(before_id)s::bigint IS NULL OR k.id < %(before_id)s)
  AND (%(channel_id)s::bigint IS NULL OR k.channel_id = %(channel_id)s)
  AND (%(since)s::timestamptz IS NULL OR k.received_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR k.received_at < %(until)s)
  AND (%(ids)s::bigint[] IS NULL OR k.id = ANY(%(ids)s))
  AND (NOT %(errors)s OR k.error IS NOT NULL)
ORDER BY k.workspace_id, k.id DESC LIMIT %(at_most)s;

-- name: stored
SELECT k.id, k.body, k.received_at, c.provider FROM callback k
JOIN channel c ON c.workspace_id = k.workspace_id AND c.id = k.channel_id
WHERE k.workspace_id = current_workspace_id()
  AND (%(channel_id)s::bigint IS NULL OR k.channel_id = %(channel_id)s)
  AND (%(since)s::timestamptz IS NULL OR k.received_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR k.received_at < %(until)s)
  AND (%(ids)s::bigint[] IS NULL OR k.id = ANY(%(ids)s))
  AND (NOT %(errors)s OR k.error IS NOT NULL)
ORDER BY k.workspace_id, k.id;

-- name: wait_again
UPDATE callback k SET processed_at = NULL, again_at = NULL, error = NULL
WHERE k.workspace_id = current_workspace_id()
  AND (k.processed_at IS NOT NULL OR k.again_at IS NOT NULL)
  AND (%(channel_id)s::bigint IS NULL OR k.channel_id = %(channel_id)s)
  AND (%(since)s::timestamptz IS NULL OR k.received_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR k.received_at < %(until)s)
  AND (%(ids)s::bigint[] IS NULL OR k.id = ANY(%(ids)s))
  AND (NOT %(errors)s OR k.error IS NOT NULL);
