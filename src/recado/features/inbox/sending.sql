-- name: way
SELECT channel_id FROM message
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND status = 'pending';

-- name: look
-- A message with all that is needed to send it, held so that nobody else does meanwhile.
SELECT m.id, m.conversation_id, m.channel_id, m.content, m.status, m.claims, m.attempts, m.due_at,
    v.contact_id, v.person, v.address, v.last_inbound_at, p.phone,
    p.opted_out_at IS NOT NULL AS opted_out,
    (SELECT min(e.due_at) FROM message e
     WHERE e.workspace_id = %(workspace_id)s AND e.status IN ('pending', 'sending')
       AND e.conversation_id = m.conversation_id AND e.id < m.id) AS before_due_at
FROM message m
JOIN conversation v ON v.workspace_id = %(workspace_id)s AND v.id = m.conversation_id
LEFT JOIN contact p ON p.workspace_id = %(workspace_id)s AND p.id = v.contact_id
WHERE m.workspace_id = %(workspace_id)s AND m.id = %(id)s
FOR UPDATE OF m;

-- name: claim
WITH claimed AS (
    UPDATE message SET status = 'sending', claims = claims + 1
    WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND status = 'pending'
    RETURNING id, claims, channel_id
)
INSERT INTO message_attempt (workspace_id, message_id, number, channel_id, contact_id, answers,
    status)
SELECT %(workspace_id)s, id, claims, channel_id, %(whom)s, %(answers)s, 'claimed' FROM claimed
RETURNING number;

-- name: release
-- It provably never left.
WITH gone AS (
    DELETE FROM message_attempt
    WHERE workspace_id = %(workspace_id)s AND message_id = %(id)s AND number = %(number)s
      AND status = 'claimed'
)
UPDATE message SET status = 'pending', due_at = %(due)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND status = 'sending'
  AND claims = %(number)s;

-- name: put_off
UPDATE message SET due_at = %(due)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND status = 'pending';

-- name: refuse
UPDATE message
SET status = 'failed', failed_at = now(), error_code = %(code)s, error_class = %(class)s,
    error_detail = %(detail)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND status = 'pending';

-- name: drop_echo
-- It was echoed before we had its id.
DELETE FROM message e
WHERE e.workspace_id = %(workspace_id)s AND e.channel_id = %(channel_id)s AND e.direction = 'out'
  AND e.provider_id = %(provider_id)s AND e.author = 'phone' AND e.id <> %(id)s;

-- name: record
-- Repeated, it changes nothing. A callback may have come first: what it said is not taken back. A
-- later claim is not touched.
WITH tried AS (
    SELECT a.channel_id, a.status FROM message_attempt a
    WHERE a.workspace_id = %(workspace_id)s AND a.message_id = %(id)s AND a.number = %(number)s
      AND (a.status = 'claimed' OR (a.status = 'unknown' AND %(result)s <> 'unknown'))
    FOR UPDATE
), ended AS (
    UPDATE message_attempt a
    SET status = %(result)s, ended_at = now(),
        left_at = coalesce(a.left_at, %(left_at)s::timestamptz)
    FROM tried
    WHERE a.workspace_id = %(workspace_id)s AND a.message_id = %(id)s AND a.number = %(number)s
), used AS (
    INSERT INTO usage (workspace_id, channel_id, campaign_id, minute, requests)
    SELECT %(workspace_id)s, channel_id, 0,
        date_trunc('minute', coalesce(%(left_at)s::timestamptz, now())), 1
    FROM tried WHERE status = 'claimed' AND %(has_left)s
    ON CONFLICT (workspace_id, channel_id, minute, campaign_id)
    DO UPDATE SET requests = usage.requests + excluded.requests
), mine AS (
    SELECT id, status IN ('sending', 'unknown') AS decided FROM message
    WHERE workspace_id = %(workspace_id)s AND id = %(id)s FOR UPDATE
)
UPDATE message m
SET status = CASE WHEN mine.decided THEN %(status)s ELSE m.status END,
    provider_id = coalesce(m.provider_id, CASE WHEN NOT EXISTS (
        SELECT FROM message e WHERE e.workspace_id = %(workspace_id)s
          AND e.channel_id = m.channel_id AND e.direction = 'out'
          AND e.provider_id = %(provider_id)s AND e.id <> m.id) THEN %(provider_id)s END),
    attempts = m.attempts + %(counted)s::boolean::integer,
    due_at = coalesce(%(due)s::timestamptz, m.due_at),
    sent_at = CASE WHEN %(status)s = 'sent' THEN coalesce(m.sent_at, now()) ELSE m.sent_at END,
    failed_at = CASE WHEN mine.decided AND %(status)s = 'failed' THEN now() ELSE m.failed_at END,
    error_code = CASE WHEN mine.decided THEN %(code)s ELSE m.error_code END,
    error_class = CASE WHEN mine.decided THEN %(class)s ELSE m.error_class END,
    error_detail = CASE WHEN mine.decided THEN %(detail)s ELSE m.error_detail END
