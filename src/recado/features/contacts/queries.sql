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

-- name: hold_contacts
-- FOR UPDATE waits for an audience that is being materialised with these contacts in it, so that
-- its deliveries are seen by the statements after this one.
SELECT id, opted_out_at IS NOT NULL AS was_out FROM contact
WHERE id = ANY(%(contacts)s) ORDER BY id FOR UPDATE

-- name: hold_opted_out
SELECT id FROM contact
WHERE id = ANY(%(contacts)s) AND opted_out_at IS NOT NULL ORDER BY id FOR UPDATE

-- name: contact_there
SELECT id FROM contact WHERE id = %(contact_id)s

-- name: delete_contact
DELETE FROM contact WHERE id = %(contact_id)s

-- name: note_consent
-- In the order given; what is known already is passed over.
WITH kept AS (
    INSERT INTO consent_change (workspace_id, contact_id, person, status, source, at, word,
        channel_id, message_id, said_by, event_id)
    SELECT current_workspace_id(), c.id, coalesce(c.phone_key, s.person), s.status, s.source,
        least(s.at, %(now)s), s.word, s.channel_id, s.message_id, s.said_by, s.event_id
    FROM unnest(%(contacts)s::bigint[], %(persons)s::text[], %(statuses)s::text[], %(sources)s::text[],
            %(times)s::timestamptz[], %(words)s::text[], %(channels)s::bigint[],
            %(messages)s::text[], %(callers)s::text[], %(events)s::text[])
        WITH ORDINALITY AS s (contact_id, person, status, source, at, word, channel_id, message_id,
            said_by, event_id, place)
    LEFT JOIN contact c ON c.workspace_id = current_workspace_id() AND c.id = s.contact_id
    WHERE coalesce(c.phone_key, s.person) IS NOT NULL
    ORDER BY s.place
    ON CONFLICT (workspace_id, event_id) DO NOTHING
    RETURNING id, contact_id, status, source, at
)
SELECT id, contact_id, status, source FROM kept ORDER BY at, id

-- name: decide_consent
UPDATE contact c
SET opted_out_at = s.at, opt_out_source = s.source, updated_at = %(now)s
FROM unnest(%(contacts)s::bigint[]) AS given (id)
LEFT JOIN standing_opt_outs(%(contacts)s::bigint[]) s ON s.contact_id = given.id
WHERE c.workspace_id = current_workspace_id() AND c.id = given.id
  AND (c.opted_out_at, c.opt_out_source) IS DISTINCT FROM (s.at, s.source)
RETURNING c.id, c.opted_out_at IS NOT NULL AS is_out

-- name: consent_of
SELECT id, status, source, word, channel_id, message_id, said_by, at, recorded_at
FROM consent_change
WHERE contact_id = %(contact_id)s AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(at_most)s

-- name: note_reach
WITH asked AS (
    SELECT id FROM contact WHERE id = ANY(%(contacts)s) ORDER BY id FOR UPDATE
)
UPDATE contact c SET wa_status = %(status)s, wa_checked_at = %(now)s
FROM asked WHERE c.workspace_id = current_workspace_id() AND c.id = asked.id

-- name: note_checks
WITH answer AS (
    SELECT * FROM unnest(%(contacts)s::bigint[], %(numbers)s::text[], %(statuses)s::text[],
        %(wa_ids)s::text[]) AS a (contact_id, number, status, wa_id)
), asked AS (
    SELECT c.id, a.status, a.wa_id FROM contact c
    JOIN answer a ON a.contact_id = c.id AND '+' || a.number = c.phone
    WHERE c.workspace_id = current_workspace_id()
    ORDER BY c.id FOR UPDATE OF c
)
UPDATE contact c
SET wa_status = a.status, wa_checked_at = %(now)s, wa_id = coalesce(a.wa_id, c.wa_id)
FROM asked a WHERE c.workspace_id = current_workspace_id() AND c.id = a.id

-- name: settle_reach
-- What the failures and arrivals on record say of numbers: each by its own time, so that callbacks
-- may come in any order. A failure counts if its run has failed for this very number after the last
-- sign of life; what only messages have shown, an earlier sign of life that becomes known late can
-- undo, but not what a provider has answered since.
WITH person AS MATERIALIZED (
    SELECT c.id, c.phone_key, c.wa_status AS status, c.wa_checked_at AS since FROM contact c
    WHERE c.workspace_id = current_workspace_id() AND c.id = ANY(%(contacts)s::bigint[])
      AND c.wa_status IS DISTINCT FROM %(known)s
    ORDER BY c.id FOR UPDATE SKIP LOCKED
), alive AS (
    SELECT p.*, greatest(
        (SELECT max(greatest(d.delivered_at, d.read_at)) FROM delivery d
         WHERE d.workspace_id = current_workspace_id() AND d.contact_id = p.id
           AND d.phone_key = p.phone_key AND d.status IN ('delivered', 'read')),
        (SELECT max(v.last_inbound_at) FROM conversation v
         WHERE v.workspace_id = current_workspace_id() AND v.contact_id = p.id)
    ) AS reached
    FROM person p
), weighed AS (
    SELECT a.id, a.status, CASE
        WHEN misses.runs >= %(dead_after)s THEN 'dead'
        WHEN a.reached > a.since OR a.reached IS NOT NULL AND (a.since IS NULL
            OR a.status = 'dead' AND misses.told_so) THEN 'valid' END AS now_is,
        misses.latest, a.reached
    FROM alive a
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT d.run_id) FILTER (WHERE d.failed_at > coalesce(greatest(a.reached,
                CASE WHEN a.status = 'valid' THEN a.since END), '-infinity')) AS runs,
            max(d.failed_at) AS latest, bool_or(d.failed_at = a.since) AS told_so
        FROM delivery d
        WHERE d.workspace_id = current_workspace_id() AND d.contact_id = a.id
          AND d.phone_key = a.phone_key AND d.status = 'failed' AND d.error_class = 'contact_dead'
    ) misses
)
UPDATE contact c
SET wa_status = w.now_is,
    wa_checked_at = CASE WHEN w.now_is = 'dead' THEN w.latest ELSE w.reached END
FROM weighed w
WHERE c.workspace_id = current_workspace_id() AND c.id = w.id AND w.now_is <> coalesce(w.status, '')
RETURNING c.id, c.wa_status

-- name: leave_out_dead
-- A message that has begun to arrive goes on all the same.
WITH waiting AS MATERIALIZED (
    SELECT d.id FROM delivery d
    JOIN run r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
    JOIN campaign g ON g.workspace_id = r.workspace_id AND g.id = r.campaign_id
    WHERE d.workspace_id = current_workspace_id() AND d.contact_id = ANY(%(contacts)s::bigint[])
      AND d.status = 'pending' AND d.next_part = 1 AND g.skip_dead_numbers
    ORDER BY d.id FOR UPDATE OF d
)
UPDATE delivery d SET status = 'suppressed', reason = 'dead_number'
FROM waiting w WHERE d.workspace_id = current_workspace_id() AND d.id = w.id

-- name: settle_pending
WITH waiting AS MATERIALIZED (
    SELECT id FROM delivery
    WHERE contact_id = ANY(%(contacts)s) AND status = 'pending'
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
SELECT search_contact_ids(%(needle)s, %(digits)s, %(tag_id)s, %(list_id)s, %(reach)s,
    %(before_id)s, %(at_most)s) AS id
