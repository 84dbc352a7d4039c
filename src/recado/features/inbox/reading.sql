-- name: read
WITH held AS (
    SELECT id, unread FROM conversation
    WHERE workspace_id = %(workspace_id)s AND id = %(conversation_id)s FOR NO KEY UPDATE
), cleared AS (
    UPDATE conversation v SET unread = 0 FROM held
    WHERE v.workspace_id = %(workspace_id)s AND v.id = held.id AND held.unread > 0
)
SELECT unread FROM held;

-- name: newest
SELECT m.channel_id, m.provider_id, coalesce(v.address, v.person, ltrim(p.phone, '+')) AS sender
FROM message m
JOIN conversation v ON v.workspace_id = %(workspace_id)s AND v.id = m.conversation_id
LEFT JOIN contact p ON p.workspace_id = %(workspace_id)s AND p.id = v.contact_id
WHERE m.workspace_id = %(workspace_id)s AND m.conversation_id = %(conversation_id)s
  AND m.direction = 'in' AND m.kind NOT IN ('call', 'system') AND m.provider_id NOT LIKE '~%%'
ORDER BY m.at DESC, m.id DESC LIMIT %(most)s;

-- name: newest_first
SELECT v.id FROM conversation v
WHERE v.workspace_id = %(workspace_id)s
  AND (v.last_message_at, v.id) < (%(before_at)s::timestamptz, %(before_id)s::bigint)
  AND (%(channel_id)s::bigint IS NULL OR v.channel_id = %(channel_id)s)
ORDER BY v.last_message_at DESC, v.id DESC LIMIT %(most)s;

-- name: unread_first
SELECT v.id FROM conversation v
WHERE v.workspace_id = %(workspace_id)s AND v.unread > 0
  AND (v.last_message_at, v.id) < (%(before_at)s::timestamptz, %(before_id)s::bigint)
  AND (%(channel_id)s::bigint IS NULL OR v.channel_id = %(channel_id)s)
ORDER BY v.last_message_at DESC, v.id DESC LIMIT %(most)s;

-- name: of_contact
SELECT v.id FROM conversation v
WHERE v.workspace_id = %(workspace_id)s AND v.contact_id = %(contact_id)s
  AND (v.last_message_at, v.id) < (%(before_at)s::timestamptz, %(before_id)s::bigint)
  AND (%(channel_id)s::bigint IS NULL OR v.channel_id = %(channel_id)s)
  AND (NOT %(unread)s OR v.unread > 0)
ORDER BY v.last_message_at DESC, v.id DESC LIMIT %(most)s;

-- name: shown
SELECT v.id, v.channel_id, c.name AS channel, c.provider, c.deleted_at IS NOT NULL AS channel_deleted,
    v.contact_id, coalesce(nullif(p.name, ''), v.name) AS name,
    coalesce(p.phone, '+' || v.address) AS phone, v.person, v.unread, v.last_inbound_at,
    v.last_message_at, p.opted_out_at, last.kind AS last_kind, last.direction AS last_direction,
    left(last.text, 200) AS last_text
FROM conversation v
JOIN channel c ON c.workspace_id = %(workspace_id)s AND c.id = v.channel_id
LEFT JOIN contact p ON p.workspace_id = %(workspace_id)s AND p.id = v.contact_id
LEFT JOIN LATERAL (
    SELECT m.kind, m.direction, m.text FROM message m
    WHERE m.workspace_id = %(workspace_id)s AND m.conversation_id = v.id
    ORDER BY m.at DESC, m.id DESC LIMIT 1
) last ON true
WHERE v.workspace_id = %(workspace_id)s AND v.id = ANY(%(ids)s)
ORDER BY v.last_message_at DESC, v.id DESC;

-- name: items
-- What was said, the newest first, and what campaigns sent to the same person through the same
-- number. Rank tells the two kinds apart where the times are the same.
WITH place AS (
    SELECT id, contact_id, channel_id FROM conversation
    WHERE workspace_id = %(workspace_id)s AND id = %(conversation_id)s
), said AS (
    SELECT m.id, false AS of_campaign, m.id * 2 AS rank, m.at, m.direction, m.kind, m.text, m.media,
        m.place, m.choice, m.reply_to, m.delivery_id, NULL::bigint AS campaign_id,
        NULL::text AS campaign, m.provider_id, m.author, m.content, m.status, m.sent_at,
        m.delivered_at, m.read_at, m.failed_at, m.error_code, m.error_detail
    FROM message m JOIN place ON place.id = m.conversation_id
    WHERE m.workspace_id = %(workspace_id)s AND m.at <= %(before_at)s
      AND (m.at, m.id * 2) < (%(before_at)s::timestamptz, %(before_rank)s::bigint)
      AND (%(only)s::bigint IS NULL OR m.id = %(only)s)
      -- One that a campaign sent and that was echoed before its id was known.
      AND (m.author IS DISTINCT FROM 'phone' OR NOT EXISTS (
          SELECT FROM part p
          WHERE p.workspace_id = %(workspace_id)s AND p.provider_id = m.provider_id))
    ORDER BY m.at DESC, m.id DESC LIMIT %(most)s
), sent AS (
    SELECT d.id, true, d.id * 2 + 1, d.at, 'out', 'campaign', coalesce(d.text, parts.text,
            c.content ->> 'text', ''), NULL::jsonb, NULL::jsonb, NULL::text, NULL::text, d.id, c.id,
        c.name, parts.provider_id, NULL::text, c.content, d.status, d.sent_at, d.delivered_at,
        d.read_at, d.failed_at, d.error_code, d.error_detail
    FROM (
        SELECT e.*, coalesce(e.sent_at, e.failed_at, (
            SELECT max(a.claimed_at) FROM attempt a
            WHERE a.workspace_id = %(workspace_id)s AND a.delivery_id = e.id)) AS at
        FROM delivery e JOIN place
            ON place.contact_id = e.contact_id AND place.channel_id = e.channel_id
        WHERE e.workspace_id = %(workspace_id)s AND %(only)s::bigint IS NULL
          AND e.status IN ('sent', 'delivered', 'read', 'failed', 'unknown')
    ) d
    JOIN run r ON r.workspace_id = %(workspace_id)s AND r.id = d.run_id
    JOIN campaign c ON c.workspace_id = %(workspace_id)s AND c.id = r.campaign_id
    LEFT JOIN LATERAL (
        SELECT string_agg(p.text, E'\n\n' ORDER BY p.position) AS text,
            (array_agg(p.provider_id ORDER BY p.position))[1] AS provider_id
        FROM part p WHERE p.workspace_id = %(workspace_id)s AND p.delivery_id = d.id
    ) parts ON true
    WHERE (d.at, d.id * 2 + 1) < (%(before_at)s::timestamptz, %(before_rank)s::bigint)
    ORDER BY d.at DESC, d.id DESC LIMIT %(most)s
)
SELECT i.*, k.reaction, k.text AS edited_text, k.edited_at, k.revoked_at
FROM (SELECT * FROM said UNION ALL SELECT * FROM sent) i
LEFT JOIN message_change k ON k.workspace_id = %(workspace_id)s
    AND k.conversation_id = %(conversation_id)s AND k.provider_id = i.provider_id
ORDER BY i.at DESC, i.rank DESC LIMIT %(most)s;
