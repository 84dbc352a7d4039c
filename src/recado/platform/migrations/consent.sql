-- What people want of us: every wish that we have heard, and what follows from all of them.

-- What people want, each time they said so, and who has it from where: by their own times, not by
-- the order in which we heard. What holds stands on the contact. It outlives the contact, so that
-- nobody who wanted no more is written to after being deleted and imported again.
CREATE TABLE consent_change (
    workspace_id bigint NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    contact_id bigint,
    -- The digits of the number (folded), or the provider's own id where there is no number.
    person text NOT NULL,
    status text NOT NULL CHECK (status IN ('out', 'in')),
    source text NOT NULL,
    word text,
    channel_id bigint,
    message_id text,
    said_by text,
    -- What makes the same news again the same; NULL for what a person does here.
    event_id text,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT consent_change_event_key UNIQUE (workspace_id, event_id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id)
        ON DELETE SET NULL (contact_id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id)
        ON DELETE SET NULL (channel_id)
);
CREATE INDEX consent_change_contact ON consent_change (workspace_id, contact_id, id);
CREATE INDEX consent_change_orphan ON consent_change (workspace_id, person)
    WHERE contact_id IS NULL;
CREATE INDEX consent_change_channel ON consent_change (workspace_id, channel_id)
    WHERE channel_id IS NOT NULL;

-- The earliest opt-out of each of these contacts that nothing later has taken back. Within a second
-- the order in which we heard counts, as providers' times have no more than that. What was stopped at
-- the provider is resumed there; that takes back nothing that was said to us.
CREATE FUNCTION standing_opt_outs(contacts bigint[])
RETURNS TABLE (contact_id bigint, at timestamptz, source text) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (o.contact_id) o.contact_id, o.at, o.source
    FROM consent_change o
    WHERE o.workspace_id = current_workspace_id() AND o.contact_id = ANY(contacts)
      AND o.status = 'out'
      AND NOT EXISTS (
        SELECT FROM consent_change i
        WHERE i.workspace_id = o.workspace_id AND i.contact_id = o.contact_id AND i.status = 'in'
          AND (date_trunc('second', i.at), i.id) > (date_trunc('second', o.at), o.id)
          AND (i.source <> 'provider_preference' OR starts_with(o.source, 'provider_')))
    ORDER BY o.contact_id, o.at, o.id
$$;

-- Of people who were no contacts at the time, or are no longer: now that they are, their wishes hold,
-- and stand under their numbers, by which they may be deleted and added again.
CREATE FUNCTION take_up_consent(contacts bigint[], persons text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    back bigint[];
BEGIN
    WITH taken AS (
        UPDATE consent_change h SET contact_id = g.id, person = c.phone_key
        FROM unnest(contacts, persons) AS g (id, person)
        JOIN contact c ON c.workspace_id = current_workspace_id() AND c.id = g.id
        WHERE h.workspace_id = current_workspace_id() AND h.person = g.person
          AND h.contact_id IS NULL
        RETURNING g.id
    )
    SELECT array_agg(DISTINCT id) INTO back FROM taken;
    IF back IS NOT NULL THEN
        UPDATE contact c SET opted_out_at = s.at, opt_out_source = s.source
        FROM standing_opt_outs(back) s
        WHERE c.workspace_id = current_workspace_id() AND c.id = s.contact_id;
    END IF;
END $$;

CREATE FUNCTION consent_of_new_contacts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_up_consent(array_agg(id), array_agg(phone_key)) FROM new_rows;
    RETURN NULL;
END $$;

CREATE TRIGGER contact_consent_taken_up AFTER INSERT ON contact
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION consent_of_new_contacts();

CREATE FUNCTION consent_of_new_identities() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_up_consent(array_agg(contact_id), array_agg(user_id)) FROM new_rows;
    RETURN NULL;
END $$;

CREATE TRIGGER identity_consent_taken_up AFTER INSERT ON identity
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION consent_of_new_identities();

-- A contact that gets another number takes its wishes along; they also stay with the number, for
-- whoever is added with that one. What was wanted of the new number holds from now on.
CREATE FUNCTION consent_of_changed_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_up_consent(ARRAY[NEW.id], ARRAY[NEW.phone_key]);
    WITH stays AS (
        UPDATE consent_change SET contact_id = NULL
        WHERE workspace_id = NEW.workspace_id AND contact_id = NEW.id AND person = OLD.phone_key
        RETURNING *
    )
    INSERT INTO consent_change (workspace_id, contact_id, person, status, source, word, channel_id,
        message_id, said_by, at, recorded_at)
    SELECT s.workspace_id, NEW.id, NEW.phone_key, s.status, s.source, s.word, s.channel_id,
        s.message_id, s.said_by, s.at, s.recorded_at
    FROM stays s
    WHERE NOT EXISTS (  -- where it has its former number again, they are there already
        SELECT FROM consent_change k
        WHERE k.workspace_id = NEW.workspace_id AND k.contact_id = NEW.id
          AND k.person = NEW.phone_key AND (k.status, k.source, k.at) = (s.status, s.source, s.at))
    ORDER BY s.id;
    RETURN NULL;
END $$;

CREATE TRIGGER contact_consent_moved AFTER UPDATE OF phone_key ON contact
FOR EACH ROW WHEN (OLD.phone_key <> NEW.phone_key)
EXECUTE FUNCTION consent_of_changed_number();
