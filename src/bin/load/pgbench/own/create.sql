-- CreateClient with a request id: the claim, the assignee, the client, its history, the answer kept.
\set one 1
\set r random(1, 9000000000000000000)
\startpipeline
BEGIN;
SET LOCAL ROLE nvito_clients_tenant;
SELECT set_config('statement_timeout', '10000', true), set_config('app.organization_id', :organization, true), set_config('app.actor_id', :actor, true);
\endpipeline
INSERT INTO idempotent_requests (actor_id, request_id, fingerprint) VALUES (:actor, lpad(to_hex(:r::bigint), 32, '0')::uuid, '\x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08') ON CONFLICT DO NOTHING;
SELECT organization_members.active FROM organization_members WHERE organization_members.organization_id = :organization AND organization_members.user_id = :assignee LIMIT :one FOR SHARE;
INSERT INTO clients (id, organization_id, name, email, phone, phone_e164, type, status, rfc, business_name, billing_address, acquisition_source, acquisition_detail, notes, assigned_to_id, created_by) VALUES ((lpad(to_hex((date_part('epoch', clock_timestamp()) * 1000)::bigint), 12, '0') || right(gen_random_uuid()::text, 23))::uuid, :organization, :name, 'pgbench' || :r::text || '@example.com', '55 1234 5678', '+525512345678', 'INDIVIDUAL', 'PROSPECT', NULL, NULL, NULL, 'OTHER', NULL, 'Prefiere WhatsApp por las tardes.', :assignee, (SELECT users.id FROM users WHERE users.id = :actor LIMIT 1)) ON CONFLICT DO NOTHING RETURNING clients.id AS new_id \gset
INSERT INTO client_history (organization_id, client_id, version, at, actor_id, kind, reason, request_id, changes) VALUES (:organization, :new_id, 1, now(), :actor, 'CREATED', NULL, :r::text, jsonb_build_array(jsonb_build_object('field', 'name', 'before', NULL, 'after', :name::text)));
\startpipeline
SELECT users.id, users.first_name, users.last_name FROM users WHERE users.id = ANY(ARRAY[:assignee]::uuid[]);
SELECT events.client_id, count(*) FROM events WHERE events.organization_id = ANY(ARRAY[:organization]::uuid[]) AND events.client_id = ANY(ARRAY[:new_id]::uuid[]) GROUP BY events.client_id;
\endpipeline
UPDATE idempotent_requests SET answer = decode(repeat('ab', 350), 'hex') WHERE actor_id = :actor AND request_id = lpad(to_hex(:r::bigint), 32, '0')::uuid;
COMMIT;
