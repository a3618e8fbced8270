-- UpdateClient of the notes with a request id: the claim and the row locked; written with its history; the answer kept.
\set r random(1, 9000000000000000000)
\startpipeline
BEGIN;
SELECT set_config('role', 'nvito_clients_tenant', true), set_config('statement_timeout', '10000', true), set_config('app.actor_id', :actor, true), set_config('app.organization_id', :organization, true);
SELECT FROM pg_advisory_xact_lock(:r);
SELECT fingerprint, answer FROM idempotent_requests WHERE actor_id = :actor AND request_id = lpad(to_hex(:r::bigint), 32, '0')::uuid;
SELECT id, organization_id, name, email, phone, phone_e164, type, status, rfc, business_name, billing_address, acquisition_source, acquisition_detail, notes, assigned_to_id, created_by, created_at, updated_at, deleted_at, version FROM clients WHERE organization_id = :organization AND id = :client AND deleted_at IS NULL FOR NO KEY UPDATE;
SELECT assignee.first_name, assignee.last_name, (SELECT count(*) FROM events WHERE events.organization_id = clients.organization_id AND events.client_id = clients.id), clock_timestamp() FROM clients LEFT JOIN users AS assignee ON assignee.id = clients.assigned_to_id WHERE clients.organization_id = :organization AND clients.id = :client;
\endpipeline
\startpipeline
WITH written AS (UPDATE clients SET type = type, status = status, rfc = rfc, business_name = business_name, billing_address = billing_address, acquisition_source = acquisition_source, acquisition_detail = acquisition_detail, notes = 'Llamar el lunes: ' || :r::text, assigned_to_id = assigned_to_id, updated_at = clock_timestamp(), version = version + 1 WHERE organization_id = :organization AND id = :client RETURNING organization_id, id, version, updated_at) INSERT INTO client_history (organization_id, client_id, version, at, actor_id, kind, reason, request_id, changes) SELECT organization_id, id, version, updated_at, :actor, 'UPDATED', NULL, :r::text, jsonb_build_array(jsonb_build_object('field', 'notes', 'before', 'Llamar el lunes', 'after', :r::text)) FROM written;
INSERT INTO idempotent_requests (actor_id, request_id, fingerprint, answer) VALUES (:actor, lpad(to_hex(:r::bigint), 32, '0')::uuid, '\x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', decode(repeat('ab', 350), 'hex'));
COMMIT;
\endpipeline
