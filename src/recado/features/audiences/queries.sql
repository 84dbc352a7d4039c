-- name: add_list
INSERT INTO list (workspace_id, name) VALUES (current_workspace_id(), %(name)s)
ON CONFLICT (workspace_id, lower(name)) DO NOTHING
RETURNING id, name, created_at

-- name: list_named
SELECT id, name, created_at FROM list WHERE lower(name) = lower(%(name)s)

-- name: lists
SELECT l.id, l.name, l.created_at, (
    SELECT count(*) FROM list_member m
    WHERE m.workspace_id = l.workspace_id AND m.list_id = l.id
) AS contacts
FROM list l
WHERE (%(list_id)s::bigint IS NULL OR l.id = %(list_id)s)
  AND (%(before_id)s::bigint IS NULL OR l.id < %(before_id)s)
ORDER BY l.id DESC LIMIT %(at_most)s

-- name: delete_list
DELETE FROM list WHERE id = %(list_id)s

-- name: hold_list
-- Held so that a list deleted meanwhile is missing, instead of breaking the insert.
SELECT id FROM list WHERE id = %(list_id)s FOR KEY SHARE

-- name: hold_contacts
SELECT id, phone_key FROM contact
WHERE id = ANY(%(ids)s::bigint[]) OR phone_key = ANY(%(phone_keys)s::text[])
ORDER BY id FOR KEY SHARE

-- name: add_members
INSERT INTO list_member (workspace_id, list_id, contact_id)
SELECT current_workspace_id(), %(list_id)s, id FROM unnest(%(ids)s::bigint[]) AS id ORDER BY id
ON CONFLICT DO NOTHING

-- name: remove_members
DELETE FROM list_member WHERE list_id = %(list_id)s AND contact_id = ANY(%(ids)s::bigint[])
