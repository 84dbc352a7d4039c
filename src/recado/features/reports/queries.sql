-- name: deliveries
-- A page of a run's deliveries along the report index; the provider's id is that of the first part.
SELECT d.id, d.contact_id, c.name, d.phone, d.status, d.reason, d.attempts, d.error_code,
       d.error_class, d.error_detail, d.channel_id, d.sent_at, d.delivered_at, d.read_at,
       d.failed_at, d.held, p.provider_id, d.parts,
       CASE WHEN d.parts = 1 THEN (d.status IN ('sent', 'delivered', 'read'))::integer ELSE (
           SELECT count(*) FROM part s WHERE s.workspace_id = d.workspace_id
             AND s.delivery_id = d.id AND s.status IN ('sent', 'delivered', 'read')
       ) END AS parts_sent
FROM delivery d
LEFT JOIN contact c ON c.workspace_id = d.workspace_id AND c.id = d.contact_id
LEFT JOIN part p ON p.workspace_id = d.workspace_id AND p.delivery_id = d.id AND p.position = 1
WHERE d.workspace_id = %(workspace_id)s AND d.run_id = %(run_id)s
  AND d.status = ANY(%(statuses)s) AND d.id > %(after)s
ORDER BY d.id LIMIT %(most)s;
