-- name: settings
SELECT value FROM setting WHERE workspace_id = current_workspace_id() AND key = 'consent';

-- name: save_settings
INSERT INTO setting (workspace_id, key, value)
VALUES (current_workspace_id(), 'consent', %(given)s)
ON CONFLICT (workspace_id, key)
DO UPDATE SET value = setting.value || excluded.value, updated_at = now()
RETURNING value;

-- name: recipients
-- Whose messages came back: known by our reference, of the channel that sent it, or by the provider's
-- id, as their states are; else by the number written to, which may be a contact again that was deleted.
SELECT r.place, whose.contact_id
FROM unnest(%(channels)s::bigint[], %(deliveries)s::bigint[], %(parts)s::bigint[],
        %(numbers)s::bigint[], %(provider_ids)s::text[], %(keys)s::text[])
    WITH ORDINALITY AS r (channel_id, delivery_id, part, number, provider_id, phone_key, place)
CROSS JOIN LATERAL (
    SELECT d.contact_id FROM attempt a
    JOIN delivery d ON d.workspace_id = a.workspace_id AND d.id = a.delivery_id
    WHERE a.workspace_id = current_workspace_id() AND a.delivery_id = r.delivery_id
      AND a.part = r.part AND a.number = r.number AND a.channel_id = r.channel_id
      AND d.contact_id IS NOT NULL
    UNION ALL
    SELECT d.contact_id FROM part p
    JOIN delivery d ON d.workspace_id = p.workspace_id AND d.id = p.delivery_id
    WHERE r.delivery_id IS NULL AND p.workspace_id = current_workspace_id()
      AND p.provider_id = r.provider_id AND d.contact_id IS NOT NULL
    UNION ALL
    SELECT v.contact_id FROM message m
    JOIN conversation v ON v.workspace_id = m.workspace_id AND v.id = m.conversation_id
    WHERE m.workspace_id = current_workspace_id() AND m.channel_id = r.channel_id
      AND m.direction = 'out' AND m.provider_id = r.provider_id AND v.contact_id IS NOT NULL
    UNION ALL
    SELECT c.id FROM contact c
    WHERE c.workspace_id = current_workspace_id() AND c.phone_key = r.phone_key
    LIMIT 1
) whose;

-- name: to_confirm
-- Those of these wishes that hold, said lately in a conversation.
SELECT h.id, h.contact_id, h.channel_id, h.status
FROM consent_change h
JOIN contact c ON c.workspace_id = h.workspace_id AND c.id = h.contact_id
WHERE h.workspace_id = current_workspace_id() AND h.id = ANY(%(changes)s)
  AND h.channel_id IS NOT NULL AND h.at > %(since)s
  AND (h.status = 'out') = (c.opted_out_at IS NOT NULL)
ORDER BY h.id;
