-- One UPDATE.
\set r random(1, 9000000000000000000)
UPDATE plain.clients AS client SET notes = 'Llamar el lunes: ' || :r::text, updated_at = now() WHERE client.id = :client AND client.organization_id = :organization AND client.deleted_at IS NULL RETURNING client.id, client.organization_id, client.name, client.email, client.phone, client.type, client.status, client.rfc, client.business_name, client.billing_address, client.acquisition_source, client.acquisition_detail, client.notes, client.assigned_to_id, client.created_by, client.created_at, client.updated_at, client.deleted_at;
