-- name: begin
WITH made AS (
    INSERT INTO conversation (workspace_id, contact_id, channel_id)
    SELECT current_workspace_id(), p.id, c.id
    FROM contact p
    JOIN channel c ON c.workspace_id = current_workspace_id() AND c.id = %(channel_id)s
        AND c.deleted_at IS NULL
    WHERE p.workspace_id = current_workspace_id() AND p.id = %(contact_id)s
    FOR KEY SHARE OF p
    ON CONFLICT (workspace_id, contact_id, channel_id)
        DO UPDATE SET last_message_at = conversation.last_message_at  -- so that it is returned
    RETURNING id
)
SELECT id FROM made;

-- name: hold
SELECT id FROM conversation
WHERE workspace_id = current_workspace_id() AND id = %(conversation_id)s FOR NO KEY UPDATE;

-- name: put
-- Under `hold`, which another statement must have waited for: this one sees what was put meanwhile.
-- With a key that is known already, the message that has it.
WITH place AS (
    SELECT id, channel_id FROM conversation
    WHERE workspace_id = current_workspace_id() AND id = %(conversation_id)s
), made AS (
    INSERT INTO message (workspace_id, conversation_id, channel_id, direction, kind, text, media,
        content, status, due_at, author, key)
    SELECT current_workspace_id(), place.id, place.channel_id, 'out', %(kind)s, %(text)s, %(media)s,
        %(content)s, 'pending', now(), %(author)s, %(key)s
    FROM place
    ON CONFLICT (workspace_id, conversation_id, key) WHERE key IS NOT NULL DO NOTHING
    RETURNING id
), moved AS (
    UPDATE conversation v SET last_message_at = greatest(v.last_message_at, now())
    FROM place, made WHERE v.workspace_id = current_workspace_id() AND v.id = place.id
)
SELECT id, true AS made FROM made
UNION ALL
SELECT m.id, false FROM message m JOIN place ON place.id = m.conversation_id
WHERE m.workspace_id = current_workspace_id() AND m.key = %(key)s
LIMIT 1;
