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
