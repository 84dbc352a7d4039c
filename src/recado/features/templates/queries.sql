-- name: make_lists
-- A list for every account that a channel belongs to.
INSERT INTO template_list (workspace_id, provider, account)
SELECT DISTINCT workspace_id, provider, account FROM channel
WHERE workspace_id = %(workspace_id)s AND account IS NOT NULL AND deleted_at IS NULL
ORDER BY provider, account
ON CONFLICT DO NOTHING;

-- name: workspaces_due
-- Where a list is due, or a channel has none yet.
SELECT DISTINCT c.workspace_id FROM channel c
LEFT JOIN template_list l ON l.workspace_id = c.workspace_id AND l.provider = c.provider
    AND l.account = c.account
WHERE c.account IS NOT NULL AND c.deleted_at IS NULL
  AND (l.id IS NULL OR greatest(l.due_at, l.not_before) <= %(now)s)
ORDER BY c.workspace_id;

-- name: lists_due
-- With the channels through which each may be asked for, those that work first.
SELECT l.id, l.provider, l.account,
    array_agg(c.id ORDER BY c.status <> 'connected', c.id) AS channels
FROM template_list l
JOIN channel c ON c.workspace_id = l.workspace_id AND c.provider = l.provider
    AND c.account = l.account AND c.deleted_at IS NULL
WHERE l.workspace_id = %(workspace_id)s AND greatest(l.due_at, l.not_before) <= %(now)s
GROUP BY l.workspace_id, l.id ORDER BY l.id;

-- name: list_of
SELECT id, synced_at, not_before FROM template_list
WHERE workspace_id = %(workspace_id)s AND provider = %(provider)s AND account = %(account)s;

-- name: lock_list
SELECT id, synced_at FROM template_list
WHERE workspace_id = %(workspace_id)s AND id = %(list_id)s FOR UPDATE;

-- name: lists_of
-- The list of each channel, and the account that it is of.
SELECT c.id AS channel_id, l.id AS list_id, c.account
FROM channel c
JOIN template_list l ON l.workspace_id = c.workspace_id AND l.provider = c.provider
    AND l.account = c.account
WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(channels)s::bigint[]);

-- name: put_off
UPDATE template_list SET due_at = %(at)s, not_before = CASE WHEN %(asked)s THEN %(at)s END
WHERE workspace_id = %(workspace_id)s AND provider = %(provider)s AND account = %(account)s;

-- name: hasten
UPDATE template_list SET due_at = least(due_at, %(at)s)
WHERE workspace_id = %(workspace_id)s AND (%(list_id)s::bigint IS NULL OR id = %(list_id)s);

-- name: synced
UPDATE template_list SET synced_at = %(at)s, due_at = %(due_at)s, not_before = NULL
WHERE workspace_id = %(workspace_id)s AND id = %(list_id)s;

-- name: known
-- What is known of a list, what has gone from it included.
SELECT id, name, language, provider_id, status, status_at, reason, since, paused_until, category,
       category_at, quality, quality_at, gone_at
FROM template
WHERE workspace_id = %(workspace_id)s AND list_id = %(list_id)s
  AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s));

-- name: put
INSERT INTO template (workspace_id, list_id, name, language, provider_id, status, status_at,
    reason, since, paused_until, category, category_at, quality, quality_at, body, slots)
SELECT %(workspace_id)s, %(list_id)s, g.* FROM unnest(%(names)s::text[], %(languages)s::text[],
    %(provider_ids)s::text[], %(statuses)s::text[], %(status_ats)s::timestamptz[],
    %(reasons)s::text[], %(sinces)s::timestamptz[], %(paused_untils)s::timestamptz[],
    %(categories)s::text[], %(category_ats)s::timestamptz[], %(qualities)s::text[],
    %(quality_ats)s::timestamptz[], %(bodies)s::text[], %(slots)s::jsonb[]) AS g
