-- name: lists_missing
SELECT id FROM unnest(%(ids)s::bigint[]) AS given (id)
WHERE NOT EXISTS (SELECT FROM list l WHERE l.workspace_id = %(workspace_id)s AND l.id = given.id);

-- name: contacts_missing
SELECT id FROM unnest(%(ids)s::bigint[]) AS given (id)
WHERE NOT EXISTS (SELECT FROM contact c WHERE c.workspace_id = %(workspace_id)s AND c.id = given.id);

-- name: tags_missing
SELECT name FROM unnest(%(names)s::text[]) AS given (name)
WHERE NOT EXISTS (SELECT FROM tag t
    WHERE t.workspace_id = %(workspace_id)s AND lower(t.name) = lower(given.name));

-- name: channels_missing
SELECT id FROM unnest(%(ids)s::bigint[]) AS given (id)
WHERE NOT EXISTS (SELECT FROM channel c WHERE c.workspace_id = %(workspace_id)s
    AND c.id = given.id AND c.deleted_at IS NULL);

-- name: custom_fields
SELECT name FROM custom_field WHERE workspace_id = %(workspace_id)s ORDER BY name;

-- name: providers
SELECT DISTINCT provider FROM channel
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s::bigint[]) ORDER BY provider;

-- name: materialise
-- The audience of a run, each person once, those who must not be written to with the reason kept.
WITH talking AS (
    -- Who has written to one of several channels within a day is answered from there.
    SELECT DISTINCT ON (v.contact_id) v.contact_id, v.channel_id FROM conversation v
    WHERE v.workspace_id = %(workspace_id)s AND v.channel_id = ANY(%(senders)s::bigint[])
      AND v.last_inbound_at > now() - interval '24 hours'
    ORDER BY v.contact_id, v.last_inbound_at DESC, v.channel_id
)
INSERT INTO delivery
    (workspace_id, run_id, contact_id, phone, phone_key, status, reason, sender_id)
SELECT %(workspace_id)s, %(run_id)s, a.contact_id, a.phone, a.phone_key,
       CASE WHEN a.reason IS NULL THEN 'pending' ELSE 'suppressed' END, a.reason,
       -- Dealt out where no other channel may step in; else whoever has room takes the next.
       coalesce(t.channel_id, CASE WHEN %(dealt)s THEN (%(senders)s::bigint[])[1 + row_number() OVER (
           PARTITION BY t.channel_id, a.reason IS NULL ORDER BY a.contact_id
       ) %% cardinality(%(senders)s::bigint[])] END, 0)
FROM campaign_audience(%(list_ids)s::bigint[], %(tags)s::text[], %(contact_ids)s::bigint[],
    %(suppression_tags)s::text[], %(skip_dead)s) a
LEFT JOIN talking t ON t.contact_id = a.contact_id
ORDER BY a.contact_id
ON CONFLICT DO NOTHING;