FROM tried, mine
WHERE m.workspace_id = %(workspace_id)s AND m.id = mine.id AND m.claims = %(number)s;

-- name: note_wa_id
-- One that somebody else changes at this moment is left for the next message.
WITH known AS (
    SELECT p.id FROM contact p
    WHERE p.workspace_id = %(workspace_id)s AND p.id = %(contact_id)s
      AND p.wa_id IS DISTINCT FROM %(wa_id)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE contact p SET wa_id = %(wa_id)s FROM known
WHERE p.workspace_id = %(workspace_id)s AND p.id = known.id;

-- name: unsettled
-- What nobody works on any more, in all workspaces: what waits, and what was on its way.
SELECT m.workspace_id, m.id, m.conversation_id, m.status = 'sending' AS lost
FROM message m
LEFT JOIN message_attempt a ON a.workspace_id = m.workspace_id AND a.message_id = m.id
    AND a.number = m.claims
WHERE (m.status = 'pending' AND m.due_at < now() - %(idle)s)
   OR (m.status = 'sending' AND coalesce(a.claimed_at, m.created_at) < now() - %(longest)s);

-- name: lose
-- It may have left: a callback will tell, or no one.
WITH lost AS (
    SELECT m.id, m.claims FROM message m
    LEFT JOIN message_attempt a ON a.workspace_id = %(workspace_id)s AND a.message_id = m.id
        AND a.number = m.claims
    WHERE m.workspace_id = %(workspace_id)s AND m.id = %(id)s AND m.status = 'sending'
      AND coalesce(a.claimed_at, m.created_at) < now() - %(longest)s
    FOR UPDATE OF m
), ended AS (
    UPDATE message_attempt a SET status = 'unknown', ended_at = now()
    FROM lost
    WHERE a.workspace_id = %(workspace_id)s AND a.message_id = lost.id AND a.number = lost.claims
      AND a.status = 'claimed'
    RETURNING a.channel_id
), used AS (
    INSERT INTO usage (workspace_id, channel_id, campaign_id, minute, requests)
    SELECT %(workspace_id)s, channel_id, 0, date_trunc('minute', now()), 1 FROM ended
    ON CONFLICT (workspace_id, channel_id, minute, campaign_id)
    DO UPDATE SET requests = usage.requests + excluded.requests
)
UPDATE message m SET status = 'unknown', error_code = 'lost', error_class = 'network_unsure',
    error_detail = 'Its worker ended meanwhile.'
FROM lost WHERE m.workspace_id = %(workspace_id)s AND m.id = lost.id;

-- name: open
SELECT (c.paused_reason IS NULL OR c.paused_until <= now()) AND c.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM contact p WHERE p.workspace_id = %(workspace_id)s AND p.id = %(contact_id)s
      AND p.opted_out_at IS NOT NULL)
FROM channel c WHERE c.workspace_id = %(workspace_id)s AND c.id = %(channel_id)s;
