-- Whatever had none. Constraints need none: their names and definitions say what they
-- hold. The roles have none either, as they belong to the cluster (migration 0001): two
-- databases that are migrated at once would write the same comment, and one would fail.

COMMENT ON POLICY tenant ON organizations IS 'Who acts for an organization sees that one alone.';
COMMENT ON POLICY platform ON organizations IS 'A Super Admin sees every organization, and keeps them in step with the service that owns them.';
COMMENT ON POLICY grouped ON organizations IS 'Writes that go together see the organizations of their callers.';
COMMENT ON POLICY tenant ON organization_members IS 'Who acts for an organization sees and holds its members alone.';
COMMENT ON POLICY platform ON organization_members IS 'A Super Admin sees who works where, and keeps it in step with the service that owns it.';
COMMENT ON POLICY grouped ON organization_members IS 'Writes that go together see and hold the members of their callers'' organizations.';
COMMENT ON POLICY tenant ON users IS 'Who acts for an organization sees the people of its team, and themselves.';
COMMENT ON POLICY platform ON users IS 'A Super Admin sees everybody, and keeps them in step with the service that owns them.';
COMMENT ON POLICY grouped ON users IS 'Writes that go together see the people of their callers'' teams, and the callers.';
COMMENT ON POLICY tenant ON clients IS 'Who acts for an organization reads and writes its clients alone.';
COMMENT ON POLICY platform ON clients IS 'A Super Admin reads and writes the clients of all tenants.';
COMMENT ON POLICY grouped ON clients IS 'Writes that go together reach the clients of their callers'' organizations; which of them is whose, each statement asks.';
COMMENT ON POLICY tenant ON events IS 'Who acts for an organization sees and links its events alone.';
COMMENT ON POLICY platform ON events IS 'A Super Admin sees and links the events of all tenants, and keeps them in step with the service that owns them.';
COMMENT ON POLICY grouped ON events IS 'Writes that go together see the events of their callers'' organizations.';
COMMENT ON POLICY tenant ON client_history IS 'Who acts for an organization reads what happened to its clients, and adds to that alone.';
COMMENT ON POLICY platform ON client_history IS 'A Super Admin reads what happened to the clients of all tenants, and adds to it.';
COMMENT ON POLICY grouped ON client_history IS 'Writes that go together tell what they do to the clients of their callers'' organizations, and read nothing of it.';
COMMENT ON POLICY tenant ON client_totals IS 'Who acts for an organization reads its totals alone; the triggers write them.';
COMMENT ON POLICY platform ON client_totals IS 'A Super Admin reads the totals of all tenants; the triggers write them with the rights of this role.';
COMMENT ON POLICY tenant ON idempotent_requests IS 'Who calls finds the answers to their own request ids, and to nobody else''s.';
COMMENT ON POLICY platform ON idempotent_requests IS 'A Super Admin finds their answers, by actor as anybody does; and the service forgets old ones, whosever they are.';
COMMENT ON POLICY grouped ON idempotent_requests IS 'Writes that go together find and keep the answers to their callers'' request ids.';

COMMENT ON TRIGGER touch_first_active ON clients IS
    'Keeps the first time at ACTIVE; named so that it comes after touch, whose time it takes.';
COMMENT ON TRIGGER count_created ON clients IS
    'Notes in client_totals the clients that a statement has made, one row for each kind of them.';
COMMENT ON TRIGGER count_purged ON clients IS
    'Takes from client_totals the clients that a statement has removed for good, by one row for each kind of them.';

COMMENT ON INDEX organization_members_user_id_idx IS
    'Finds where a user works: for the policies on users, and when a user is removed.';
COMMENT ON INDEX idempotent_requests_created_at_idx IS 'Finds the answers that are old enough to be forgotten.';
COMMENT ON SEQUENCE client_totals_id_seq IS 'Tells rows of one kind apart, whoever writes them at once; its gaps mean nothing.';

-- Since migration 0019 the row is written when its answer is known.
COMMENT ON COLUMN idempotent_requests.answer IS
    'The answer, encoded; NULL only in rows of releases before migration 0019, within the transaction that makes them.';

-- The views and their schema are the platform role's.
SET LOCAL ROLE nvito_clients_platform;
COMMENT ON COLUMN by_key.clients.id IS 'Half of the key that a read asks for.';
COMMENT ON COLUMN by_key.clients.organization_id IS 'The other half: whose the client is, compared in SQL and once more by the service.';
COMMENT ON COLUMN by_key.clients.name IS 'Full name or trade name, as shown.';
COMMENT ON COLUMN by_key.clients.email IS 'Contact address, as shown.';
COMMENT ON COLUMN by_key.clients.phone IS 'Telephone as it was typed, for people to read.';
COMMENT ON COLUMN by_key.clients.phone_e164 IS 'Telephone for machines to call, where it can be understood.';
COMMENT ON COLUMN by_key.clients.type IS 'Natural or legal person, by which the RFC is judged.';
COMMENT ON COLUMN by_key.clients.status IS 'Where the client stands; the steps it may take from here are told with it.';
COMMENT ON COLUMN by_key.clients.rfc IS 'Registro Federal de Contribuyentes, for contract and invoice.';
COMMENT ON COLUMN by_key.clients.business_name IS 'Razon social, for contract and invoice.';
COMMENT ON COLUMN by_key.clients.billing_address IS 'Domicilio fiscal, for contract and invoice.';
COMMENT ON COLUMN by_key.clients.acquisition_source IS 'How the client found us.';
COMMENT ON COLUMN by_key.clients.acquisition_detail IS 'Campaign, name of who referred, and so on.';
COMMENT ON COLUMN by_key.clients.notes IS 'What the team has noted.';
COMMENT ON COLUMN by_key.clients.assigned_to_id IS 'Who looks after the client: the key to their name in by_key.users.';
COMMENT ON COLUMN by_key.clients.created_by IS 'The user who created the record, when the directory knew them.';
COMMENT ON COLUMN by_key.clients.created_at IS 'When the record was created.';
COMMENT ON COLUMN by_key.clients.updated_at IS 'When the record was last written.';
COMMENT ON COLUMN by_key.clients.deleted_at IS 'Hides the client from whoever does not ask for deleted ones; NULL while it lives.';
COMMENT ON COLUMN by_key.clients.version IS 'Counts the writes; told as the etag.';
COMMENT ON COLUMN by_key.events.id IS 'Half of the key that a read asks for.';
COMMENT ON COLUMN by_key.events.organization_id IS 'The other half: whose the event is, compared in SQL and once more by the service.';
COMMENT ON COLUMN by_key.events.name IS 'What it is called, on its own and beside its client.';
COMMENT ON COLUMN by_key.events.starts_at IS 'When it begins, as far as that is known; the latest come first.';
COMMENT ON COLUMN by_key.events.client_id IS 'Who hired it: the key to by_key.clients, together with the organization.';
COMMENT ON COLUMN by_key.users.id IS 'Finds the assignee of a client.';
COMMENT ON COLUMN by_key.users.first_name IS 'Given name of the assignee, as shown.';
COMMENT ON COLUMN by_key.users.last_name IS 'Family name of the assignee, as shown; may be empty.';
RESET ROLE;
