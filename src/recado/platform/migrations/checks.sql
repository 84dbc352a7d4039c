-- Asking a provider which numbers are on WhatsApp, a few at a time; who is still to be asked for.
CREATE TABLE number_check (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    channel_id bigint NOT NULL,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'completed', 'cancelled', 'failed')),
    total integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    valid integer NOT NULL DEFAULT 0,
    dead integer NOT NULL DEFAULT 0,
    unknown integer NOT NULL DEFAULT 0,
    failures smallint NOT NULL DEFAULT 0,  -- in a row
    detail text,
    next_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX number_check_running ON number_check (workspace_id, channel_id)
    WHERE status IN ('pending', 'running');

CREATE TABLE number_check_contact (
    workspace_id bigint NOT NULL,
    check_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    PRIMARY KEY (workspace_id, check_id, contact_id),
    FOREIGN KEY (workspace_id, check_id) REFERENCES number_check (workspace_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX number_check_contact_contact ON number_check_contact (workspace_id, contact_id);
