//! Rows by the thousand: demonstration data and data for load tests.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use super::Database;
use super::history::stored;
use super::schema::{organization_members as members, organizations, users};
use super::scope::Mode;
use super::share::Whose;
use super::transaction::Transaction;
use crate::domain::client::{AcquisitionSource, ClientFields};
use crate::domain::directory::{Event, Member, Organization};
use crate::domain::history::{FieldChange, HistoryEntry};
use crate::domain::ids::{ClientId, OrganizationId, UserId};
use crate::domain::lifecycle::ClientStatus;
use crate::domain::rfc::Rfc;
use crate::error::Result;

/// A client as it is loaded, with its history.
#[derive(Debug, Clone)]
pub struct BulkClient {
    /// Which.
    pub id: ClientId,
    /// Whose.
    pub organization: OrganizationId,
    /// What is known of it.
    pub fields: ClientFields,
    /// Who is said to have created it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// What happened to it, the first entry first; one at least.
    pub history: Vec<HistoryEntry>,
}

impl BulkClient {
    fn updated_at(&self) -> DateTime<Utc> {
        self.history.last().map_or(self.created_at, |last| last.at)
    }

    fn first_active_at(&self) -> Option<DateTime<Utc>> {
        let active = Some(ClientStatus::Active.as_str());
        let to_active =
            |change: &FieldChange| change.field == "status" && change.after.as_deref() == active;
        let mut entries = self.history.iter();
        let first = entries.find(|entry| entry.changes.iter().any(to_active));
        first.map(|entry| entry.at)
    }
}

/// Rows that belong together and are loaded in one transaction.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// New tenants.
    pub organizations: Vec<Organization>,
    /// Their people.
    pub members: Vec<(OrganizationId, Member)>,
    /// Their clients.
    pub clients: Vec<BulkClient>,
    /// Their events, with who hired them.
    pub events: Vec<(Event, Option<ClientId>)>,
}

/// Rows of one INSERT. PostgreSQL takes 65 535 parameters a statement; a
/// member takes four.
const ROWS: usize = 2000;

type Uuids = Array<Nullable<SqlUuid>>;
type Texts = Array<Nullable<Text>>;

/// One parameter a column, not one a value: PostgreSQL reads twenty
/// instead of tens of thousands. COPY, faster still, is refused under
/// row-level security.
const INSERT_CLIENTS: &str = "\
    INSERT INTO clients (id, organization_id, created_by, created_at, updated_at, assigned_to_id, \
        type, status, name, email, phone, phone_e164, rfc, business_name, billing_address, \
        acquisition_source, acquisition_detail, notes, version, first_active_at) \
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
        $17, $18, $19, $20)";

/// As [`INSERT_CLIENTS`].
const INSERT_HISTORY: &str = "\
    INSERT INTO client_history \
        (organization_id, client_id, version, at, actor_id, kind, request_id, changes) \
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)";

/// As [`INSERT_CLIENTS`].
const INSERT_EVENTS: &str = "\
    INSERT INTO events (id, organization_id, client_id, name, starts_at) \
    SELECT * FROM unnest($1, $2, $3, $4, $5)";

impl Database {
    /// Whether there is no organization yet.
    pub async fn is_empty(&self) -> Result<bool> {
        let transaction = self.errand(Mode::Snapshot).await?;
        let outcome = diesel::select(exists(organizations::table.select(organizations::id)))
            .get_result::<bool>(&mut transaction.connection())
            .await
            .map(|any| !any)
            .map_err(Into::into);
        transaction.finish(outcome).await
    }

    /// Whether an organization is known.
    pub async fn has_organization(&self, id: OrganizationId) -> Result<bool> {
        let transaction = self.errand(Mode::Snapshot).await?;
        let outcome = diesel::select(exists(organizations::table.find(id.0)))
            .get_result::<bool>(&mut transaction.connection())
            .await
            .map_err(Into::into);
        transaction.finish(outcome).await
    }

