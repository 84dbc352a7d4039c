-- name: add_import
INSERT INTO contact_import (workspace_id, filename, size_bytes, list_id, mapping)
VALUES (current_workspace_id(), %(filename)s, %(size_bytes)s, %(list_id)s, %(mapping)s)
RETURNING id

-- name: add_chunk
INSERT INTO import_chunk (workspace_id, import_id, position, data)
VALUES (current_workspace_id(), %(import_id)s, %(position)s, %(data)s)

-- name: chunks
SELECT position, data FROM import_chunk
WHERE import_id = %(import_id)s AND position >= %(first)s
ORDER BY position LIMIT %(at_most)s

-- name: delete_chunks
DELETE FROM import_chunk WHERE import_id = %(import_id)s

-- name: begin
UPDATE contact_import SET status = 'running', started_at = coalesce(started_at, now())
WHERE id = %(import_id)s AND status IN ('pending', 'running')
RETURNING filename, list_id, mapping

-- name: hold
-- Two workers may drive one import when one of them was taken for dead: whoever has the row goes
-- on from where the other left it.
SELECT read_line, applied_line FROM contact_import
WHERE id = %(import_id)s AND status = 'running' FOR UPDATE

-- name: note_errors
INSERT INTO import_error
    (workspace_id, import_id, line, "column", value, reason, sentence, params, rejected)
SELECT current_workspace_id(), %(import_id)s, e.line, e.header, e.value, e.reason, e.sentence,
    e.params, e.rejected
FROM unnest(%(lines)s::bigint[], %(headers)s::text[], %(values)s::text[], %(reasons)s::text[],
        %(sentences)s::text[], %(params)s::jsonb[], %(rejected)s::boolean[])
    WITH ORDINALITY AS e (line, header, value, reason, sentence, params, rejected, nth)
ORDER BY e.nth

-- name: note_read
UPDATE contact_import
SET total = total + %(rows)s, rejected = rejected + %(rejected)s,
    read_line = greatest(read_line, %(line)s), read_share = greatest(read_share, %(share)s)
WHERE id = %(import_id)s

-- name: one_import_at_a_time
-- People are merged in the order of their files, so two imports would lock each other's contacts
-- in different orders. Imports of one workspace take turns, a batch each.
SELECT pg_advisory_xact_lock(hashtextextended('contact import', current_workspace_id()))

-- name: hold_list
SELECT id FROM list WHERE id = %(list_id)s FOR KEY SHARE

-- name: make_staged
CREATE TEMPORARY TABLE staged (
    line bigint NOT NULL,
    phone text NOT NULL,
    phone_key text NOT NULL,
    name text NOT NULL,
    email text,
    condominio text,
    endereco text,
    cargo text,
    timezone text,
    custom jsonb NOT NULL,
    tags text[] NOT NULL,
    repeats integer NOT NULL,
    changes integer NOT NULL,
    contact_id bigint,
    outcome text NOT NULL DEFAULT 'skipped'
) ON COMMIT DROP

-- name: fill_staged
COPY staged (line, phone, phone_key, name, email, condominio, endereco, cargo, timezone, custom,
    tags, repeats, changes) FROM STDIN

-- name: merge_staged
-- Whoever would not change is left out before the upsert, which would lock even those. LIMIT 1
-- keeps the planner from reading all contacts once per batch in order to hash them.
WITH wanted AS MATERIALIZED (
    SELECT s.* FROM staged s
    LEFT JOIN LATERAL (
        SELECT * FROM contact
        WHERE workspace_id = current_workspace_id() AND phone_key = s.phone_key LIMIT 1
    ) c ON true
    WHERE c.id IS NULL
       OR (s.name <> '' AND s.name <> c.name)
       OR (s.email IS NOT NULL AND s.email IS DISTINCT FROM c.email)
       OR (s.condominio IS NOT NULL AND s.condominio IS DISTINCT FROM c.condominio)
       OR (s.endereco IS NOT NULL AND s.endereco IS DISTINCT FROM c.endereco)
       OR (s.cargo IS NOT NULL AND s.cargo IS DISTINCT FROM c.cargo)
       OR (s.timezone IS NOT NULL AND s.timezone IS DISTINCT FROM c.timezone)
       OR NOT c.custom @> s.custom
), written AS (
    INSERT INTO contact AS c (workspace_id, phone, phone_key, name, email, condominio, endereco,
        cargo, timezone, custom)
    SELECT current_workspace_id(), phone, phone_key, name, email, condominio, endereco, cargo,
        timezone, custom
    FROM wanted ORDER BY line
    ON CONFLICT (workspace_id, phone_key) DO UPDATE SET
        name = CASE excluded.name WHEN '' THEN c.name ELSE excluded.name END,
        email = coalesce(excluded.email, c.email),
        condominio = coalesce(excluded.condominio, c.condominio),
        endereco = coalesce(excluded.endereco, c.endereco),
        cargo = coalesce(excluded.cargo, c.cargo),
        timezone = coalesce(excluded.timezone, c.timezone),
        custom = c.custom || excluded.custom,
        updated_at = now()
    RETURNING id, phone_key, xmax = 0 AS created
)
UPDATE staged s
SET contact_id = w.id, outcome = CASE WHEN w.created THEN 'created' ELSE 'updated' END
FROM written w WHERE w.phone_key = s.phone_key

