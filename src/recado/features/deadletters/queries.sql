-- name: page
-- Failed ones at once; unknown ones once nobody may still report them. Newest first.
SELECT d.id, d.run_id, r.campaign_id, c.name AS campaign, d.contact_id, k.name, d.phone, d.status,
       d.error_code, d.error_class, d.error_detail, d.attempts, d.channel_id, last.ended_at
FROM delivery d
JOIN run r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
LEFT JOIN contact k ON k.workspace_id = d.workspace_id AND k.id = d.contact_id
LEFT JOIN LATERAL (
    SELECT max(a.ended_at) AS ended_at FROM attempt a
    WHERE a.workspace_id = d.workspace_id AND a.delivery_id = d.id
) last ON true
WHERE d.workspace_id = %(workspace_id)s AND d.status IN ('failed', 'unknown')
  AND d.discarded_at IS NULL AND c.deleted_at IS NULL
  AND (d.status = 'failed' OR last.ended_at < now() - %(grace)s)
  AND (%(campaign_id)s::bigint IS NULL OR r.campaign_id = %(campaign_id)s)
  AND (%(code)s::text IS NULL OR d.error_code = %(code)s)
  AND (%(before)s::bigint IS NULL OR d.id < %(before)s)
ORDER BY d.id DESC LIMIT %(most)s;

-- name: history
SELECT part, number, channel_id, status, claimed_at, ended_at, provider_id, error_code,
       error_class, error_detail
FROM attempt
WHERE workspace_id = %(workspace_id)s AND delivery_id = %(delivery_id)s
ORDER BY part, number;

-- name: retry
-- Back to waiting, in the lane of retries, with all tries allowed anew; but never more than ten of
-- them in five minutes, however often somebody asks for it. A cancelled run's are left,
-- and those of a recurring campaign that was cancelled between two runs.
WITH given AS (
    SELECT d.id FROM delivery d
    JOIN run r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
    JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
    WHERE d.workspace_id = %(workspace_id)s AND d.id = ANY(%(ids)s)
      AND d.status IN ('failed', 'unknown') AND d.discarded_at IS NULL
      AND c.status <> 'cancelled' AND c.deleted_at IS NULL
      AND r.status IN ('preparing', 'running', 'paused', 'completed')
    ORDER BY d.id FOR UPDATE OF d
)
UPDATE delivery d
SET status = 'pending', lane = 1, attempts = 0, failed_at = NULL,
    due_at = greatest(now(), (
        SELECT a.claimed_at + interval '5 minutes 1 second' FROM attempt a
        WHERE a.workspace_id = d.workspace_id AND a.delivery_id = d.id
        ORDER BY a.claimed_at DESC OFFSET 9 LIMIT 1))
FROM given WHERE d.workspace_id = %(workspace_id)s AND d.id = given.id
RETURNING d.run_id;

-- name: discard
WITH given AS (
    SELECT d.id FROM delivery d
    WHERE d.workspace_id = %(workspace_id)s AND d.id = ANY(%(ids)s)
      AND d.status IN ('failed', 'unknown') AND d.discarded_at IS NULL
    ORDER BY d.id FOR UPDATE OF d
)
UPDATE delivery d SET discarded_at = now()
FROM given WHERE d.workspace_id = %(workspace_id)s AND d.id = given.id;
