-- Conversations: who has written to which number, what was said, and what it is called.

-- One for each person and number. The person is a contact; or else is named, for their number's
-- digits (folded) or the provider's own id of them are all that is known.
CREATE TABLE conversation (
    workspace_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    channel_id bigint NOT NULL,
    contact_id bigint,
    person text,
    name text NOT NULL DEFAULT '',  -- as the person calls themselves
    address text,  -- the digits that they last wrote from
    last_inbound_at timestamptz,
    last_message_at timestamptz NOT NULL DEFAULT now(),
    unread integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT conversation_contact_key UNIQUE (workspace_id, contact_id, channel_id),
    CONSTRAINT conversation_person_key UNIQUE (workspace_id, channel_id, person),
    CONSTRAINT conversation_somebody CHECK (num_nonnulls(contact_id, person) = 1),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX conversation_recent ON conversation (workspace_id, channel_id, last_inbound_at);
CREATE INDEX conversation_order ON conversation (workspace_id, last_message_at, id);
CREATE INDEX conversation_unread ON conversation (workspace_id, last_message_at, id)
    WHERE unread > 0;

-- What providers call a person beside their number: learned from what carried both.
CREATE TABLE identity (
    workspace_id bigint NOT NULL,
    provider text NOT NULL,
    user_id text NOT NULL,
    contact_id bigint NOT NULL,
    learned_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, provider, user_id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX identity_contact ON identity (workspace_id, contact_id);

-- What was written in a conversation. What a campaign sent is read from its deliveries.
CREATE TABLE message (
    workspace_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    conversation_id bigint NOT NULL,
    channel_id bigint NOT NULL,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    kind text NOT NULL,
    text text NOT NULL DEFAULT '',
    media jsonb,
    place jsonb,
    choice text,
    reply_to text,
    delivery_id bigint,  -- what it answers, where that was a campaign's
    provider_id text,
    at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Of outgoing ones: who wrote it, what is to be sent, and how far it is.
    author text,
    key text,
    content jsonb,
    status text CHECK (status IN ('pending', 'sending', 'sent', 'delivered', 'read', 'failed',
        'unknown')),
    due_at timestamptz,
    claims smallint NOT NULL DEFAULT 0,
    attempts smallint NOT NULL DEFAULT 0,
    sent_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    failed_at timestamptz,
    error_code text,
    error_class text,
    error_detail text,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversation (workspace_id, id)
        ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX message_provider ON message (workspace_id, channel_id, direction, provider_id)
    WHERE provider_id IS NOT NULL;
CREATE UNIQUE INDEX message_key ON message (workspace_id, conversation_id, key)
    WHERE key IS NOT NULL;
CREATE INDEX message_order ON message (workspace_id, conversation_id, at, id);
CREATE INDEX message_unsettled ON message (workspace_id, id)
    WHERE status IN ('pending', 'sending');

-- One try to hand a message over, on record before its request leaves.
CREATE TABLE message_attempt (
    workspace_id bigint NOT NULL,
    message_id bigint NOT NULL,
    number smallint NOT NULL,
    channel_id bigint NOT NULL,
    contact_id bigint,
    answers boolean NOT NULL,  -- within a conversation that the person has opened
    status text NOT NULL CHECK (status IN ('claimed', 'accepted', 'refused', 'unknown')),
    claimed_at timestamptz NOT NULL DEFAULT now(),
    left_at timestamptz,  -- by Redis' clock, when it was let pass
    ended_at timestamptz,
    PRIMARY KEY (workspace_id, message_id, number),
    -- Not to the message: what has left counts, also when its conversation is gone.
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX message_attempt_claimed ON message_attempt USING brin (claimed_at)
    WITH (pages_per_range = 16, autosummarize = on);

-- What was done since to a message that the provider has given this id, whoever wrote it: it may
-- have come before the message itself.
CREATE TABLE message_change (
    workspace_id bigint NOT NULL,
    conversation_id bigint NOT NULL,
    provider_id text NOT NULL,
    reaction text,
    reacted_at timestamptz,
    text text,
    edited_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (workspace_id, conversation_id, provider_id),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversation (workspace_id, id)
        ON DELETE CASCADE
);