-- name: find_unchanged
UPDATE staged s
SET contact_id = (
    SELECT id FROM contact
    WHERE workspace_id = current_workspace_id() AND phone_key = s.phone_key
)
WHERE s.contact_id IS NULL

-- name: join_list
WITH joined AS (
    INSERT INTO list_member (workspace_id, list_id, contact_id)
    SELECT current_workspace_id(), %(list_id)s, contact_id FROM staged
    WHERE contact_id IS NOT NULL ORDER BY contact_id
    ON CONFLICT DO NOTHING
    RETURNING contact_id
)
UPDATE staged s SET outcome = 'updated'
FROM joined j WHERE j.contact_id = s.contact_id AND s.outcome = 'skipped'

-- name: add_tags
INSERT INTO tag (workspace_id, name)
SELECT DISTINCT ON (lower(given)) current_workspace_id(), given
FROM staged, unnest(tags) AS given
ORDER BY lower(given), line
ON CONFLICT (workspace_id, lower(name)) DO NOTHING

-- name: tag_staged
WITH tagged AS (
    INSERT INTO contact_tag (workspace_id, contact_id, tag_id)
    SELECT DISTINCT current_workspace_id(), s.contact_id, t.id
    FROM staged s, unnest(s.tags) AS given, tag t
    WHERE s.contact_id IS NOT NULL AND t.workspace_id = current_workspace_id()
      AND lower(t.name) = lower(given)
    ORDER BY s.contact_id, t.id
    ON CONFLICT DO NOTHING
    RETURNING contact_id
)
UPDATE staged s SET outcome = 'updated'
FROM tagged t WHERE t.contact_id = s.contact_id AND s.outcome = 'skipped'

-- name: note_merged
UPDATE contact_import i
SET created = i.created + t.created, updated = i.updated + t.updated,
    skipped = i.skipped + t.total - t.created - t.updated, applied_line = t.line
FROM (
    SELECT count(*) FILTER (WHERE outcome = 'created') AS created,
           count(*) FILTER (WHERE outcome = 'updated')
               + coalesce(sum(changes) FILTER (WHERE outcome <> 'skipped'), 0) AS updated,
           count(*) + sum(repeats) AS total,
           max(line) AS line
    FROM staged
) t
WHERE i.id = %(import_id)s

-- name: refresh_statistics
SELECT refresh_contact_statistics()

-- name: finish
UPDATE contact_import
SET status = %(status)s, error_code = %(code)s, error_sentence = %(sentence)s,
    error_params = %(params)s, finished_at = now()
WHERE id = %(import_id)s AND status IN ('pending', 'running')

-- name: errors
SELECT id, line, "column", value, reason, sentence, params, rejected FROM import_error
WHERE import_id = %(import_id)s AND id > %(after)s
ORDER BY id LIMIT %(at_most)s

-- name: unfinished
SELECT workspace_id, id FROM contact_import WHERE status IN ('pending', 'running')

-- name: with_a_job
SELECT (args ->> 'import_id')::bigint AS import_id FROM procrastinate_jobs
WHERE task_name = %(task)s AND status IN ('todo', 'doing')

-- name: abandon
UPDATE contact_import
SET status = 'failed', error_code = %(code)s, error_sentence = %(sentence)s, finished_at = now()
WHERE workspace_id = %(workspace_id)s AND id = %(import_id)s AND status IN ('pending', 'running')
