-- name: count_audience
SELECT reason, count(*)::int AS contacts,
    count(*) FILTER (WHERE wa_status = 'dead')::int AS dead,
    count(*) FILTER (WHERE wa_status IS NULL)::int AS unchecked
FROM campaign_audience(%(list_ids)s::bigint[], %(tags)s::text[], %(contact_ids)s::bigint[],
    %(suppression_tags)s::text[], %(skip_dead)s)
GROUP BY reason ORDER BY contacts DESC, reason;

-- name: suppressed
SELECT contact_id, name, phone, reason
FROM campaign_audience(%(list_ids)s::bigint[], %(tags)s::text[], %(contact_ids)s::bigint[],
    %(suppression_tags)s::text[], %(skip_dead)s)
WHERE reason IS NOT NULL AND contact_id > %(after)s
ORDER BY contact_id LIMIT %(limit)s;
