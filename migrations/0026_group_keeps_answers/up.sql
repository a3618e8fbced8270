CREATE POLICY grouped ON idempotent_requests TO nvito_clients_group
    USING (strpos(current_setting('app.actor_ids', true), actor_id::text) > 0);
GRANT SELECT, INSERT ON idempotent_requests TO nvito_clients_group;
