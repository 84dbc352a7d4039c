-- name: raise
-- A batch of reported states: matched by our reference, else by the provider's id; raised, never
-- lowered. A report that matches nothing is left out.
WITH report AS (
    SELECT * FROM unnest(%(channels)s::bigint[], %(messages)s::bigint[], %(provider_ids)s::text[],
        %(statuses)s::text[], %(times)s::timestamptz[], %(codes)s::text[], %(classes)s::text[],
        %(details)s::text[])
        AS r (channel_id, message_id, provider_id, status, at, code, class, detail)
), matched AS (
    SELECT m.id, r.* FROM report r
    JOIN message m ON m.workspace_id = %(workspace_id)s AND m.id = r.message_id
        AND m.channel_id = r.channel_id AND m.direction = 'out'
    UNION ALL
    SELECT m.id, r.* FROM report r
    JOIN message m ON m.workspace_id = %(workspace_id)s AND m.channel_id = r.channel_id
        AND m.direction = 'out' AND m.provider_id = r.provider_id
    WHERE r.message_id IS NULL
), best AS (
    SELECT id, (array_agg(status ORDER BY delivery_rank(status) DESC))[1] AS status,
        max(provider_id) AS provider_id, min(at) FILTER (WHERE status <> 'failed') AS sent_at,
        min(at) FILTER (WHERE status = 'delivered') AS delivered_at,
        min(at) FILTER (WHERE status = 'read') AS read_at,
        min(at) FILTER (WHERE status = 'failed') AS failed_at,
        max(code) AS code, max(class) AS class, max(detail) AS detail
    FROM matched GROUP BY id
), locked AS (
    SELECT m.id, delivery_raised(m.status, b.status) AS status, b.provider_id, b.sent_at,
        b.delivered_at, b.read_at, b.failed_at, b.code, b.class, b.detail
    FROM message m JOIN best b ON b.id = m.id
    WHERE m.workspace_id = %(workspace_id)s AND m.status IS NOT NULL
    ORDER BY m.id FOR UPDATE OF m
)
UPDATE message m
SET status = l.status,
    provider_id = CASE WHEN m.provider_id IS NULL AND NOT EXISTS (
        SELECT FROM message e WHERE e.workspace_id = %(workspace_id)s
          AND e.channel_id = m.channel_id AND e.direction = 'out' AND e.provider_id = l.provider_id
    ) THEN l.provider_id ELSE m.provider_id END,
    sent_at = CASE WHEN l.status IN ('sent', 'delivered', 'read')
        THEN coalesce(m.sent_at, l.sent_at) ELSE m.sent_at END,
    delivered_at = coalesce(m.delivered_at, l.delivered_at, l.read_at),
    read_at = coalesce(m.read_at, l.read_at),
    failed_at = CASE WHEN l.status = 'failed' THEN coalesce(m.failed_at, l.failed_at)
        ELSE m.failed_at END,
    error_code = CASE WHEN l.status = 'failed' THEN coalesce(l.code, m.error_code)
        WHEN l.status IN ('sent', 'delivered', 'read') THEN NULL ELSE m.error_code END,
    error_class = CASE WHEN l.status = 'failed' THEN coalesce(l.class, m.error_class)
        WHEN l.status IN ('sent', 'delivered', 'read') THEN NULL ELSE m.error_class END,
    error_detail = CASE WHEN l.status = 'failed' THEN coalesce(l.detail, m.error_detail)
        WHEN l.status IN ('sent', 'delivered', 'read') THEN NULL ELSE m.error_detail END
FROM locked l
WHERE m.workspace_id = %(workspace_id)s AND m.id = l.id
RETURNING m.conversation_id;
