-- name: notify
-- Once a cause: while nobody has read that a thing happened, its repetition is only counted.
INSERT INTO notification AS n
    (workspace_id, kind, severity, subject, channel_id, campaign_id, params)
VALUES (%(workspace_id)s, %(kind)s, %(severity)s, %(subject)s, %(channel_id)s, %(campaign_id)s,
    %(params)s::jsonb || jsonb_strip_nulls(jsonb_build_object(
        'channel', (SELECT name FROM channel
            WHERE workspace_id = %(workspace_id)s AND id = %(channel_id)s),
        'campaign', (SELECT name FROM campaign
            WHERE workspace_id = %(workspace_id)s AND id = %(campaign_id)s))))
ON CONFLICT (workspace_id, kind, subject) WHERE read_at IS NULL
DO UPDATE SET times = n.times + 1, params = excluded.params, repeated_at = now();

-- name: page
SELECT id, kind, severity, channel_id, campaign_id, params, times, created_at, repeated_at, read_at
FROM notification
WHERE workspace_id = %(workspace_id)s AND (NOT %(unread)s OR read_at IS NULL)
  AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY workspace_id, id DESC LIMIT %(most)s;

-- name: read
UPDATE notification SET read_at = coalesce(read_at, now())
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
RETURNING id, kind, severity, channel_id, campaign_id, params, times, created_at, repeated_at,
    read_at;

-- name: read_all
UPDATE notification SET read_at = now()
WHERE workspace_id = %(workspace_id)s AND read_at IS NULL;

-- name: forget
DELETE FROM notification WHERE created_at < now() - %(age)s;

-- name: webhooks
SELECT workspace_id, value #>> '{}' AS url FROM setting
WHERE key = %(setting)s AND jsonb_typeof(value) = 'string' ORDER BY workspace_id;

-- name: untold
SELECT id, kind, severity, channel_id, campaign_id, params, created_at FROM notification
WHERE workspace_id = %(workspace_id)s AND told_at IS NULL AND created_at > now() - %(age)s
ORDER BY workspace_id, id LIMIT %(most)s;

-- name: told
UPDATE notification SET told_at = now()
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s);