ON CONFLICT (workspace_id, list_id, name, language) DO UPDATE
SET provider_id = excluded.provider_id, status = excluded.status, status_at = excluded.status_at,
    reason = excluded.reason, since = excluded.since, paused_until = excluded.paused_until,
    category = excluded.category, category_at = excluded.category_at, quality = excluded.quality,
    quality_at = excluded.quality_at, body = excluded.body, slots = excluded.slots,
    -- A list that was asked for before it was deleted does not bring it back.
    gone_at = CASE WHEN excluded.status = 'DELETED' THEN template.gone_at END;

-- name: change
UPDATE template t
SET status = g.status, status_at = g.status_at, reason = g.reason, since = g.since,
    paused_until = g.paused_until, category = g.category, category_at = g.category_at,
    quality = g.quality, quality_at = g.quality_at, gone_at = g.gone_at
FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(status_ats)s::timestamptz[],
    %(reasons)s::text[], %(sinces)s::timestamptz[], %(paused_untils)s::timestamptz[],
    %(categories)s::text[], %(category_ats)s::timestamptz[], %(qualities)s::text[],
    %(quality_ats)s::timestamptz[], %(gone_ats)s::timestamptz[])
    AS g (id, status, status_at, reason, since, paused_until, category, category_at, quality,
        quality_at, gone_at)
WHERE t.workspace_id = %(workspace_id)s AND t.id = g.id;

-- name: shown
SELECT t.provider_id, t.name, t.language, t.status, t.reason, t.paused_until, t.category,
       t.quality, t.body, t.slots
FROM template t
JOIN template_list l ON l.workspace_id = t.workspace_id AND l.id = t.list_id
WHERE t.workspace_id = %(workspace_id)s AND l.provider = %(provider)s AND l.account = %(account)s
  AND t.gone_at IS NULL
ORDER BY t.name, t.language;

-- name: wanted
-- One template in the account of each of these channels; an account that several share comes once.
SELECT DISTINCT ON (c.provider, c.account, CASE WHEN c.account IS NULL THEN c.id END)
    c.name AS channel, c.provider, l.synced_at, t.status, t.slots,
    (SELECT array_agg(o.language ORDER BY o.language) FROM template o
     WHERE o.workspace_id = l.workspace_id AND o.list_id = l.id AND o.name = %(name)s
       AND o.gone_at IS NULL) AS languages
FROM channel c
LEFT JOIN template_list l ON l.workspace_id = c.workspace_id AND l.provider = c.provider
    AND l.account = c.account
LEFT JOIN template t ON t.workspace_id = l.workspace_id AND t.list_id = l.id
    AND t.name = %(name)s AND t.language = %(language)s AND t.gone_at IS NULL
WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(channels)s::bigint[])
  AND c.deleted_at IS NULL
ORDER BY c.provider, c.account, CASE WHEN c.account IS NULL THEN c.id END, c.id;

-- name: stale
-- Through which channels to ask, one an account, before a template of theirs is judged: whose list
-- has never come and has not failed just now, and whose list may have changed since it came.
SELECT DISTINCT ON (c.provider, c.account) c.id AS channel_id
FROM channel c
LEFT JOIN template_list l ON l.workspace_id = c.workspace_id AND l.provider = c.provider
    AND l.account = c.account
LEFT JOIN template t ON t.workspace_id = l.workspace_id AND t.list_id = l.id
    AND t.name = %(name)s AND t.language = %(language)s AND t.gone_at IS NULL
WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(channels)s::bigint[])
  AND c.account IS NOT NULL AND c.deleted_at IS NULL
  AND (l.id IS NULL OR (l.synced_at IS NULL AND l.due_at <= %(now)s)
       OR (l.synced_at < %(before)s AND (t.status IS NULL OR t.status = ANY(%(stopped)s))))
ORDER BY c.provider, c.account, c.status <> 'connected', c.id;
