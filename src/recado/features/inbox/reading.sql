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
