-- Row-level security: recado_app sees one workspace, whatever the code forgets; recado_system
-- sees all, and is taken only to log in, to route callbacks, to find due work and to clear up.
-- The login role may be anything, a superuser included: each transaction takes its role first.

DO $$
DECLARE
    -- A login that forgets to take its role sees nothing: it may take them, it does not have them.
    knows_options CONSTANT boolean := current_setting('server_version_num')::integer >= 160000;
    options CONSTANT text := CASE WHEN knows_options THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
    role_name text;
    tenant_table text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['recado_app', 'recado_system', 'recado_jobs'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
        BEGIN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name) || options;
        EXCEPTION WHEN insufficient_privilege THEN
            -- Made for another database of this server, by somebody who has granted it to us.
            IF NOT pg_has_role(role_name, CASE WHEN knows_options THEN 'SET' ELSE 'MEMBER' END) THEN
                RAISE;
            END IF;
        END;
    END LOOP;

    FOR tenant_table IN
        SELECT c.relname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY tenant ON %I TO recado_app '
            'USING (workspace_id = current_workspace_id()) '
            'WITH CHECK (workspace_id = current_workspace_id())', tenant_table);
        EXECUTE format('CREATE POLICY system ON %I TO recado_system '
            'USING (true) WITH CHECK (true)', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO recado_app, recado_system',
            tenant_table);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA public TO recado_app, recado_system;

ALTER TABLE workspace ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspace FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON workspace TO recado_app
    USING (id = current_workspace_id()) WITH CHECK (id = current_workspace_id());
CREATE POLICY system ON workspace TO recado_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON workspace TO recado_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON workspace, app_user, channel_route TO recado_system;

-- Trigram operators are not leakproof: under a policy their indexes go unused. The search
-- therefore runs as recado_system and names the workspace itself. What many contacts have is found
-- among the newest; what is rare, by the indexes, which OFFSET 0 keeps the planner from leaving
-- aside for a walk through all contacts in the order asked for.
CREATE FUNCTION search_contact_ids(needle text, digits text, with_tag bigint, on_list bigint,
    reach text, before_id bigint, at_most integer)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    newest CONSTANT integer := 20000;
    found_ids bigint[];
BEGIN
    SELECT array_agg(id) INTO found_ids FROM (
        SELECT c.id FROM (
            SELECT id, name, phone, wa_status FROM contact
            WHERE workspace_id = current_workspace_id() AND (before_id IS NULL OR id < before_id)
            ORDER BY id DESC LIMIT newest
        ) c
        WHERE (c.name ILIKE '%' || needle || '%' OR c.phone ILIKE '%' || digits || '%')
          AND (with_tag IS NULL OR EXISTS (
              SELECT FROM contact_tag t WHERE t.workspace_id = current_workspace_id()
                AND t.contact_id = c.id AND t.tag_id = with_tag))
          AND (on_list IS NULL OR EXISTS (
              SELECT FROM list_member m WHERE m.workspace_id = current_workspace_id()
                AND m.contact_id = c.id AND m.list_id = on_list))
          AND (reach IS NULL OR coalesce(c.wa_status, 'unknown') = reach)
        ORDER BY c.id DESC LIMIT at_most
    ) page;
    IF cardinality(found_ids) = at_most THEN
        RETURN QUERY SELECT unnest(found_ids);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT c.id FROM (
        SELECT id, wa_status FROM contact
        WHERE workspace_id = current_workspace_id() AND (before_id IS NULL OR id < before_id)
          AND (name ILIKE '%' || needle || '%' OR phone ILIKE '%' || digits || '%')
        OFFSET 0
    ) c
    WHERE (with_tag IS NULL OR EXISTS (
          SELECT FROM contact_tag t WHERE t.workspace_id = current_workspace_id()
            AND t.contact_id = c.id AND t.tag_id = with_tag))
      AND (on_list IS NULL OR EXISTS (
          SELECT FROM list_member m WHERE m.workspace_id = current_workspace_id()
            AND m.contact_id = c.id AND m.list_id = on_list))
      AND (reach IS NULL OR coalesce(c.wa_status, 'unknown') = reach)
    ORDER BY c.id DESC LIMIT at_most;
END $$;
REVOKE ALL ON FUNCTION search_contact_ids FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_contact_ids TO recado_app;
-- Last, as afterwards the function is no longer ours to grant.
GRANT CREATE ON SCHEMA public TO recado_system;
ALTER FUNCTION search_contact_ids OWNER TO recado_system;
REVOKE CREATE ON SCHEMA public FROM recado_system;

-- After many contacts have come at once, the planner must know it before autovacuum comes around:
-- believing a workspace to have one contact, it takes the primary key's index for any look-up.
CREATE FUNCTION refresh_contact_statistics() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE contact, contact_tag, list_member;
END $$;
REVOKE ALL ON FUNCTION refresh_contact_statistics FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_contact_statistics TO recado_app;

CREATE FUNCTION refresh_delivery_statistics() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE delivery, run;
END $$;
REVOKE ALL ON FUNCTION refresh_delivery_statistics FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_delivery_statistics TO recado_app;
