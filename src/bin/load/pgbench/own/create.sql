-- CreateClient with a request id: the claim, the assignee held, the client with its history; then the answer kept.
\set one 1
\set r random(1, 9000000000000000000)
\startpipeline
BEGIN;
SELECT set_config('role', 'nvito_clients_tenant', true), set_config('statement_timeout', '10000', true), set_config('app.actor_id', :actor, true), set_config('app.organization_id', :organization, true);
SELECT FROM pg_advisory_xact_lock(:r);
SELECT fingerprint, answer FROM idempotent_requests WHERE actor_id = :actor AND request_id = lpad(to_hex(:r::bigint), 32, '0')::uuid;
SELECT organization_members.active FROM organization_members WHERE organization_members.organization_id = :organization AND organization_members.user_id = :assignee LIMIT :one FOR SHARE;
WITH written AS (INSERT INTO clients (id, organization_id, name, email, phone, phone_e164, type, status, rfc, business_name, billing_address, acquisition_source, acquisition_detail, notes, assigned_to_id, created_by) VALUES ((lpad(to_hex((date_part('epoch', clock_timestamp()) * 1000)::bigint), 12, '0') || right(gen_random_uuid()::text, 23))::uuid, :organization, :name, 'pgbench' || :r::text || '@example.com', '55 1234 5678', '+525512345678', 'INDIVIDUAL', 'PROSPECT', NULL, NULL, NULL, 'OTHER', NULL, 'Prefiere WhatsApp por las tardes.', :assignee, (SELECT id FROM users WHERE id = :actor)) ON CONFLICT DO NOTHING RETURNING *), told AS (INSERT INTO client_history (organization_id, client_id, version, at, actor_id, kind, reason, request_id, changes) SELECT organization_id, id, version, updated_at, :actor, 'CREATED', NULL, :r::text, jsonb_build_array(jsonb_build_object('field', 'name', 'before', NULL, 'after', :name::text)) FROM written) SELECT written.id, written.organization_id, written.name, written.email, written.phone, written.phone_e164, written.type, written.status, written.rfc, written.business_name, written.billing_address, written.acquisition_source, written.acquisition_detail, written.notes, written.assigned_to_id, written.created_by, written.created_at, written.updated_at, written.deleted_at, written.version, assignee.first_name, assignee.last_name FROM written LEFT JOIN users AS assignee ON assignee.id = written.assigned_to_id;
\endpipeline
\startpipeline
INSERT INTO idempotent_requests (actor_id, request_id, fingerprint, answer) VALUES (:actor, lpad(to_hex(:r::bigint), 32, '0')::uuid, '\x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', decode(repeat('ab', 350), 'hex'));
COMMIT;
\endpipeline
