// @generated automatically by Diesel CLI.

diesel::table! {
    /// What happened to clients, one row a write, written in its transaction and never changed: no role of the service may. Outlives the client, so it refers to none.
    client_history (organization_id, client_id, version) {
        /// The tenant.
        organization_id -> Uuid,
        /// The client, purged perhaps.
        client_id -> Uuid,
        /// The version of the client that the write made; clients of before this table begin later than 1.
        version -> Int8,
        /// When: updated_at of that version.
        at -> Timestamptz,
        /// Who, known to the directory or not.
        actor_id -> Uuid,
        /// What the write did.
        kind -> Text,
        /// Why, where the caller said so.
        #[max_length = 500]
        reason -> Nullable<Varchar>,
        /// The call: its request_id, else its x-request-id.
        #[max_length = 128]
        request_id -> Varchar,
        /// Fields before and after: [{"field": "status", "before": "PROSPECT", "after": "ACTIVE"}], null where there is no value.
        changes -> Jsonb,
    }
}

diesel::table! {
    /// How many clients there are of each kind: the sum of change over WRITE and ALL, or over WRITE and ASSIGNEE. Kept by triggers on clients, in the transaction of each write, so it is exact in every snapshot. Refers to nothing: every row comes from one of clients, which does.
    client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type_, id) {
        /// The tenant.
        organization_id -> Uuid,
        /// WRITE: noted by a write and not added up yet; ASSIGNEE: added up by assignee; ALL: whoever that is.
        grain -> Text,
        /// Whether somebody looks after them; false in ALL.
        assigned -> Bool,
        /// Who looks after them; all zeros where assigned is false.
        assigned_to_id -> Uuid,
        /// Whether they are softly deleted.
        deleted -> Bool,
        /// Where they stand.
        status -> Text,
        /// Natural or legal persons.
        #[sql_name = "type"]
        type_ -> Text,
        /// Tells rows of one kind apart.
        id -> Int8,
        /// How many came, or went where it is below zero.
        change -> Int4,
        /// Drawn at random for each row of WRITE; bit_xor of those it adds up in ALL, 0 in ASSIGNEE. So bit_xor over the WRITE and ALL of an organization tells one set of writes from any other, of which clients there are, how they are counted and what a search looks in; 0 where there was none yet.
        mark -> Int8,
    }
}

diesel::table! {
    /// Who hires and pays for an event (spec section 2).
    clients (id) {
        /// UUIDv7.
        id -> Uuid,
        /// The tenant that owns the record (spec section 4).
        organization_id -> Uuid,
        /// Full name or trade name.
        #[max_length = 255]
        name -> Varchar,
        /// Contact address; unique per tenant among live clients, ignoring case.
        #[max_length = 255]
        email -> Nullable<Varchar>,
        /// Telephone or WhatsApp, as typed.
        #[max_length = 20]
        phone -> Nullable<Varchar>,
        /// The same in E.164, where it can be understood.
        #[max_length = 16]
        phone_e164 -> Nullable<Varchar>,
        /// Natural or legal person.
        #[sql_name = "type"]
        type_ -> Text,
        /// Where the client stands (spec section 3).
        status -> Text,
        /// Registro Federal de Contribuyentes, normalised; never unique.
        #[max_length = 13]
        rfc -> Nullable<Varchar>,
        /// Razon social for the invoice.
        #[max_length = 255]
        business_name -> Nullable<Varchar>,
        /// Domicilio fiscal for the invoice.
        #[max_length = 500]
        billing_address -> Nullable<Varchar>,
        /// How the client found us (spec section 8).
        acquisition_source -> Nullable<Text>,
        /// Campaign, name of who referred, and so on.
        #[max_length = 255]
        acquisition_detail -> Nullable<Varchar>,
        /// Notes of the team.
        notes -> Nullable<Text>,
        /// The member who looks after the client (spec section 6).
        assigned_to_id -> Nullable<Uuid>,
        /// The user who created the record, when the directory knew them.
        created_by -> Nullable<Uuid>,
        /// When the record was created.
        created_at -> Timestamptz,
        /// When the record was last written; kept by a trigger.
        updated_at -> Timestamptz,
        /// When the record was softly deleted.
        deleted_at -> Nullable<Timestamptz>,
        /// Counts the writes; the etag. Kept by a trigger.
        version -> Int8,
        /// What a search looks in, folded.
        search_text -> Text,
        /// When the client first stood at ACTIVE (spec section 8); kept by a trigger, and kept for ever. Of clients older than this column: the first write at ACTIVE that is known.
        first_active_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// The events of all tenants; owned by another service, which keeps this copy in step.
    events (id) {
        /// Given by the owning service.
        id -> Uuid,
        /// The tenant; never changes.
        organization_id -> Uuid,
        /// What the event is called.
        #[max_length = 255]
        name -> Varchar,
        /// When it starts, once there is a date.
        starts_at -> Nullable<Timestamptz>,
        /// Who hired the event (spec section 5); NULL while nobody is linked, and again when that client is purged.
        client_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    /// Answers to calls that named a request id (AIP-155), written in the transaction of the call itself and kept for a day at least.
    idempotent_requests (actor_id, request_id) {
        /// Who called.
        actor_id -> Uuid,
        /// The id the caller gave.
        request_id -> Uuid,
        /// SHA-256 of method, tenant and body: the same id with another body is refused.
        fingerprint -> Bytea,
        /// The answer, encoded; NULL only in rows of releases before migration 0019, within the transaction that makes them.
        answer -> Nullable<Bytea>,
        /// When the call was first made.
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// Who works for which organization.
    organization_members (organization_id, user_id) {
        /// The tenant.
        organization_id -> Uuid,
        /// The user.
        user_id -> Uuid,
        /// Whether clients may be assigned to them (spec section 6).
        active -> Bool,
    }
}

diesel::table! {
    /// The tenants; owned by another service, which keeps this copy in step.
    organizations (id) {
        /// Given by the owning service.
        id -> Uuid,
        /// What it is called.
        #[max_length = 255]
        name -> Varchar,
    }
}

diesel::table! {
    /// The people of all teams; owned by another service. One user may work for several organizations.
    users (id) {
        /// Given by the owning service.
        id -> Uuid,
        /// Given name.
        #[max_length = 255]
        first_name -> Varchar,
        /// Family name, may be empty.
        #[max_length = 255]
        last_name -> Varchar,
        /// Contact address.
        #[max_length = 255]
        email -> Nullable<Varchar>,
    }
}

diesel::joinable!(clients -> organizations (organization_id));
diesel::joinable!(clients -> users (created_by));
diesel::joinable!(events -> organizations (organization_id));
diesel::joinable!(organization_members -> organizations (organization_id));
diesel::joinable!(organization_members -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(
    client_history,
    client_totals,
    clients,
    events,
    idempotent_requests,
    organization_members,
    organizations,
    users,
);
