-- name: alone_in_workspace
SELECT pg_advisory_xact_lock(hashtextextended('inbox ' || %(workspace_id)s::bigint, 0));

-- name: contacts
SELECT g.place, coalesce(p.id, i.contact_id) AS contact_id
FROM unnest(%(channels)s::bigint[], %(keys)s::text[], %(user_ids)s::text[])
    WITH ORDINALITY AS g (channel_id, phone_key, user_id, place)
LEFT JOIN contact p ON p.workspace_id = %(workspace_id)s AND p.phone_key = g.phone_key
LEFT JOIN channel c ON c.workspace_id = %(workspace_id)s AND c.id = g.channel_id
LEFT JOIN identity i ON i.workspace_id = %(workspace_id)s AND i.provider = c.provider
    AND i.user_id = g.user_id
WHERE coalesce(p.id, i.contact_id) IS NOT NULL;

-- name: hold
SELECT id FROM contact WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
ORDER BY id FOR KEY SHARE;

-- name: welcome
INSERT INTO contact (workspace_id, name, phone, phone_key, wa_id, source)
SELECT %(workspace_id)s, g.name, '+' || g.number, g.phone_key, g.number, %(source)s
FROM unnest(%(keys)s::text[], %(numbers)s::text[], %(names)s::text[]) AS g (phone_key, number, name)
ORDER BY g.phone_key
ON CONFLICT (workspace_id, phone_key) DO NOTHING;

-- name: learn
INSERT INTO identity AS i (workspace_id, provider, user_id, contact_id, learned_at)
SELECT DISTINCT ON (c.provider, g.user_id)
    %(workspace_id)s, c.provider, g.user_id, g.contact_id, g.at
FROM unnest(%(channels)s::bigint[], %(user_ids)s::text[], %(contacts)s::bigint[],
    %(times)s::timestamptz[]) AS g (channel_id, user_id, contact_id, at)
JOIN channel c ON c.workspace_id = %(workspace_id)s AND c.id = g.channel_id
JOIN contact p ON p.workspace_id = %(workspace_id)s AND p.id = g.contact_id  -- not deleted since
ORDER BY c.provider, g.user_id, g.at DESC
ON CONFLICT (workspace_id, provider, user_id)
DO UPDATE SET contact_id = excluded.contact_id, learned_at = excluded.learned_at
WHERE i.learned_at < excluded.learned_at AND i.contact_id <> excluded.contact_id
RETURNING i.contact_id;

-- name: alone
SELECT DISTINCT v.id, v.channel_id, g.contact_id
FROM unnest(%(channels)s::bigint[], %(names)s::text[], %(contacts)s::bigint[])
    AS g (channel_id, name, contact_id)
JOIN conversation v ON v.workspace_id = %(workspace_id)s AND v.channel_id = g.channel_id
    AND v.person = g.name
ORDER BY v.id;

-- name: adopt
UPDATE conversation v SET contact_id = %(contact_id)s, person = NULL
WHERE v.workspace_id = %(workspace_id)s AND v.id = %(id)s AND NOT EXISTS (
    SELECT FROM conversation o
    WHERE o.workspace_id = %(workspace_id)s AND o.contact_id = %(contact_id)s
      AND o.channel_id = %(channel_id)s);

-- name: hold_alone
SELECT id FROM conversation WHERE workspace_id = %(workspace_id)s AND id = %(id)s FOR UPDATE;

-- name: join_messages
UPDATE message m SET conversation_id = o.id, key = CASE WHEN NOT EXISTS (
    SELECT FROM message t WHERE t.workspace_id = %(workspace_id)s AND t.conversation_id = o.id
      AND t.key = m.key) THEN m.key END
FROM conversation o
WHERE o.workspace_id = %(workspace_id)s AND o.contact_id = %(contact_id)s
  AND o.channel_id = %(channel_id)s
  AND m.workspace_id = %(workspace_id)s AND m.conversation_id = %(id)s;

-- name: join_changes
INSERT INTO message_change (workspace_id, conversation_id, provider_id, reaction, reacted_at, text,
    edited_at, revoked_at)
SELECT %(workspace_id)s, o.id, k.provider_id, k.reaction, k.reacted_at, k.text, k.edited_at,
    k.revoked_at
FROM message_change k
JOIN conversation o ON o.workspace_id = %(workspace_id)s AND o.contact_id = %(contact_id)s
    AND o.channel_id = %(channel_id)s
WHERE k.workspace_id = %(workspace_id)s AND k.conversation_id = %(id)s
ON CONFLICT DO NOTHING;

-- name: join_conversations
UPDATE conversation o
SET last_inbound_at = greatest(o.last_inbound_at, v.last_inbound_at),
    last_message_at = greatest(o.last_message_at, v.last_message_at), unread = o.unread + v.unread,
    address = coalesce(o.address, v.address)
FROM conversation v
WHERE v.workspace_id = %(workspace_id)s AND v.id = %(id)s AND o.workspace_id = %(workspace_id)s
  AND o.contact_id = %(contact_id)s AND o.channel_id = %(channel_id)s;

-- name: drop_alone
DELETE FROM conversation WHERE workspace_id = %(workspace_id)s AND id = %(id)s;