-- name: cancel_pending
WITH waiting AS (
    SELECT id FROM delivery
    WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND status = 'pending'
    ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE delivery d SET status = 'cancelled', reason = 'campaign_cancelled'
FROM waiting WHERE d.workspace_id = %(workspace_id)s AND d.id = waiting.id;

-- name: expire_pending
WITH waiting AS (
    SELECT id FROM delivery
    WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND status = 'pending'
    ORDER BY workspace_id, run_id, status, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE delivery d SET status = 'expired', reason = 'schedule_ended'
FROM waiting WHERE d.workspace_id = %(workspace_id)s AND d.id = waiting.id;

-- name: deleted
SELECT workspace_id, id AS campaign_id FROM campaign
WHERE deleted_at < %(before)s ORDER BY deleted_at;

-- name: delete_deliveries
WITH gone AS (
    SELECT d.id FROM delivery d
    JOIN run r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
    WHERE d.workspace_id = %(workspace_id)s AND r.campaign_id = %(campaign_id)s
    ORDER BY d.id LIMIT %(most)s FOR UPDATE OF d
)
DELETE FROM delivery d USING gone
WHERE d.workspace_id = %(workspace_id)s AND d.id = gone.id;

-- name: delete_campaign
DELETE FROM campaign WHERE workspace_id = %(workspace_id)s AND id = %(campaign_id)s;

-- name: missed_starts
-- Campaigns whose time came a while ago and that nobody has started, or passed over.
SELECT workspace_id, id AS campaign_id FROM campaign
WHERE starts_at < %(before)s
  AND (status = 'scheduled'
       OR (schedule ? 'repeat' AND status IN ('preparing', 'running', 'paused')))
ORDER BY starts_at;

-- name: missed_ends
-- Runs that have something left after the end of their campaign.
SELECT r.workspace_id, r.id AS run_id FROM run r
JOIN campaign c ON c.workspace_id = r.workspace_id AND c.id = r.campaign_id
WHERE r.status IN ('running', 'paused') AND r.materialised_at IS NOT NULL
  AND (c.schedule ->> 'end_at')::timestamptz < %(before)s
ORDER BY r.workspace_id, r.id;

-- name: bound_to_templates
-- Campaigns that a template's state may move: those that send, and those that wait for theirs.
SELECT id AS campaign_id FROM campaign
WHERE workspace_id = %(workspace_id)s AND content ->> 'type' = 'template' AND deleted_at IS NULL
  AND (status IN ('preparing', 'running')
       OR (status = 'paused' AND template_paused_at IS NOT NULL))
ORDER BY id;

-- name: templates_of
-- A campaign's template in the list of each account that it is sent through.
SELECT t.status, t.since, t.paused_until
FROM campaign c
JOIN template t ON t.workspace_id = c.workspace_id AND t.name = c.content ->> 'name'
    AND t.language = c.content ->> 'language'
JOIN template_list l ON l.workspace_id = t.workspace_id AND l.id = t.list_id
WHERE c.workspace_id = %(workspace_id)s AND c.id = %(campaign_id)s
  AND EXISTS (
    SELECT FROM campaign_channel cc
    JOIN channel k ON k.workspace_id = cc.workspace_id AND k.id = cc.channel_id
    WHERE cc.workspace_id = c.workspace_id AND cc.campaign_id = c.id AND k.deleted_at IS NULL
      AND k.provider = l.provider AND k.account = l.account)
ORDER BY t.since DESC, t.id;

-- name: progress
SELECT c.id AS campaign_id, c.status, c.paused_reason, c.paused_until, c.content, c.schedule, c.pacing,
       c.fail_over, r.id AS run_id, r.total, r.pending, r.sending, r.sent, r.delivered, r.read,
       r.failed, r.unknown, r.suppressed, r.cancelled, r.expired, r.held, r.started_at, r.finished_at,
       -- Where contacts sleep, the first to wake up says when it goes on.
       CASE WHEN c.schedule #>> '{window,timezone}' = 'contact' AND r.pending > 0 THEN (
           SELECT min(earliest.due_at) FROM (
               SELECT 0::bigint UNION ALL
               SELECT cc.channel_id FROM campaign_channel cc
               WHERE cc.workspace_id = c.workspace_id AND cc.campaign_id = c.id
           ) AS source (sender_id)
           CROSS JOIN (VALUES (0::smallint), (1), (2)) AS lanes (lane)
           CROSS JOIN LATERAL (
               SELECT d.due_at FROM delivery d
               WHERE d.workspace_id = r.workspace_id AND d.run_id = r.id
                 AND d.sender_id = source.sender_id AND d.lane = lanes.lane
                 AND d.status = 'pending'
               ORDER BY d.workspace_id, d.run_id, d.sender_id, d.lane, d.due_at, d.id
               LIMIT 1
           ) earliest
       ) END AS due_at
FROM campaign c
LEFT JOIN LATERAL (
    SELECT * FROM run WHERE run.workspace_id = c.workspace_id AND run.campaign_id = c.id
    ORDER BY number DESC LIMIT 1
) r ON true
WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(campaigns)s)
  AND c.deleted_at IS NULL
ORDER BY c.id;
