-- name: add_contact
INSERT INTO contact
    (workspace_id, name, phone, phone_key, email, condominio, endereco, cargo, custom, timezone)
VALUES
    (current_workspace_id(), %(name)s, %(phone)s, %(phone_key)s, %(email)s, %(condominio)s,
     %(endereco)s, %(cargo)s, %(custom)s, %(timezone)s)
ON CONFLICT (workspace_id, phone_key) DO NOTHING
RETURNING id

-- name: contact_with_phone
SELECT id, phone FROM contact WHERE phone_key = %(phone_key)s

-- name: hold_contact
-- FOR UPDATE waits for an audience that is being materialised with this contact in it, so that
-- its deliveries are seen by the statements after this one.
SELECT id FROM contact WHERE id = %(contact_id)s FOR UPDATE

-- name: delete_contact
DELETE FROM contact WHERE id = %(contact_id)s

-- name: opt_out
UPDATE contact
SET opted_out_at = %(now)s, opt_out_source = %(source)s, updated_at = %(now)s
WHERE id = %(contact_id)s AND opted_out_at IS NULL

-- name: opt_in
UPDATE contact SET opted_out_at = NULL, opt_out_source = %(source)s, updated_at = %(now)s
WHERE id = %(contact_id)s AND opted_out_at IS NOT NULL

-- name: note_reach
-- Only what is news; one that somebody else changes at this moment is noted another time.
WITH news AS (
    SELECT id FROM contact
    WHERE id = ANY(%(contacts)s) AND wa_status IS DISTINCT FROM %(status)s
    ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE contact c SET wa_status = %(status)s, wa_checked_at = now()
FROM news WHERE c.workspace_id = current_workspace_id() AND c.id = news.id

-- name: settle_pending
WITH waiting AS MATERIALIZED (
    SELECT id FROM delivery
    WHERE contact_id = %(contact_id)s AND status = 'pending'
    ORDER BY id FOR UPDATE
)
UPDATE delivery d SET status = %(status)s, reason = %(reason)s
FROM waiting w WHERE d.workspace_id = current_workspace_id() AND d.id = w.id

-- name: readdress_pending
-- What waits follows the contact's new number, unless its run writes to that number already. A
-- message that has begun goes on where it began.
WITH waiting AS MATERIALIZED (
    SELECT id, run_id FROM delivery
    WHERE contact_id = %(contact_id)s AND status = 'pending' AND next_part = 1
    ORDER BY id FOR UPDATE
), target AS (
    SELECT w.id, EXISTS (
        SELECT FROM delivery o
        WHERE o.workspace_id = current_workspace_id() AND o.run_id = w.run_id
          AND o.phone_key = %(phone_key)s AND o.id <> w.id
    ) AS taken
    FROM waiting w
)
UPDATE delivery d
SET phone = CASE WHEN t.taken THEN d.phone ELSE %(phone)s END,
    phone_key = CASE WHEN t.taken THEN d.phone_key ELSE %(phone_key)s END,
    status = CASE WHEN t.taken THEN 'cancelled' ELSE d.status END,
    reason = CASE WHEN t.taken THEN 'duplicate' ELSE d.reason END
FROM target t WHERE d.workspace_id = current_workspace_id() AND d.id = t.id

-- name: add_tags
-- DISTINCT by the database's own lower(), the one that its unique index goes by.
INSERT INTO tag (workspace_id, name)
SELECT DISTINCT ON (lower(given)) current_workspace_id(), given
FROM unnest(%(names)s::text[]) AS given
ORDER BY lower(given), given
ON CONFLICT (workspace_id, lower(name)) DO NOTHING

-- name: tag_ids
SELECT id FROM tag
WHERE lower(name) IN (SELECT lower(given) FROM unnest(%(names)s::text[]) AS given)

-- name: untag_contact
DELETE FROM contact_tag WHERE contact_id = %(contact_id)s AND tag_id <> ALL(%(tag_ids)s::bigint[])

-- name: tag_contact
INSERT INTO contact_tag (workspace_id, contact_id, tag_id)
SELECT current_workspace_id(), %(contact_id)s, tag_id
FROM unnest(%(tag_ids)s::bigint[]) AS tag_id ORDER BY tag_id
ON CONFLICT DO NOTHING

-- name: tags_of
SELECT ct.contact_id, t.name
FROM contact_tag ct JOIN tag t ON t.workspace_id = ct.workspace_id AND t.id = ct.tag_id
WHERE ct.contact_id = ANY(%(contact_ids)s::bigint[])
ORDER BY lower(t.name)

-- name: tags
SELECT t.id, t.name, (
    SELECT count(*) FROM contact_tag ct
    WHERE ct.workspace_id = t.workspace_id AND ct.tag_id = t.id
) AS contacts
FROM tag t
WHERE %(before_id)s::bigint IS NULL OR t.id < %(before_id)s
ORDER BY t.id DESC LIMIT %(at_most)s

-- name: tag_named
SELECT id FROM tag WHERE lower(name) = lower(%(name)s)

-- name: search
SELECT search_contact_ids(%(needle)s, %(digits)s, %(tag_id)s, %(list_id)s, %(before_id)s,
    %(at_most)s) AS id
