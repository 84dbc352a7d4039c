-- The tables of the first release. Every tenant table carries workspace_id first in its primary,
-- unique and foreign keys, so that it can be sharded by workspace. What must be unique across
-- workspaces stands in small system tables (app_user, channel_route).

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE FUNCTION current_workspace_id() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.workspace_id', true), '')::bigint;

-- System tables -----------------------------------------------------------------------------

CREATE TABLE app_user (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL DEFAULT '',
    password_hash text NOT NULL,
    locale text,
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);
CREATE UNIQUE INDEX app_user_email_key ON app_user (lower(email));

CREATE TABLE workspace (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    country text NOT NULL DEFAULT 'BR',
    timezone text NOT NULL DEFAULT 'America/Sao_Paulo',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Where a callback belongs: the address a provider calls, the number it speaks of, and the account
-- of that number. Anybody may claim an account: what is said of it must carry their own secret.
CREATE TABLE channel_route (
    channel_key text PRIMARY KEY,
    provider text NOT NULL,
    external_id text NOT NULL,
    account_id text,
    owner_workspace bigint NOT NULL,
    channel_id bigint NOT NULL,
    CONSTRAINT channel_route_number_key UNIQUE (provider, external_id)
);
CREATE INDEX channel_route_channel ON channel_route (owner_workspace, channel_id);
CREATE INDEX channel_route_account ON channel_route (provider, account_id)
    WHERE account_id IS NOT NULL;

-- People and keys ---------------------------------------------------------------------------

CREATE TABLE membership (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'operator', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX membership_user ON membership (user_id);

CREATE TABLE api_key (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'operator', 'viewer')),
    secret_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (workspace_id, id)
);

CREATE TABLE setting (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    key text NOT NULL,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, key)
);

CREATE TABLE rate_limit (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    scope text NOT NULL,
    subject_id bigint NOT NULL DEFAULT 0,
    name text NOT NULL,
    value numeric NOT NULL CHECK (value >= 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, scope, subject_id, name)
);

CREATE TABLE idempotency_key (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint,
    response jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, key)
);

-- Channels ----------------------------------------------------------------------------------

