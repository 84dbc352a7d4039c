-- name: dropped_out
-- Channels that deliveries wait for in vain, though others of their campaign could send them: where
-- these may step in, one that waits for a person; in any case one that has left the campaign. Each
-- run's senders are found by hopping from one to the next along the claim index.
WITH RECURSIVE sender AS (
    SELECT r.workspace_id, r.id AS run_id, r.campaign_id, c.fail_over, 0::bigint AS channel_id
    FROM run r
    JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
    WHERE r.status IN ('preparing', 'running', 'paused') AND r.pending > 0
      AND (%(workspace_id)s::bigint IS NULL OR r.workspace_id = %(workspace_id)s)
    UNION ALL
    SELECT s.workspace_id, s.run_id, s.campaign_id, s.fail_over, following.sender_id
    FROM sender s
    CROSS JOIN LATERAL (
        SELECT d.sender_id FROM delivery d
        WHERE d.workspace_id = s.workspace_id AND d.run_id = s.run_id
          AND d.sender_id > s.channel_id AND d.status = 'pending'
        ORDER BY d.workspace_id, d.run_id, d.sender_id, d.lane, d.due_at, d.id LIMIT 1
    ) following
), member AS (
    SELECT cc.workspace_id, cc.campaign_id, cc.channel_id, k.deleted_at IS NOT NULL AS gone,
        k.deleted_at IS NOT NULL OR k.status IN ('disconnected', 'blocked')
            OR (k.paused_reason IS NOT NULL AND k.paused_until IS NULL) AS away
    FROM campaign_channel cc
    JOIN channel k ON k.workspace_id = cc.workspace_id AND k.id = cc.channel_id
)
SELECT s.workspace_id, s.run_id, s.channel_id, m.channel_id IS NULL OR m.gone AS for_good
FROM sender s
LEFT JOIN member m ON m.workspace_id = s.workspace_id AND m.campaign_id = s.campaign_id
    AND m.channel_id = s.channel_id
WHERE s.channel_id <> 0 AND (m.channel_id IS NULL OR (s.fail_over AND m.away))
  AND EXISTS (SELECT FROM member o WHERE o.workspace_id = s.workspace_id
      AND o.campaign_id = s.campaign_id AND o.channel_id <> s.channel_id AND NOT o.away)
ORDER BY s.workspace_id, s.run_id, s.channel_id;

-- name: set_free
-- A message that has begun waits for its number, unless that will never be back.
WITH bound AS (
    SELECT d.id FROM delivery d
    WHERE d.workspace_id = %(workspace_id)s AND d.run_id = %(run_id)s
      AND d.sender_id = %(channel_id)s AND d.status = 'pending'
      AND (%(for_good)s OR d.next_part = 1)
    ORDER BY d.id LIMIT %(most)s FOR UPDATE OF d
)
UPDATE delivery d SET sender_id = 0, lane = least(d.lane, 1)
FROM bound WHERE d.workspace_id = %(workspace_id)s AND d.id = bound.id;
