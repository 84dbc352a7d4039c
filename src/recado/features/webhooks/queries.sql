-- name: routes_by_key
SELECT provider, external_id, owner_workspace, channel_id FROM channel_route
WHERE channel_key = ANY(%(names)s) AND provider = %(provider)s;

-- name: routes_by_number
SELECT provider, external_id, owner_workspace, channel_id FROM channel_route
WHERE provider = %(provider)s AND external_id = ANY(%(names)s);

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
SELECT k.id, k.channel_id, k.body, c.provider
FROM callback k
JOIN channel c ON c.workspace_id = k.workspace_id AND c.id = k.channel_id
WHERE k.workspace_id = %(workspace_id)s AND k.processed_at IS NULL
ORDER BY k.workspace_id, k.id LIMIT %(most)s
FOR UPDATE OF k SKIP LOCKED;

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
    SELECT a.delivery_id, a.part, r.provider_id, r.status, r.at, r.code, r.class, r.detail
    FROM report r
    JOIN attempt a ON a.workspace_id = %(workspace_id)s AND a.delivery_id = r.delivery_id
        AND a.part = r.part AND a.number = r.number AND a.channel_id = r.channel_id
    UNION ALL
    SELECT p.delivery_id, p.position, r.provider_id, r.status, r.at, r.code, r.class, r.detail
    FROM report r
    JOIN part p ON p.workspace_id = %(workspace_id)s AND p.provider_id = r.provider_id
    WHERE r.delivery_id IS NULL
), best AS (
    SELECT delivery_id, part,
        (array_agg(status ORDER BY delivery_rank(status) DESC))[1] AS status,
        max(provider_id) AS provider_id,
        min(at) AS first_at,
        min(at) FILTER (WHERE status = 'delivered') AS delivered_at,
        min(at) FILTER (WHERE status = 'read') AS read_at,
        min(at) FILTER (WHERE status = 'failed') AS failed_at,
        max(code) AS code, max(class) AS class, max(detail) AS detail
    FROM matched GROUP BY delivery_id, part
), locked AS (
    SELECT d.id FROM delivery d
    WHERE d.workspace_id = %(workspace_id)s AND d.id IN (SELECT delivery_id FROM best)
    ORDER BY d.id FOR UPDATE
), parts AS (
    UPDATE part p
    SET status = delivery_raised(p.status, b.status),
        provider_id = coalesce(p.provider_id, b.provider_id)
    FROM best b, locked l
    WHERE l.id = b.delivery_id AND p.workspace_id = %(workspace_id)s
      AND p.delivery_id = b.delivery_id AND p.position = b.part
    RETURNING p.delivery_id, p.position, p.status
), whole AS (
    -- The lowest of a delivery's parts, as they are after this statement: a part that did not
    -- arrive stands below one that did, wherever it is on the ladder.
    SELECT l.id, (array_agg(coalesce(u.status, p.status) ORDER BY array_position(
        ARRAY['sending', 'failed', 'unknown', 'pending', 'sent', 'delivered', 'read'],
        coalesce(u.status, p.status))))[1] AS status
    FROM locked l
    JOIN part p ON p.workspace_id = %(workspace_id)s AND p.delivery_id = l.id
    LEFT JOIN parts u ON u.delivery_id = p.delivery_id AND u.position = p.position
    GROUP BY l.id
), news AS (
    SELECT b.delivery_id, max(b.part) AS part, min(first_at) AS first_at,
        max(delivered_at) AS delivered_at, max(read_at) AS read_at, max(failed_at) AS failed_at,
        max(code) AS code, max(class) AS class, max(detail) AS detail
    FROM best b GROUP BY b.delivery_id
), changed AS (
    UPDATE delivery d
    SET status = change.status,
        sent_at = CASE WHEN change.status IN ('sent', 'delivered', 'read')
            THEN coalesce(d.sent_at, n.first_at) ELSE d.sent_at END,
        delivered_at = coalesce(d.delivered_at, n.delivered_at,
            CASE WHEN change.status = 'read' THEN n.read_at END),
        read_at = coalesce(d.read_at, n.read_at),
        failed_at = CASE WHEN change.status = 'failed' THEN coalesce(d.failed_at, n.failed_at)
            ELSE d.failed_at END,
        error_code = CASE WHEN change.status = 'failed' THEN coalesce(n.code, d.error_code)
            WHEN change.status IN ('sent', 'delivered', 'read') THEN NULL ELSE d.error_code END,
        error_class = CASE WHEN change.status = 'failed' THEN coalesce(n.class, d.error_class)
            WHEN change.status IN ('sent', 'delivered', 'read') THEN NULL ELSE d.error_class END,
        error_detail = CASE WHEN change.status = 'failed' THEN coalesce(n.detail, d.error_detail)
            WHEN change.status IN ('sent', 'delivered', 'read') THEN NULL ELSE d.error_detail END
    FROM news n
    JOIN whole w ON w.id = n.delivery_id
    JOIN delivery o ON o.workspace_id = %(workspace_id)s AND o.id = n.delivery_id
    CROSS JOIN LATERAL (
        -- While later parts wait or travel, the delivery keeps saying so.
        SELECT CASE WHEN o.status IN ('pending', 'sending') AND n.part < o.next_part THEN o.status
            ELSE delivery_raised(o.status, w.status) END AS status
    ) change
    WHERE d.workspace_id = %(workspace_id)s AND d.id = n.delivery_id
    RETURNING d.id, d.run_id, d.contact_id, change.status, n.class
)
SELECT c.run_id, r.campaign_id, count(*) AS deliveries,
    array_agg(c.contact_id) FILTER (WHERE c.status = 'failed' AND c.class = 'opt_out') AS opted_out,
    array_agg(c.contact_id) FILTER (WHERE c.status = 'failed' AND c.class = 'contact_dead') AS dead,
    array_agg(c.contact_id) FILTER (WHERE c.status IN ('delivered', 'read')) AS reached
FROM changed c
JOIN run r ON r.workspace_id = %(workspace_id)s AND r.id = c.run_id
GROUP BY c.run_id, r.campaign_id;

-- name: note_conversations
-- What was written in the future was written now.
WITH person AS MATERIALIZED (
    SELECT c.id, c.phone_key FROM contact c
    WHERE c.workspace_id = %(workspace_id)s AND c.phone_key = ANY(%(keys)s)
    ORDER BY c.id FOR KEY SHARE
)
INSERT INTO conversation (workspace_id, contact_id, channel_id, last_inbound_at)
SELECT %(workspace_id)s, p.id, m.channel_id, max(least(m.at, now()))
FROM unnest(%(channels)s::bigint[], %(keys)s::text[], %(times)s::timestamptz[])
    AS m (channel_id, phone_key, at)
JOIN person p ON p.phone_key = m.phone_key
GROUP BY p.id, m.channel_id ORDER BY p.id, m.channel_id
ON CONFLICT (workspace_id, contact_id, channel_id)
DO UPDATE SET last_inbound_at = greatest(conversation.last_inbound_at, excluded.last_inbound_at);
