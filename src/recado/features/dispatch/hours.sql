-- name: due_deliveries
-- Those of a run that could be claimed now, along their ids, and what their hours go by.
SELECT d.id, d.phone, c.timezone FROM delivery d
LEFT JOIN contact c ON c.workspace_id = d.workspace_id AND c.id = d.contact_id
WHERE d.workspace_id = %(workspace_id)s AND d.run_id = %(run_id)s AND d.status = 'pending'
  AND d.id >= %(since)s AND d.due_at <= %(now)s
ORDER BY d.workspace_id, d.run_id, d.status, d.id LIMIT %(most)s;

-- name: wake_up
-- First sends that wait for a later moment; retries keep theirs, which have other reasons.
WITH asleep AS (
    SELECT id FROM delivery
    WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND status = 'pending'
      AND lane = 0 AND due_at > %(now)s
    ORDER BY workspace_id, run_id, status, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE delivery d SET due_at = %(now)s
FROM asleep WHERE d.workspace_id = %(workspace_id)s AND d.id = asleep.id;

-- name: put_off
-- Until their contacts' windows open. Nothing else of them changes, their attempts neither.
WITH given AS (
    SELECT * FROM unnest(%(deliveries)s::bigint[], %(due)s::timestamptz[]) AS g (id, due_at)
), waiting AS (
    SELECT d.id, g.due_at FROM delivery d
    JOIN given g ON g.id = d.id
    WHERE d.workspace_id = %(workspace_id)s AND d.status = 'pending'
    ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
)
UPDATE delivery d SET due_at = waiting.due_at
FROM waiting WHERE d.workspace_id = %(workspace_id)s AND d.id = waiting.id;