    /// Loads a batch: all of it or, when any row is refused, nothing.
    pub async fn load(&self, batch: &Batch) -> Result<()> {
        let transaction = self.errand(Mode::Write).await?;
        let outcome = load(&transaction, batch).await;
        transaction.finish(outcome).await
    }

    /// Brings the planner's statistics and the visibility map up to date, as
    /// autovacuum would in its own time, and adds the totals up.
    pub async fn analyze(&self) -> Result<()> {
        self.fold_totals().await?;
        // Not to go back to the pool: it keeps the setting.
        let mut connection = self.hold(Whose::Of(None), Mode::Write).await?.take();
        connection
            .batch_execute("SET statement_timeout = 0")
            .await?;
        for table in [
            "organizations",
            "users",
            "organization_members",
            "clients",
            "events",
            "client_history",
            "client_totals",
        ] {
            connection
                .batch_execute(&format!("VACUUM (ANALYZE) {table}"))
                .await?;
        }
        Ok(())
    }
}

async fn load(transaction: &Transaction, batch: &Batch) -> Result<()> {
    transaction
        .connection()
        .batch_execute("SET LOCAL statement_timeout = 0")
        .await?;
    for rows in batch.organizations.chunks(ROWS) {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    organizations::id.eq(row.id.0),
                    organizations::name.eq(&row.name),
                )
            })
            .collect();
        diesel::insert_into(organizations::table)
            .values(rows)
            .execute(&mut transaction.connection())
            .await?;
    }
    for rows in batch.members.chunks(ROWS) {
        load_members(transaction, rows).await?;
    }
    for rows in batch.clients.chunks(ROWS) {
        load_clients(transaction, rows).await?;
    }
    for rows in batch.events.chunks(ROWS) {
        load_events(transaction, rows).await?;
    }
    Ok(())
}

async fn load_clients(transaction: &Transaction, rows: &[BulkClient]) -> Result<()> {
    let texts = |column: fn(&ClientFields) -> Option<&str>| -> Vec<Option<&str>> {
        rows.iter().map(|row| column(&row.fields)).collect()
    };
    let ids = |column: fn(&BulkClient) -> Option<Uuid>| -> Vec<Option<Uuid>> {
        rows.iter().map(column).collect()
    };
    let created_at: Vec<_> = rows.iter().map(|row| row.created_at).collect();
    let updated_at: Vec<_> = rows.iter().map(BulkClient::updated_at).collect();
    let versions: Vec<_> = rows
        .iter()
        .map(|row| row.history.last().map_or(1, |last| last.version))
        .collect();
    let first_active_at: Vec<_> = rows.iter().map(BulkClient::first_active_at).collect();
    diesel::sql_query(INSERT_CLIENTS)
        .bind::<Uuids, _>(ids(|row| Some(row.id.0)))
        .bind::<Uuids, _>(ids(|row| Some(row.organization.0)))
        .bind::<Uuids, _>(ids(|row| row.created_by.map(|user| user.0)))
        .bind::<Array<Timestamptz>, _>(created_at)
        .bind::<Array<Timestamptz>, _>(updated_at)
        .bind::<Uuids, _>(ids(|row| row.fields.assigned_to.map(|user| user.0)))
        .bind::<Texts, _>(texts(|row| Some(row.client_type.as_str())))
        .bind::<Texts, _>(texts(|row| Some(row.status.as_str())))
        .bind::<Texts, _>(texts(|row| Some(&row.name)))
        .bind::<Texts, _>(texts(|row| row.email.as_deref()))
        .bind::<Texts, _>(texts(|row| {
            row.phone.as_ref().map(|phone| phone.typed.as_str())
        }))
        .bind::<Texts, _>(texts(|row| row.phone.as_ref()?.e164.as_deref()))
        .bind::<Texts, _>(texts(|row| row.rfc.as_ref().map(Rfc::as_str)))
        .bind::<Texts, _>(texts(|row| row.business_name.as_deref()))
        .bind::<Texts, _>(texts(|row| row.billing_address.as_deref()))
        .bind::<Texts, _>(texts(|row| {
            row.acquisition_source.map(AcquisitionSource::as_str)
        }))
        .bind::<Texts, _>(texts(|row| row.acquisition_detail.as_deref()))
        .bind::<Texts, _>(texts(|row| row.notes.as_deref()))
        .bind::<Array<BigInt>, _>(versions)
        .bind::<Array<Nullable<Timestamptz>>, _>(first_active_at)
        .execute(&mut transaction.connection())
        .await?;
    load_history(transaction, rows).await
}