CREATE TABLE channel (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    provider text NOT NULL,
    status text NOT NULL DEFAULT 'connecting'
        CHECK (status IN ('connected', 'connecting', 'disconnected', 'blocked')),
    status_detail text,
    key text NOT NULL,
    config jsonb NOT NULL DEFAULT '{}',
    secrets bytea NOT NULL,
    pacing jsonb NOT NULL DEFAULT '{}',
    -- Whom the provider counts it with, and how many people these may reach in a day.
    portfolio text,
    tier integer,
    tier_at timestamptz,
    -- The number as its provider shows it, how it thinks of it and how fast it lets it send.
    display_number text,
    quality text,
    quality_at timestamptz,
    throughput text,
    -- As of when its connection and its account are known: what was said before changes nothing.
    connection_at timestamptz,
    account_at timestamptz,
    account text,  -- at its provider, whose templates it sends
    paused_until timestamptz,
    paused_reason text,
    -- What ends the pause beside a person: the connection, the account; NULL: nothing, or its time.
    paused_by text CHECK (paused_by IN ('connection', 'account')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX channel_name_key ON channel (workspace_id, lower(name))
    WHERE deleted_at IS NULL;

-- The templates of an account as its provider lists them; its channels here share them. When the
-- provider is to be asked again, and before when it asked not to be.
CREATE TABLE template_list (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    provider text NOT NULL,
    account text NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz,
    synced_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT template_list_account_key UNIQUE (workspace_id, provider, account)
);
CREATE INDEX template_list_due ON template_list (due_at);

-- What is known of each, and as of when: news of the three come by themselves, in any order.
CREATE TABLE template (
    workspace_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    list_id bigint NOT NULL,
    name text NOT NULL,
    language text NOT NULL,
    provider_id text NOT NULL,
    status text NOT NULL,
    status_at timestamptz NOT NULL,
    reason text NOT NULL DEFAULT '',
    since timestamptz NOT NULL,
    paused_until timestamptz,
    category text NOT NULL,
    category_at timestamptz NOT NULL,
    quality text NOT NULL,
    quality_at timestamptz NOT NULL,
    body text NOT NULL,
    slots jsonb NOT NULL,  -- what a message must fill in
    gone_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT template_name_key UNIQUE (workspace_id, list_id, name, language),
    FOREIGN KEY (workspace_id, list_id) REFERENCES template_list (workspace_id, id)
        ON DELETE CASCADE
);

-- The drive table: which channel has work, when, and who drives it now.
CREATE TABLE drive (
    workspace_id bigint NOT NULL,
    channel_id bigint NOT NULL,
    due_at timestamptz,
    owner text,
    lease_until timestamptz,
    token bigint NOT NULL DEFAULT 0,
    -- Whose turn was the last one; the run after it comes next.
    last_run_id bigint,
    PRIMARY KEY (workspace_id, channel_id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);
CREATE INDEX drive_due ON drive (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX drive_lease ON drive (lease_until) WHERE owner IS NOT NULL;

-- Requests that left, by channel, campaign and minute: what long windows are rebuilt from. They
-- count for as long as the window lasts, whatever becomes of their campaign.
CREATE TABLE usage (
    workspace_id bigint NOT NULL,
    channel_id bigint NOT NULL,
    minute timestamptz NOT NULL,
    campaign_id bigint NOT NULL DEFAULT 0,
    requests integer NOT NULL,
    PRIMARY KEY (workspace_id, channel_id, minute, campaign_id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE CASCADE
);

-- What providers called back with, stored before it is answered.
CREATE TABLE callback (
    workspace_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    channel_id bigint NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    body bytea NOT NULL,
    again_at timestamptz,  -- not before this: it may speak of what is not on record yet
    processed_at timestamptz,
    error text,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX callback_waiting ON callback (workspace_id, id) WHERE processed_at IS NULL;

-- Contacts ----------------------------------------------------------------------------------

CREATE TABLE contact (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL DEFAULT '',
    phone text NOT NULL,
    phone_key text NOT NULL,
    wa_id text,
    email text,
    condominio text,
    endereco text,
    cargo text,
    custom jsonb NOT NULL DEFAULT '{}',
    timezone text,
    opted_out_at timestamptz,
    opt_out_source text,
    -- Whether WhatsApp has this number, as sending to it or asking has shown, and since when that
    -- is known; NULL while it is not.
    wa_status text CHECK (wa_status IN ('valid', 'dead')),
    wa_checked_at timestamptz,
    source text,  -- 'inbox': somebody unknown who wrote first
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT contact_phone_key_key UNIQUE (workspace_id, phone_key)
);
CREATE INDEX contact_name_trgm ON contact USING gin (name gin_trgm_ops);
CREATE INDEX contact_phone_trgm ON contact USING gin (phone gin_trgm_ops);

-- The names of custom fields in use, so that a campaign's variables can be checked at once.
CREATE TABLE custom_field (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    name text NOT NULL,
    PRIMARY KEY (workspace_id, name)
);

CREATE FUNCTION note_custom_fields() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO custom_field (workspace_id, name)
    SELECT DISTINCT n.workspace_id, k.name
    FROM new_rows n CROSS JOIN LATERAL jsonb_object_keys(n.custom) AS k (name)
    WHERE n.custom <> '{}' AND NOT EXISTS (
        SELECT FROM custom_field f WHERE f.workspace_id = n.workspace_id AND f.name = k.name)
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER contact_custom_added AFTER INSERT ON contact
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION note_custom_fields();

CREATE TRIGGER contact_custom_changed AFTER UPDATE ON contact
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION note_custom_fields();

CREATE TABLE tag (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX tag_name_key ON tag (workspace_id, lower(name));

CREATE TABLE contact_tag (
    workspace_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    tag_id bigint NOT NULL,
    PRIMARY KEY (workspace_id, contact_id, tag_id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, tag_id) REFERENCES tag (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_tag_tag ON contact_tag (workspace_id, tag_id, contact_id);

CREATE TABLE list (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX list_name_key ON list (workspace_id, lower(name));

CREATE TABLE list_member (
    workspace_id bigint NOT NULL,
    list_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    PRIMARY KEY (workspace_id, list_id, contact_id),
    FOREIGN KEY (workspace_id, list_id) REFERENCES list (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX list_member_contact ON list_member (workspace_id, contact_id);

CREATE TABLE contact_import (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    filename text NOT NULL,
    size_bytes bigint NOT NULL DEFAULT 0,
    list_id bigint,
    mapping jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    total bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    -- How far the two passes have come, in lines of the file; a resumed import goes on from there.
    read_share real NOT NULL DEFAULT 0,
    read_line bigint NOT NULL DEFAULT 0,
    applied_line bigint NOT NULL DEFAULT 0,
    error_code text,
    error_sentence text,
    error_params jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, list_id) REFERENCES list (workspace_id, id)
        ON DELETE SET NULL (list_id)
);

-- The uploaded file, in pieces, so that a worker on any machine can read it.
CREATE TABLE import_chunk (
    workspace_id bigint NOT NULL,
    import_id bigint NOT NULL,
    position integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (workspace_id, import_id, position),
    FOREIGN KEY (workspace_id, import_id) REFERENCES contact_import (workspace_id, id)
        ON DELETE CASCADE
);
ALTER TABLE import_chunk ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE import_error (
    workspace_id bigint NOT NULL,
    import_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    line bigint NOT NULL,
    "column" text NOT NULL,
    value text NOT NULL,
    reason text NOT NULL,
    sentence text NOT NULL,
    params jsonb NOT NULL DEFAULT '{}',
    rejected boolean NOT NULL DEFAULT true,
    PRIMARY KEY (workspace_id, import_id, id),
    FOREIGN KEY (workspace_id, import_id) REFERENCES contact_import (workspace_id, id)
        ON DELETE CASCADE
);

-- Campaigns ---------------------------------------------------------------------------------

CREATE TABLE campaign (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'scheduled', 'preparing',
        'running', 'paused', 'completed', 'cancelled', 'failed')),
    content jsonb NOT NULL,
    audience jsonb NOT NULL,
    schedule jsonb NOT NULL DEFAULT '{}',
    pacing jsonb NOT NULL DEFAULT '{}',
    fail_over boolean NOT NULL DEFAULT true,
    skip_dead_numbers boolean NOT NULL DEFAULT true,
    paused_reason text,
    paused_until timestamptz,  -- when it is expected to go on by itself
    template_paused_at timestamptz,  -- it goes on once its template was let go after that
    starts_at timestamptz,
    deleted_at timestamptz,
    created_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX campaign_starts ON campaign (starts_at) WHERE starts_at IS NOT NULL;

CREATE TABLE campaign_channel (
    workspace_id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    channel_id bigint NOT NULL,
    position smallint NOT NULL,
    PRIMARY KEY (workspace_id, campaign_id, channel_id),
    FOREIGN KEY (workspace_id, campaign_id) REFERENCES campaign (workspace_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id)
);
CREATE INDEX campaign_channel_channel ON campaign_channel (workspace_id, channel_id, campaign_id);

-- Whom a campaign is aimed at, each person once, with the reason why somebody must not be written to.
-- What a start writes down and what is told beforehand are both read from here. The caller's role
-- and workspace hold; the planner sees through it.
CREATE FUNCTION campaign_audience(list_ids bigint[], tags text[], contact_ids bigint[],
    suppression_tags text[], skip_dead boolean)
RETURNS TABLE (contact_id bigint, name text, phone text, phone_key text, wa_status text, reason text)
LANGUAGE sql STABLE AS $$
    WITH aimed_at AS (
        SELECT m.contact_id FROM list_member m
        WHERE m.workspace_id = current_workspace_id() AND m.list_id = ANY(list_ids)
        UNION
        SELECT ct.contact_id FROM contact_tag ct
        JOIN tag t ON t.workspace_id = ct.workspace_id AND t.id = ct.tag_id
        WHERE ct.workspace_id = current_workspace_id() AND lower(t.name) = ANY(tags)
        UNION
        SELECT unnest(contact_ids)
    ), suppressing AS (
        SELECT ct.contact_id, min(t.name) AS tag FROM contact_tag ct
        JOIN tag t ON t.workspace_id = ct.workspace_id AND t.id = ct.tag_id
        WHERE ct.workspace_id = current_workspace_id() AND lower(t.name) = ANY(suppression_tags)
        GROUP BY ct.contact_id
    )
    SELECT c.id, c.name, c.phone, c.phone_key, c.wa_status,
           CASE WHEN c.opted_out_at IS NOT NULL THEN 'opted_out'
                WHEN s.tag IS NOT NULL THEN 'tag:' || s.tag
                WHEN skip_dead AND c.wa_status = 'dead' THEN 'dead_number' END
    FROM aimed_at a
    JOIN contact c ON c.workspace_id = current_workspace_id() AND c.id = a.contact_id
    LEFT JOIN suppressing s ON s.contact_id = c.id
$$;

-- One execution of a campaign. The counters hold exclusive states and add up to total; the
-- triggers on delivery keep them, inside whichever statement changes deliveries.
CREATE TABLE run (
    workspace_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    campaign_id bigint NOT NULL,
    number integer NOT NULL,
    status text NOT NULL CHECK (status IN ('preparing', 'running', 'paused', 'completed',
        'cancelled', 'failed')),
    materialised_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    total bigint NOT NULL DEFAULT 0,
    pending bigint NOT NULL DEFAULT 0,
    sending bigint NOT NULL DEFAULT 0,
    sent bigint NOT NULL DEFAULT 0,
    delivered bigint NOT NULL DEFAULT 0,
    read bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    unknown bigint NOT NULL DEFAULT 0,
    suppressed bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0,
    expired bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,  -- of those that are sent
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT run_number_key UNIQUE (workspace_id, campaign_id, number),
    FOREIGN KEY (workspace_id, campaign_id) REFERENCES campaign (workspace_id, id)
        ON DELETE CASCADE
) WITH (fillfactor = 50);
CREATE INDEX run_unsettled ON run (workspace_id, id)
    WHERE status IN ('preparing', 'running');

CREATE TABLE delivery (
    workspace_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    run_id bigint NOT NULL,
    contact_id bigint,
    phone text NOT NULL,
    phone_key text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'sending', 'sent', 'delivered', 'read',
        'failed', 'unknown', 'suppressed', 'cancelled', 'expired')),
    -- The only channel that may send it; 0: any of the campaign's.
    sender_id bigint NOT NULL DEFAULT 0,
    -- 0 first sends, 1 retries, 2 what goes on with a message that has begun to arrive.
    lane smallint NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    channel_id bigint,
    text text,
    reason text,
    parts smallint NOT NULL DEFAULT 1,
    next_part smallint NOT NULL DEFAULT 1,
    claims smallint NOT NULL DEFAULT 0,
    attempts smallint NOT NULL DEFAULT 0,
    error_code text,
    error_class text,
    error_detail text,
    sent_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    failed_at timestamptz,
    discarded_at timestamptz,
    held boolean NOT NULL DEFAULT false,  -- accepted, and kept back until its template is judged
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT delivery_contact_key UNIQUE (workspace_id, run_id, contact_id),
    CONSTRAINT delivery_phone_key UNIQUE (workspace_id, run_id, phone_key),
    FOREIGN KEY (workspace_id, run_id) REFERENCES run (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id)
        ON DELETE SET NULL (contact_id)
) WITH (fillfactor = 80);
CREATE INDEX delivery_claim ON delivery (workspace_id, run_id, sender_id, lane, due_at, id)
    WHERE status = 'pending';
CREATE INDEX delivery_report ON delivery (workspace_id, run_id, status, id);
CREATE INDEX delivery_sending ON delivery (workspace_id, channel_id, id)
    WHERE status = 'sending';
CREATE INDEX delivery_dead ON delivery (workspace_id, id)
    WHERE status IN ('failed', 'unknown') AND discarded_at IS NULL;
CREATE INDEX delivery_unknown ON delivery (workspace_id, id) WHERE status = 'unknown';
CREATE INDEX delivery_contact ON delivery (workspace_id, contact_id);

CREATE TABLE part (
    workspace_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    position smallint NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'sending', 'sent', 'delivered', 'read',
        'failed', 'unknown')),
    -- What it says, where a message has several: written down before the first one leaves.
    text text,
    provider_id text,
    PRIMARY KEY (workspace_id, delivery_id, position),
    FOREIGN KEY (workspace_id, delivery_id) REFERENCES delivery (workspace_id, id)
        ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX part_provider ON part (workspace_id, provider_id) WHERE provider_id IS NOT NULL;

-- One try to hand a part to the provider, on record before its request leaves.
CREATE TABLE attempt (
    workspace_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    part smallint NOT NULL,
    number smallint NOT NULL,
    channel_id bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('claimed', 'accepted', 'refused', 'unknown',
        'released')),
    lease text NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    left_at timestamptz,  -- by Redis' clock, when it was let pass; NULL: it did not, or nobody knows
    ended_at timestamptz,
    provider_id text,
    error_code text,
    error_class text,
    error_detail text,
    PRIMARY KEY (workspace_id, delivery_id, part, number),
    FOREIGN KEY (workspace_id, delivery_id) REFERENCES delivery (workspace_id, id)
        ON DELETE CASCADE
) WITH (fillfactor = 80);
-- What left lately, for the limits; rows come in this order, so that a small index finds them.
CREATE INDEX attempt_claimed ON attempt USING brin (claimed_at)
    WITH (pages_per_range = 16, autosummarize = on);

-- What people are told; of one cause only once while nobody has read it.
CREATE TABLE notification (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    subject text NOT NULL,
    channel_id bigint,
    campaign_id bigint,
    params jsonb NOT NULL DEFAULT '{}',
    times integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    repeated_at timestamptz,
    read_at timestamptz,
    told_at timestamptz,  -- when the workspace's own system took it
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, campaign_id) REFERENCES campaign (workspace_id, id)
        ON DELETE CASCADE
);
CREATE UNIQUE INDEX notification_unread ON notification (workspace_id, kind, subject)
    WHERE read_at IS NULL;
CREATE INDEX notification_untold ON notification (workspace_id, id) WHERE told_at IS NULL;
CREATE INDEX notification_channel ON notification (workspace_id, channel_id)
    WHERE channel_id IS NOT NULL;
CREATE INDEX notification_campaign ON notification (workspace_id, campaign_id)
    WHERE campaign_id IS NOT NULL;
