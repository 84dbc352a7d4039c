-- name: sent_by_step
-- How many messages of a run were accepted in each step of so many seconds since its start.
SELECT floor(extract(epoch FROM sent_at - %(began)s::timestamptz) / %(step)s)::int AS at,
       count(*)::int AS sent
FROM delivery
WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND sent_at >= %(began)s
GROUP BY 1;

-- name: requests_by_step
-- The same from the minutes on record for the campaign's channels.
SELECT floor(extract(epoch FROM u.minute - %(began)s::timestamptz) / %(step)s)::int AS at,
       sum(u.requests)::int AS sent
FROM usage u
JOIN campaign_channel cc ON cc.workspace_id = u.workspace_id AND cc.channel_id = u.channel_id
WHERE u.workspace_id = %(workspace_id)s AND cc.campaign_id = %(campaign_id)s
  AND u.minute >= date_trunc('minute', %(began)s::timestamptz) AND u.minute <= %(ended)s
GROUP BY 1;
