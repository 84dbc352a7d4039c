-- name: runs_of_channels
-- What several channels may send for, and how much of it waits.
SELECT cc.channel_id, r.campaign_id, r.pending, c.pacing, c.created_by
FROM campaign_channel cc
JOIN run r ON r.workspace_id = cc.workspace_id AND r.campaign_id = cc.campaign_id
JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
WHERE cc.workspace_id = %(workspace_id)s AND cc.channel_id = ANY(%(channels)s)
  AND r.status = 'running'
ORDER BY cc.channel_id, r.campaign_id;

-- name: departures
-- What left lately, or is under way and so may leave at any moment: contact by contact, the oldest
-- first. When exactly one left whose worker died, nobody knows: not after it was found out. Answers
-- to those who talk to us reach nobody that a portfolio's tier counts.
SELECT * FROM (
SELECT a.delivery_id, a.delivery_id || '.' || a.part || '.' || a.number AS reference, d.contact_id,
       seen.at, a.status = 'claimed' AS under_way
FROM attempt a
JOIN delivery d ON d.workspace_id = a.workspace_id AND d.id = a.delivery_id
JOIN run r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN a.status = 'claimed' THEN %(now)s::timestamptz
        ELSE coalesce(a.left_at, a.ended_at) END AS at
) seen
WHERE (%(workspace_id)s::bigint IS NULL OR a.workspace_id = %(workspace_id)s)
  AND a.claimed_at > %(claimed_since)s AND seen.at > %(since)s
  AND a.status <> 'released' AND (a.status <> 'refused' OR a.left_at IS NOT NULL)
  AND (%(channel_id)s::bigint IS NULL OR a.channel_id = %(channel_id)s)
  AND (%(campaign_id)s::bigint IS NULL OR c.id = %(campaign_id)s)
  AND (%(created_by)s::text IS NULL
       OR coalesce(nullif(c.created_by, ''), 'workspace') = %(created_by)s)
  AND (%(portfolio)s::text IS NULL OR EXISTS (
      SELECT FROM channel p WHERE p.workspace_id = a.workspace_id AND p.id = a.channel_id
        AND p.portfolio = %(portfolio)s))
UNION ALL
SELECT -a.message_id, 'm' || a.message_id || '.' || a.number, a.contact_id, seen.at,
       a.status = 'claimed'
FROM message_attempt a
CROSS JOIN LATERAL (
    SELECT CASE WHEN a.status = 'claimed' THEN %(now)s::timestamptz
        ELSE coalesce(a.left_at, a.ended_at) END AS at
) seen
WHERE (%(workspace_id)s::bigint IS NULL OR a.workspace_id = %(workspace_id)s)
  AND a.claimed_at > %(claimed_since)s AND seen.at > %(since)s
  AND (a.status <> 'refused' OR a.left_at IS NOT NULL)
  AND (%(channel_id)s::bigint IS NULL OR a.channel_id = %(channel_id)s)
  AND %(campaign_id)s::bigint IS NULL AND %(created_by)s::text IS NULL
  AND NOT %(of_campaigns)s
  AND (%(portfolio)s::text IS NULL OR NOT a.answers AND EXISTS (
      SELECT FROM channel p WHERE p.workspace_id = a.workspace_id AND p.id = a.channel_id
        AND p.portfolio = %(portfolio)s))
) every
ORDER BY contact_id, at;

-- name: last_departure
-- Minutes are known for longer than moments; then the end of the minute stands for it.
SELECT greatest((
    SELECT max(CASE WHEN a.status = 'claimed' THEN %(now)s::timestamptz
        ELSE coalesce(a.left_at, a.ended_at) END)
    FROM attempt a
    JOIN delivery d ON d.workspace_id = a.workspace_id AND d.id = a.delivery_id
    JOIN run r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
    WHERE a.workspace_id = %(workspace_id)s AND a.channel_id = %(channel_id)s
      AND a.claimed_at > %(claimed_since)s
      AND a.status <> 'released' AND (a.status <> 'refused' OR a.left_at IS NOT NULL)
      AND (%(campaign_id)s::bigint IS NULL OR r.campaign_id = %(campaign_id)s)
), (
    SELECT max(CASE WHEN a.status = 'claimed' THEN %(now)s::timestamptz
        ELSE coalesce(a.left_at, a.ended_at) END)
    FROM message_attempt a
    WHERE a.workspace_id = %(workspace_id)s AND a.channel_id = %(channel_id)s
      AND a.claimed_at > %(claimed_since)s
      AND (a.status <> 'refused' OR a.left_at IS NOT NULL) AND %(campaign_id)s::bigint IS NULL
), (
    SELECT max(u.minute) + interval '1 minute' FROM usage u
    WHERE u.workspace_id = %(workspace_id)s AND u.channel_id = %(channel_id)s
      AND u.minute < %(since)s
      AND (%(campaign_id)s::bigint IS NULL OR u.campaign_id = %(campaign_id)s)
));

-- name: used_minutes
-- How many left in each minute; what is under way is not noted yet and may leave in this one, even
-- if a callback has told already that it arrived.
SELECT minute, sum(requests)::bigint AS requests FROM (
    SELECT u.minute, u.requests FROM usage u
    WHERE (%(workspace_id)s::bigint IS NULL OR u.workspace_id = %(workspace_id)s)
      AND u.minute >= %(since)s
      AND (%(channel_id)s::bigint IS NULL OR u.channel_id = %(channel_id)s)
      AND (%(campaign_id)s::bigint IS NULL OR u.campaign_id = %(campaign_id)s)
    UNION ALL
    SELECT date_trunc('minute', %(now)s::timestamptz), count(*) FROM attempt a
    JOIN delivery d ON d.workspace_id = a.workspace_id AND d.id = a.delivery_id
    JOIN run r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
    WHERE (%(workspace_id)s::bigint IS NULL OR a.workspace_id = %(workspace_id)s)
      AND a.status = 'claimed' AND a.claimed_at > %(claimed_since)s
      AND (%(channel_id)s::bigint IS NULL OR a.channel_id = %(channel_id)s)
      AND (%(campaign_id)s::bigint IS NULL OR r.campaign_id = %(campaign_id)s)
    HAVING count(*) > 0
    UNION ALL
    SELECT date_trunc('minute', %(now)s::timestamptz), count(*) FROM message_attempt a
    WHERE (%(workspace_id)s::bigint IS NULL OR a.workspace_id = %(workspace_id)s)
      AND a.status = 'claimed' AND a.claimed_at > %(claimed_since)s
      AND (%(channel_id)s::bigint IS NULL OR a.channel_id = %(channel_id)s)
      AND %(campaign_id)s::bigint IS NULL
    HAVING count(*) > 0
) counted
GROUP BY minute ORDER BY minute;
