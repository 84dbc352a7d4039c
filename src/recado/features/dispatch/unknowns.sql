-- name: choosing
-- The workspaces that chose to have sent again what may have been sent.
SELECT workspace_id FROM setting WHERE key = 'resendUnknown' AND value = 'true'::jsonb
ORDER BY workspace_id;

-- name: overdue
-- Unknown deliveries whose grace has passed, held until they are put back. Those that a callback is
-- changing at this moment are left to it. Nothing is sent again for a campaign that has ended.
SELECT d.id, d.run_id, d.attempts, d.error_class, a.claimed_at AS recent
FROM delivery d
JOIN run r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
CROSS JOIN LATERAL (
    SELECT max(a.ended_at) AS ended_at,
        coalesce(array_agg(a.claimed_at) FILTER (WHERE a.claimed_at > now() - %(window)s), '{}')
            AS claimed_at
    FROM attempt a WHERE a.workspace_id = d.workspace_id AND a.delivery_id = d.id
) a
WHERE d.workspace_id = %(workspace_id)s AND d.status = 'unknown' AND d.discarded_at IS NULL
  AND d.attempts < %(most_attempts)s AND a.ended_at < now() - %(grace)s
  AND c.status <> 'cancelled' AND r.status IN ('running', 'paused', 'completed')
  AND coalesce((c.schedule ->> 'end_at')::timestamptz > now(), true)
ORDER BY d.id LIMIT %(most)s FOR UPDATE OF d SKIP LOCKED;

-- name: put_back
UPDATE delivery d SET status = 'pending', lane = 1, due_at = g.due_at
FROM unnest(%(ids)s::bigint[], %(due)s::timestamptz[]) AS g (id, due_at)
WHERE d.workspace_id = %(workspace_id)s AND d.id = g.id AND d.status = 'unknown';

-- name: withdraw
-- Claims of which a callback has told meanwhile that an earlier try did arrive: they are not sent.
DELETE FROM attempt a
USING unnest(%(deliveries)s::bigint[], %(parts)s::smallint[], %(numbers)s::smallint[])
        AS g (delivery_id, part, number),
    delivery d
WHERE a.workspace_id = %(workspace_id)s AND a.delivery_id = g.delivery_id AND a.part = g.part
  AND a.number = g.number AND a.status = 'claimed'
  AND d.workspace_id = %(workspace_id)s AND d.id = g.delivery_id
  AND NOT (d.status = 'sending' AND d.claims = g.number)
RETURNING a.delivery_id, a.part, a.number;
