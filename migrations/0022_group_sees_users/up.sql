-- Whose members they are, the policy on these says.
CREATE POLICY grouped ON users TO nvito_clients_group
    USING (EXISTS (SELECT FROM organization_members AS member WHERE member.user_id = users.id)
        OR strpos(current_setting('app.actor_ids', true), id::text) > 0);
GRANT SELECT ON users TO nvito_clients_group;