async fn load_history(transaction: &Transaction, clients: &[BulkClient]) -> Result<()> {
    let rows: Vec<(&BulkClient, &HistoryEntry)> = clients
        .iter()
        .flat_map(|client| client.history.iter().map(move |entry| (client, entry)))
        .collect();
    let owners: Vec<_> = rows.iter().map(|(row, _)| row.organization.0).collect();
    let ids: Vec<_> = rows.iter().map(|(row, _)| row.id.0).collect();
    let versions: Vec<_> = rows.iter().map(|(_, entry)| entry.version).collect();
    let times: Vec<_> = rows.iter().map(|(_, entry)| entry.at).collect();
    let actors: Vec<_> = rows.iter().map(|(_, entry)| entry.actor.0).collect();
    let kinds: Vec<_> = rows.iter().map(|(_, entry)| entry.kind.as_str()).collect();
    let calls: Vec<_> = rows
        .iter()
        .map(|(_, entry)| entry.request.as_str())
        .collect();
    let changes: Vec<_> = rows
        .iter()
        .map(|(_, entry)| stored(&entry.changes))
        .collect::<Result<_>>()?;
    diesel::sql_query(INSERT_HISTORY)
        .bind::<Array<SqlUuid>, _>(owners)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<BigInt>, _>(versions)
        .bind::<Array<Timestamptz>, _>(times)
        .bind::<Array<SqlUuid>, _>(actors)
        .bind::<Array<Text>, _>(kinds)
        .bind::<Array<Text>, _>(calls)
        .bind::<Array<Jsonb>, _>(changes)
        .execute(&mut transaction.connection())
        .await?;
    Ok(())
}

async fn load_events(transaction: &Transaction, rows: &[(Event, Option<ClientId>)]) -> Result<()> {
    let ids: Vec<_> = rows.iter().map(|(row, _)| row.id.0).collect();
    let organizations: Vec<_> = rows.iter().map(|(row, _)| row.organization.0).collect();
    let clients: Vec<_> = rows
        .iter()
        .map(|(_, client)| client.map(|id| id.0))
        .collect();
    let names: Vec<_> = rows.iter().map(|(row, _)| row.name.as_str()).collect();
    let starts_at: Vec<_> = rows.iter().map(|(row, _)| row.starts_at).collect();
    diesel::sql_query(INSERT_EVENTS)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<SqlUuid>, _>(organizations)
        .bind::<Uuids, _>(clients)
        .bind::<Array<Text>, _>(names)
        .bind::<Array<Nullable<Timestamptz>>, _>(starts_at)
        .execute(&mut transaction.connection())
        .await?;
    Ok(())
}

async fn load_members(transaction: &Transaction, rows: &[(OrganizationId, Member)]) -> Result<()> {
    let people: Vec<_> = rows
        .iter()
        .map(|(_, row)| {
            (
                users::id.eq(row.user.id.0),
                users::first_name.eq(&row.user.first_name),
                users::last_name.eq(&row.user.last_name),
                users::email.eq(&row.user.email),
            )
        })
        .collect();
    diesel::insert_into(users::table)
        .values(people)
        .on_conflict_do_nothing()
        .execute(&mut transaction.connection())
        .await?;
    let rows: Vec<(_, _, _)> = rows
        .iter()
        .map(|(organization, row)| {
            let user: Uuid = row.user.id.0;
            (
                members::organization_id.eq(organization.0),
                members::user_id.eq(user),
                members::active.eq(row.active),
            )
        })
        .collect();
    diesel::insert_into(members::table)
        .values(rows)
        .execute(&mut transaction.connection())
        .await?;
    Ok(())
}
