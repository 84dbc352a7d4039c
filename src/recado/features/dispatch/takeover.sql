-- name: left_behind
-- What an earlier driver of this channel has claimed and not settled. A callback may have been faster
-- than its record: then by what was in flight, or, if that is forgotten, among the latest claims.
SELECT a.delivery_id, a.part, a.number, a.lease
FROM delivery d
JOIN attempt a ON a.workspace_id = d.workspace_id AND a.delivery_id = d.id AND a.number = d.claims
WHERE d.workspace_id = %(workspace_id)s AND d.channel_id = %(channel_id)s
  AND d.status = 'sending' AND a.status = 'claimed' AND a.lease <> %(lease)s
UNION
SELECT a.delivery_id, a.part, a.number, a.lease
FROM unnest(%(deliveries)s::bigint[], %(parts)s::smallint[], %(numbers)s::smallint[])
    AS f (delivery_id, part, number)
JOIN attempt a ON a.workspace_id = %(workspace_id)s AND a.delivery_id = f.delivery_id
    AND a.part = f.part AND a.number = f.number
WHERE a.channel_id = %(channel_id)s AND a.status = 'claimed' AND a.lease <> %(lease)s
UNION
SELECT a.delivery_id, a.part, a.number, a.lease FROM attempt a
WHERE a.workspace_id = %(workspace_id)s AND a.claimed_at > %(claimed_since)s
  AND a.channel_id = %(channel_id)s AND a.status = 'claimed' AND a.lease <> %(lease)s
ORDER BY delivery_id;
