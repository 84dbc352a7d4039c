-- name: begin
-- One at a time through a channel, as its pace is the channel's.
INSERT INTO number_check (workspace_id, channel_id, next_at)
VALUES (current_workspace_id(), %(channel_id)s, %(now)s)
ON CONFLICT (workspace_id, channel_id) WHERE status IN ('pending', 'running') DO NOTHING
RETURNING id;

-- name: aim
-- Who must not be written to need not be asked for.
WITH aimed_at AS (
    SELECT a.contact_id, coalesce(c.wa_checked_at > %(fresh_since)s, false) AS fresh
    FROM campaign_audience(%(list_ids)s::bigint[], %(tags)s::text[], %(contact_ids)s::bigint[],
        %(suppression_tags)s::text[], %(skip_dead)s) a
    JOIN contact c ON c.workspace_id = current_workspace_id() AND c.id = a.contact_id
    WHERE a.reason IS NULL
), put AS (
    INSERT INTO number_check_contact (workspace_id, check_id, contact_id)
    SELECT current_workspace_id(), %(check_id)s, contact_id FROM aimed_at WHERE NOT fresh
    ORDER BY contact_id
)
UPDATE number_check k
SET total = (SELECT count(*) FROM aimed_at WHERE NOT fresh),
    skipped = (SELECT count(*) FROM aimed_at WHERE fresh)
WHERE k.workspace_id = current_workspace_id() AND k.id = %(check_id)s
RETURNING total;

-- name: claim
-- Whoever else has been sent for the same step finds that it is not due.
UPDATE number_check SET status = 'running', next_at = %(lease_until)s
WHERE workspace_id = current_workspace_id() AND id = %(check_id)s
  AND status IN ('pending', 'running') AND next_at <= %(now)s
RETURNING channel_id, failures;

-- name: batch
SELECT w.contact_id, ltrim(c.phone, '+') AS number FROM number_check_contact w
JOIN contact c ON c.workspace_id = w.workspace_id AND c.id = w.contact_id
WHERE w.workspace_id = current_workspace_id() AND w.check_id = %(check_id)s
ORDER BY w.contact_id LIMIT %(most)s;

-- name: asked
DELETE FROM number_check_contact
WHERE workspace_id = current_workspace_id() AND check_id = %(check_id)s
  AND contact_id = ANY(%(contacts)s::bigint[]);

-- name: count
UPDATE number_check
SET valid = valid + %(valid)s, dead = dead + %(dead)s, unknown = unknown + %(unknown)s,
    failures = 0, detail = NULL
WHERE workspace_id = current_workspace_id() AND id = %(check_id)s;

-- name: wait
UPDATE number_check SET next_at = %(at)s, failures = failures + %(failures)s,
    detail = coalesce(%(detail)s, detail)
WHERE workspace_id = current_workspace_id() AND id = %(check_id)s
  AND status IN ('pending', 'running');

-- name: end
-- Those who were deleted meanwhile are among the unknown.
WITH ended AS (
    UPDATE number_check
    SET status = %(status)s, finished_at = %(now)s, detail = coalesce(%(detail)s, detail),
        unknown = CASE WHEN %(status)s = 'completed' THEN total - valid - dead ELSE unknown END
    WHERE workspace_id = current_workspace_id() AND id = %(check_id)s
      AND status IN ('pending', 'running')
    RETURNING id
), forgotten AS (
    DELETE FROM number_check_contact w USING ended e
    WHERE w.workspace_id = current_workspace_id() AND w.check_id = e.id
)
SELECT id FROM ended;

-- name: forgotten
SELECT workspace_id, id FROM number_check
WHERE status IN ('pending', 'running') AND next_at < %(before)s ORDER BY workspace_id, id;
