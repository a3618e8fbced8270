//! Rows by the thousand: demonstration data and data for load tests.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use super::rows::ClientColumns;
use super::schema::{clients, events, organization_members as members, organizations, users};
use super::scope::Mode;
use super::transaction::Transaction;
use super::{Database, Scope};
use crate::domain::client::ClientFields;
use crate::domain::directory::{Event, Member, Organization};
use crate::domain::ids::{ClientId, OrganizationId, UserId};
use crate::error::Result;

/// A client as it is loaded, with its history's dates.
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

/// Rows of one INSERT; PostgreSQL takes 65 535 parameters a statement.
const ROWS: usize = 2000;

impl Database {
    /// Whether there is no organization yet.
    pub async fn is_empty(&self) -> Result<bool> {
        let mut transaction = Transaction::begin(self, Scope::platform(), Mode::Snapshot).await?;
        let outcome = diesel::select(exists(organizations::table.select(organizations::id)))
            .get_result::<bool>(&mut *transaction)
            .await
            .map(|any| !any)
            .map_err(Into::into);
        transaction.finish(outcome).await
    }

    /// Loads a batch: all of it or, when any row is refused, nothing.
    pub async fn load(&self, batch: &Batch) -> Result<()> {
        let mut transaction = Transaction::begin(self, Scope::platform(), Mode::Write).await?;
        let outcome = load(&mut transaction, batch).await;
        transaction.finish(outcome).await
    }

    /// Brings the planner's statistics and the visibility map up to date, as
    /// autovacuum would in its own time.
    pub async fn analyze(&self) -> Result<()> {
        let mut connection = self.connection().await?;
        connection
            .batch_execute("SET statement_timeout = 0")
            .await?;
        for table in [
            "organizations",
            "users",
            "organization_members",
            "clients",
            "events",
        ] {
            connection
                .batch_execute(&format!("VACUUM (ANALYZE) {table}"))
                .await?;
        }
        connection
            .batch_execute("SET statement_timeout = '10s'")
            .await?;
        Ok(())
    }
}

async fn load(transaction: &mut Transaction, batch: &Batch) -> Result<()> {
    transaction
        .batch_execute("SET LOCAL statement_timeout = 0")
        .await?;
    transaction.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
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
            .execute(&mut **transaction)
            .await?;
    }
    for rows in batch.members.chunks(ROWS) {
        load_members(transaction, rows).await?;
    }
    for rows in batch.clients.chunks(ROWS) {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    clients::id.eq(row.id.0),
                    clients::organization_id.eq(row.organization.0),
                    ClientColumns::from(&row.fields),
                    clients::created_by.eq(row.created_by.map(|user| user.0)),
                    clients::created_at.eq(row.created_at),
                    clients::updated_at.eq(row.created_at),
                )
            })
            .collect();
        diesel::insert_into(clients::table)
            .values(rows)
            .execute(&mut **transaction)
            .await?;
    }
    for rows in batch.events.chunks(ROWS) {
        let rows: Vec<_> = rows
            .iter()
            .map(|(row, client)| {
                (
                    events::id.eq(row.id.0),
                    events::organization_id.eq(row.organization.0),
                    events::name.eq(&row.name),
                    events::starts_at.eq(row.starts_at),
                    events::client_id.eq(client.map(|client| client.0)),
                )
            })
            .collect();
        diesel::insert_into(events::table)
            .values(rows)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn load_members(
    transaction: &mut Transaction,
    rows: &[(OrganizationId, Member)],
) -> Result<()> {
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
        .execute(&mut **transaction)
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
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
