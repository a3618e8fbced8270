-- UpdateClient of the notes with a request id: the claim, the row found and locked, written, its history, the answer kept.
\set one 1
\set r random(1, 9000000000000000000)
\startpipeline
BEGIN;
SET LOCAL ROLE nvito_clients_tenant;
SELECT set_config('statement_timeout', '10000', true), set_config('app.organization_id', :organization, true), set_config('app.actor_id', :actor, true);
\endpipeline
INSERT INTO idempotent_requests (actor_id, request_id, fingerprint) VALUES (:actor, lpad(to_hex(:r::bigint), 32, '0')::uuid, '\x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08') ON CONFLICT DO NOTHING;
SELECT clients.organization_id FROM clients WHERE clients.organization_id = :organization AND clients.deleted_at IS NULL AND clients.id = :client LIMIT :one;
SELECT clients.id, clients.organization_id, clients.name, clients.email, clients.phone, clients.phone_e164, clients.type, clients.status, clients.rfc, clients.business_name, clients.billing_address, clients.acquisition_source, clients.acquisition_detail, clients.notes, clients.assigned_to_id, clients.created_by, clients.created_at, clients.updated_at, clients.deleted_at, clients.version FROM clients WHERE clients.organization_id = :organization AND clients.id = :client LIMIT :one FOR NO KEY UPDATE;
UPDATE clients SET name = name, email = email, phone = phone, phone_e164 = phone_e164, type = type, status = status, rfc = rfc, business_name = business_name, billing_address = billing_address, acquisition_source = acquisition_source, acquisition_detail = acquisition_detail, notes = 'Llamar el lunes: ' || :r::text, assigned_to_id = assigned_to_id WHERE clients.id = :client AND clients.organization_id = :organization RETURNING clients.id, clients.organization_id, clients.name, clients.email, clients.phone, clients.phone_e164, clients.type, clients.status, clients.rfc, clients.business_name, clients.billing_address, clients.acquisition_source, clients.acquisition_detail, clients.notes, clients.assigned_to_id, clients.created_by, clients.created_at, clients.updated_at, clients.deleted_at, clients.version \gset new_
INSERT INTO client_history (organization_id, client_id, version, at, actor_id, kind, reason, request_id, changes) VALUES (:organization, :client, :new_version, :new_updated_at, :actor, 'UPDATED', NULL, :r::text, jsonb_build_array(jsonb_build_object('field', 'notes', 'before', 'Llamar el lunes', 'after', :r::text)));
\startpipeline
SELECT users.id, users.first_name, users.last_name FROM users WHERE users.id = ANY(:assignees);
SELECT events.client_id, count(*) FROM events WHERE events.organization_id = ANY(ARRAY[:organization]::uuid[]) AND events.client_id = ANY(ARRAY[:client]::uuid[]) GROUP BY events.client_id;
\endpipeline
UPDATE idempotent_requests SET answer = decode(repeat('ab', 350), 'hex') WHERE actor_id = :actor AND request_id = lpad(to_hex(:r::bigint), 32, '0')::uuid;
COMMIT;
