-- name: conversations
SELECT g.place, v.id
FROM unnest(%(channels)s::bigint[], %(contacts)s::bigint[], %(people)s::text[])
    WITH ORDINALITY AS g (channel_id, contact_id, person, place)
JOIN conversation v ON v.workspace_id = %(workspace_id)s AND v.contact_id = g.contact_id
    AND v.channel_id = g.channel_id
UNION ALL
SELECT g.place, v.id
FROM unnest(%(channels)s::bigint[], %(contacts)s::bigint[], %(people)s::text[])
    WITH ORDINALITY AS g (channel_id, contact_id, person, place)
JOIN conversation v ON v.workspace_id = %(workspace_id)s AND v.channel_id = g.channel_id
    AND v.person = g.person;

-- name: begin
INSERT INTO conversation (workspace_id, channel_id, contact_id, person, last_message_at)
SELECT %(workspace_id)s, g.channel_id, g.contact_id, g.person, g.at
FROM unnest(%(channels)s::bigint[], %(contacts)s::bigint[], %(people)s::text[],
    %(times)s::timestamptz[]) WITH ORDINALITY AS g (channel_id, contact_id, person, at, place)
ORDER BY g.place
ON CONFLICT DO NOTHING;

-- name: add
-- Each message once, by the provider's id; what answers a campaign's is tied to its delivery.
INSERT INTO message (workspace_id, conversation_id, channel_id, direction, kind, text, media, place,
    choice, reply_to, delivery_id, provider_id, at, author, status, sent_at, error_code,
    error_detail)
SELECT %(workspace_id)s, g.conversation_id, g.channel_id, g.direction, g.kind, g.text, g.media,
    g.spot, g.choice, g.reply_to, answered.delivery_id, g.provider_id, g.at,
    CASE g.direction WHEN 'out' THEN %(author)s END, CASE g.direction WHEN 'out' THEN 'sent' END,
    CASE g.direction WHEN 'out' THEN g.at END, g.code, g.detail
FROM unnest(%(conversations)s::bigint[], %(channels)s::bigint[], %(directions)s::text[],
    %(kinds)s::text[], %(texts)s::text[], %(media)s::jsonb[], %(spots)s::jsonb[],
    %(choices)s::text[], %(replies)s::text[], %(provider_ids)s::text[], %(times)s::timestamptz[],
    %(codes)s::text[], %(details)s::text[])
    AS g (conversation_id, channel_id, direction, kind, text, media, spot, choice, reply_to,
          provider_id, at, code, detail)
LEFT JOIN LATERAL (
    SELECT p.delivery_id FROM part p
    WHERE p.workspace_id = %(workspace_id)s AND p.provider_id = g.reply_to LIMIT 1
) answered ON true
-- A campaign's messages are read from its deliveries.
WHERE g.direction = 'in' OR NOT EXISTS (
    SELECT FROM part p WHERE p.workspace_id = %(workspace_id)s AND p.provider_id = g.provider_id)
ORDER BY g.provider_id, g.at
ON CONFLICT (workspace_id, channel_id, direction, provider_id) WHERE provider_id IS NOT NULL
    DO NOTHING
RETURNING conversation_id, direction = 'in' AND kind <> 'system' AS unread;

-- name: change
INSERT INTO message_change AS k (workspace_id, conversation_id, provider_id, reaction, reacted_at,
    text, edited_at, revoked_at)
SELECT %(workspace_id)s, g.* FROM unnest(%(conversations)s::bigint[], %(provider_ids)s::text[],
    %(reactions)s::text[], %(reacted)s::timestamptz[], %(texts)s::text[],
    %(edited)s::timestamptz[], %(revoked)s::timestamptz[]) AS g
ON CONFLICT (workspace_id, conversation_id, provider_id) DO UPDATE SET
    reaction = CASE WHEN excluded.reacted_at < k.reacted_at THEN k.reaction
        ELSE coalesce(excluded.reaction, k.reaction) END,
    reacted_at = greatest(k.reacted_at, excluded.reacted_at),
    text = CASE WHEN excluded.edited_at < k.edited_at THEN k.text
        ELSE coalesce(excluded.text, k.text) END,
    edited_at = greatest(k.edited_at, excluded.edited_at),
    revoked_at = greatest(k.revoked_at, excluded.revoked_at);

-- name: move
UPDATE conversation v
SET name = CASE WHEN g.name = '' OR g.opened_at < v.last_inbound_at THEN v.name ELSE g.name END,
    address = CASE WHEN g.opened_at >= coalesce(v.last_inbound_at, g.opened_at)
        THEN coalesce(g.address, v.address) ELSE v.address END,
    last_inbound_at = greatest(v.last_inbound_at, g.opened_at),
    last_message_at = greatest(v.last_message_at, g.said_at),
    unread = v.unread + g.fresh
FROM unnest(%(ids)s::bigint[], %(opened)s::timestamptz[], %(said)s::timestamptz[],
    %(fresh)s::integer[], %(names)s::text[], %(addresses)s::text[])
    AS g (id, opened_at, said_at, fresh, name, address)
WHERE v.workspace_id = %(workspace_id)s AND v.id = g.id;
