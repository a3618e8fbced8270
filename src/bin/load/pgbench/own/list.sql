-- ListClients: the newest page and the total, in one round trip.
\set limit 11
\set offset 0
\startpipeline
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT set_config('role', 'nvito_clients_tenant', true), set_config('statement_timeout', '10000', true), set_config('app.actor_id', :actor, true), set_config('app.organization_id', :organization, true);
WITH page AS MATERIALIZED (SELECT clients.id, clients.organization_id, clients.name, clients.email, clients.phone, clients.phone_e164, clients.type, clients.status, clients.rfc, clients.business_name, clients.billing_address, clients.acquisition_source, clients.acquisition_detail, clients.notes, clients.assigned_to_id, clients.created_by, clients.created_at, clients.updated_at, clients.deleted_at, clients.version FROM clients WHERE deleted_at IS NULL AND organization_id = :organization ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset) SELECT total.clients, page.*, assignee.first_name, assignee.last_name, (SELECT count(*) FROM events WHERE events.organization_id = page.organization_id AND events.client_id = page.id), total.mark, total.among FROM (SELECT coalesce(sum(change), 0) AS clients, NULL::bigint AS mark, NULL::bigint AS among FROM client_totals WHERE grain IN ('WRITE', 'ALL') AND NOT deleted AND organization_id = :organization) AS total LEFT JOIN page ON true LEFT JOIN LATERAL (SELECT first_name, last_name FROM users WHERE users.id = page.assigned_to_id LIMIT 1) AS assignee ON true ORDER BY page.created_at DESC, page.id DESC;
COMMIT;
\endpipeline
