-- name: save
INSERT INTO setting (workspace_id, key, value) VALUES (%(workspace_id)s, %(key)s, %(value)s)
ON CONFLICT (workspace_id, key) DO UPDATE SET value = excluded.value, updated_at = now();

-- name: delete
DELETE FROM setting WHERE workspace_id = %(workspace_id)s AND key = %(key)s;

-- name: users
-- The first of those that still go by a preset.
SELECT name FROM (
    SELECT 1 AS kind, id, name FROM channel
    WHERE workspace_id = %(workspace_id)s AND deleted_at IS NULL AND pacing ->> 'preset' = %(name)s
    UNION ALL
    SELECT 2, id, name FROM campaign
    WHERE workspace_id = %(workspace_id)s AND deleted_at IS NULL
      AND pacing ->> 'preset' = %(name)s
      AND status IN ('scheduled', 'preparing', 'running', 'paused')
) users
ORDER BY kind, id LIMIT 5;
