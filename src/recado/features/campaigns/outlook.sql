-- name: senders
-- The channels of campaigns, and what each has sent of late for whichever campaign.
WITH mine AS (
    SELECT campaign_id, channel_id, position FROM campaign_channel
    WHERE workspace_id = %(workspace_id)s AND campaign_id = ANY(%(campaigns)s)
), used AS (
    SELECT u.channel_id, sum(u.requests)::int AS today,
        coalesce(sum(u.requests) FILTER (WHERE u.minute > %(now)s - interval '1 hour'), 0)::int
            AS this_hour
    FROM usage u
    WHERE u.workspace_id = %(workspace_id)s AND u.minute > %(now)s - interval '24 hours'
      AND u.channel_id IN (SELECT channel_id FROM mine)
    GROUP BY u.channel_id
)
SELECT m.campaign_id, ch.id AS channel_id, ch.name, ch.provider, ch.pacing, ch.created_at,
       ch.portfolio, ch.tier, ch.throughput, ch.paused_until, ch.paused_reason,
       coalesce(u.today, 0) AS used_today, coalesce(u.this_hour, 0) AS used_this_hour
FROM mine m
JOIN channel ch ON ch.workspace_id = %(workspace_id)s AND ch.id = m.channel_id
LEFT JOIN used u ON u.channel_id = m.channel_id
WHERE ch.deleted_at IS NULL
ORDER BY m.campaign_id, m.position;

-- name: neighbours
-- How many messages other running campaigns still have for these campaigns' channels. One that goes
-- through several channels has an equal part of them for each.
WITH busy AS (
    SELECT r.campaign_id, r.pending + r.sending AS messages,
        array_agg(cc.channel_id) AS channels
    FROM run r
    JOIN campaign_channel cc ON cc.workspace_id = r.workspace_id AND cc.campaign_id = r.campaign_id
    WHERE r.workspace_id = %(workspace_id)s AND r.status = 'running' AND r.pending + r.sending > 0
    GROUP BY r.id, r.campaign_id, r.pending, r.sending
)
SELECT mine.campaign_id, sum(b.messages::float / cardinality(b.channels)) AS messages
FROM campaign_channel mine
JOIN busy b ON mine.channel_id = ANY(b.channels) AND b.campaign_id <> mine.campaign_id
WHERE mine.workspace_id = %(workspace_id)s AND mine.campaign_id = ANY(%(campaigns)s)
GROUP BY mine.campaign_id, b.campaign_id;
