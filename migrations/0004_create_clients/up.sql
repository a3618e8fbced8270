CREATE FUNCTION client_search_text(name text, email text, phone text, phone_e164 text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    -- A line feed parts the fields: no search holds one, so none matches across two.
    RETURN public.fold_text(concat_ws(E'\n', name, email, phone,
        regexp_replace(phone, '[^0-9]', '', 'g'), phone_e164));
END
$$;
COMMENT ON FUNCTION client_search_text(text, text, text, text) IS
    'All that a search looks in: name, e-mail, phone as typed, its digits, its E.164 form; folded.';

CREATE TABLE clients (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    name varchar(255) NOT NULL COLLATE spanish
        CONSTRAINT clients_name_not_blank CHECK (btrim(name) <> ''),
    email varchar(255) COLLATE spanish,
    phone varchar(20),
    phone_e164 varchar(16),
    type text NOT NULL DEFAULT 'INDIVIDUAL'
        CONSTRAINT clients_type_known CHECK (type IN ('INDIVIDUAL', 'COMPANY')),
    status text NOT NULL DEFAULT 'PROSPECT'
        CONSTRAINT clients_status_known CHECK (status IN ('PROSPECT', 'ACTIVE', 'COMPLETED', 'INACTIVE')),
    rfc varchar(13),
    business_name varchar(255),
    billing_address varchar(500),
    acquisition_source text
        CONSTRAINT clients_acquisition_source_known CHECK (acquisition_source IN
            ('SOCIAL_MEDIA', 'REFERRAL', 'GOOGLE', 'WEBSITE', 'DIRECT', 'OTHER')),
    acquisition_detail varchar(255),
    notes text
        CONSTRAINT clients_notes_length CHECK (char_length(notes) <= 2000),
    assigned_to_id uuid,
    created_by uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    search_text text NOT NULL COLLATE "C"
        GENERATED ALWAYS AS (client_search_text(name, email, phone, phone_e164)) STORED,
    CONSTRAINT clients_organization_id_id_key UNIQUE (organization_id, id),
    CONSTRAINT clients_assigned_to_fkey FOREIGN KEY (organization_id, assigned_to_id)
        REFERENCES organization_members (organization_id, user_id)
        ON DELETE SET NULL (assigned_to_id)
);
COMMENT ON TABLE clients IS 'Who hires and pays for an event (spec section 2).';
COMMENT ON COLUMN clients.id IS 'UUIDv7.';
COMMENT ON COLUMN clients.organization_id IS 'The tenant that owns the record (spec section 4).';
COMMENT ON COLUMN clients.name IS 'Full name or trade name.';
COMMENT ON COLUMN clients.email IS 'Contact address; unique per tenant among live clients, ignoring case.';
COMMENT ON COLUMN clients.phone IS 'Telephone or WhatsApp, as typed.';
COMMENT ON COLUMN clients.phone_e164 IS 'The same in E.164, where it can be understood.';
COMMENT ON COLUMN clients.type IS 'Natural or legal person.';
COMMENT ON COLUMN clients.status IS 'Where the client stands (spec section 3).';
COMMENT ON COLUMN clients.rfc IS 'Registro Federal de Contribuyentes, normalised; never unique.';
COMMENT ON COLUMN clients.business_name IS 'Razon social for the invoice.';
COMMENT ON COLUMN clients.billing_address IS 'Domicilio fiscal for the invoice.';
COMMENT ON COLUMN clients.acquisition_source IS 'How the client found us (spec section 8).';
COMMENT ON COLUMN clients.acquisition_detail IS 'Campaign, name of who referred, and so on.';
COMMENT ON COLUMN clients.notes IS 'Notes of the team.';
COMMENT ON COLUMN clients.assigned_to_id IS 'The member who looks after the client (spec section 6).';
COMMENT ON COLUMN clients.created_by IS 'The user who created the record, when the directory knew them.';
COMMENT ON COLUMN clients.created_at IS 'When the record was created.';
COMMENT ON COLUMN clients.updated_at IS 'When the record was last written; kept by a trigger.';
COMMENT ON COLUMN clients.deleted_at IS 'When the record was softly deleted.';
COMMENT ON COLUMN clients.version IS 'Counts the writes; the etag. Kept by a trigger.';
COMMENT ON COLUMN clients.search_text IS 'What a search looks in, folded.';

CREATE UNIQUE INDEX clients_live_email_key ON clients (organization_id, lower(email))
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_live_email_key IS
    'One live client per e-mail and tenant; a deleted one does not hold its address.';

-- The indexes of spec section 2 lead with the tenant here and end in the order
-- of the list, so that a page is read where it begins. None holds updated_at:
-- an update that moves no other key stays on its page (HOT) and writes no index.
CREATE INDEX clients_page_idx ON clients (organization_id, created_at, id) INCLUDE (type)
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_page_idx IS 'Lists of a tenant, newest first; totals by type (spec: organization_id, type).';
CREATE INDEX clients_status_page_idx ON clients (organization_id, status, created_at, id)
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_status_page_idx IS 'Lists by status (spec: status; organization_id, status).';
CREATE INDEX clients_name_page_idx ON clients (organization_id, name, id) WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_name_page_idx IS 'Lists by name.';
CREATE INDEX clients_assigned_to_idx ON clients (assigned_to_id, organization_id, created_at, id);
COMMENT ON INDEX clients_assigned_to_idx IS
    'Lists by assignee (spec: assigned_to_id); also finds what a leaving member looked after.';
CREATE INDEX clients_platform_page_idx ON clients (created_at, id) INCLUDE (status, type)
    WHERE deleted_at IS NULL;
COMMENT ON INDEX clients_platform_page_idx IS 'Lists of a Super Admin over all tenants.';
CREATE INDEX clients_created_by_idx ON clients (created_by);
COMMENT ON INDEX clients_created_by_idx IS 'Finds the rows of a user who is removed.';
CREATE INDEX clients_search_idx ON clients USING gin (organization_id, search_text gin_trgm_ops);
COMMENT ON INDEX clients_search_idx IS 'Fragments of name, e-mail and phone within a tenant.';

CREATE FUNCTION touch_client() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version := OLD.version + 1;
    -- Not now(), the start of the transaction: a writer that waited for the row
    -- would set the clock back.
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION touch_client() IS
    'Whoever writes, a foreign key''s ON DELETE included, the version moves on.';
CREATE TRIGGER touch BEFORE UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION touch_client();

ALTER TABLE clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE clients FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON clients TO nvito_clients_tenant
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY platform ON clients TO nvito_clients_platform USING (true);

GRANT SELECT, INSERT, UPDATE ON clients TO nvito_clients_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON clients TO nvito_clients_platform;
