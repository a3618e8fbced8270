//! One client: create, read, update, delete.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Repository;
use super::mutation::Mutation;
use super::rows::{ClientColumns, ClientRow, complete};
use super::schema::{clients, events, organization_members as members, users};
use super::scope::Mode;
use super::transaction::Transaction;
use crate::domain::client::{Client, ClientPatch, EVENTS_MOST, EventSummary, NewClient};
use crate::domain::ids::{ClientId, EventId, OrganizationId, UserId};
use crate::error::{Error, Problem, Reason, Resource, Result};

impl Repository {
    /// One client with its events, the latest first; `deleted` finds a deleted
    /// one as well.
    pub async fn client(&self, id: ClientId, deleted: bool) -> Result<Client> {
        let mut transaction = self.begin(Mode::Snapshot).await?;
        let outcome = Self::client_with_events(&mut transaction, id, deleted).await;
        transaction.finish(outcome).await
    }

    async fn client_with_events(
        transaction: &mut Transaction,
        id: ClientId,
        deleted: bool,
    ) -> Result<Client> {
        let row = transaction
            .scope()
            .clients(deleted)
            .filter(clients::id.eq(id.0))
            .select(ClientRow::as_select())
            .first(&mut **transaction)
            .await
            .optional()?
            .ok_or(Error::NotFound {
                resource: Resource::Client,
                id: id.0,
            })?;
        let organization = row.organization_id;
        let mut client = one(complete(transaction, vec![row]).await?)?;
        client.events = events::table
            .filter(events::organization_id.eq(organization))
            .filter(events::client_id.eq(id.0))
            .order((events::starts_at.desc().nulls_last(), events::id))
            .limit(EVENTS_MOST)
            .select((events::id, events::name, events::starts_at))
            .load(&mut **transaction)
            .await?
            .into_iter()
            .map(|(id, name, starts_at)| EventSummary {
                id: EventId(id),
                name,
                starts_at,
            })
            .collect();
        Ok(client)
    }
}

/// Creates a client in the organization of the scope.
///
/// Fails with `ASSIGNEE_NOT_IN_ORGANIZATION`, `ORGANIZATION_NOT_FOUND` or
/// `CLIENT_EMAIL_TAKEN`.
pub struct CreateClient(pub NewClient);

impl Mutation for CreateClient {
    type Output = Client;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &mut Transaction) -> Result<Client> {
        let Self(new) = self;
        let scope = transaction.scope();
        let organization = scope.required_organization()?;
        check_assignee(
            transaction,
            organization,
            new.fields.assigned_to,
            "assigned_to_id",
        )
        .await?;
        let known_actor = users::table
            .find(scope.actor().0)
            .select(users::id)
            .single_value();
        let row = diesel::insert_into(clients::table)
            .values((
                clients::id.eq(new.id.0),
                clients::organization_id.eq(organization.0),
                ClientColumns::from(&new.fields),
                clients::created_by.eq(known_actor),
            ))
            .on_conflict_do_nothing()
            .returning(ClientRow::as_returning())
            .get_result(&mut **transaction)
            .await
            .optional()?;
        match row {
            Some(row) => one(complete(transaction, vec![row]).await?),
            None => Err(email_taken(transaction, organization, new).await?),
        }
    }
}

/// Changes a client.
///
/// Fails with `CLIENT_NOT_FOUND`, `ETAG_MISMATCH`, `CLIENT_EMAIL_TAKEN`,
/// `ASSIGNEE_NOT_IN_ORGANIZATION` and whatever [`ClientPatch::apply`] finds.
pub struct UpdateClient {
    /// Which.
    pub id: ClientId,
    /// How.
    pub patch: ClientPatch,
    /// Only if it still has this etag.
    pub etag: Option<String>,
}

impl Mutation for UpdateClient {
    type Output = Client;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &mut Transaction) -> Result<Client> {
        let row = lock(transaction, self.id).await?;
        row.etag().check(self.etag.as_deref())?;
        let current = row.fields()?;
        let next = self.patch.clone().apply(&current)?;
        if next == current {
            return one(complete(transaction, vec![row]).await?);
        }
        if next.assigned_to != current.assigned_to {
            let organization = OrganizationId(row.organization_id);
            let path = "client.assigned_to_id";
            check_assignee(transaction, organization, next.assigned_to, path).await?;
        }
        if next.email != current.email
            && let Some(holder) = email_holder(
                transaction,
                row.organization_id,
                next.email.as_deref(),
                self.id,
            )
            .await?
        {
            return Err(Error::EmailTaken { holder });
        }
        let row = diesel::update(clients::table.find(row.id))
            .filter(clients::organization_id.eq(row.organization_id))
            .set(ClientColumns::from(&next))
            .returning(ClientRow::as_returning())
            .get_result(&mut **transaction)
            .await?;
        one(complete(transaction, vec![row]).await?)
    }
}

/// Deletes a client softly: assignee and events stay linked (api.md, decision 3).
///
/// Fails with `CLIENT_NOT_FOUND` or `ETAG_MISMATCH`.
pub struct DeleteClient {
    /// Which.
    pub id: ClientId,
    /// Only if it still has this etag.
    pub etag: Option<String>,
}

impl Mutation for DeleteClient {
    type Output = Client;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &mut Transaction) -> Result<Client> {
        let row = lock(transaction, self.id).await?;
        row.etag().check(self.etag.as_deref())?;
        let row = diesel::update(clients::table.find(row.id))
            .filter(clients::organization_id.eq(row.organization_id))
            .set(clients::deleted_at.eq(sql::<Nullable<Timestamptz>>("now()")))
            .returning(ClientRow::as_returning())
            .get_result(&mut **transaction)
            .await?;
        one(complete(transaction, vec![row]).await?)
    }
}

/// A live client of the scope, held until the transaction ends.
async fn lock(transaction: &mut Transaction, id: ClientId) -> Result<ClientRow> {
    let scope = transaction.scope();
    // Diesel does not lock through a boxed query, so the row is found through
    // the scope's root first and locked by its full key.
    let found: Option<Uuid> = scope
        .clients(false)
        .filter(clients::id.eq(id.0))
        .select(clients::organization_id)
        .first(&mut **transaction)
        .await
        .optional()?;
    let not_found = Error::NotFound {
        resource: Resource::Client,
        id: id.0,
    };
    let Some(organization) = found else {
        return Err(not_found);
    };
    clients::table
        .filter(clients::organization_id.eq(organization))
        .filter(clients::id.eq(id.0))
        .filter(clients::deleted_at.is_null())
        .for_no_key_update()
        .select(ClientRow::as_select())
        .first(&mut **transaction)
        .await
        .optional()?
        .ok_or(not_found)
}

/// An assignee is an active member of the client's organization (spec §6), and
/// stays one until the transaction ends.
async fn check_assignee(
    transaction: &mut Transaction,
    organization: OrganizationId,
    assignee: Option<UserId>,
    path: &'static str,
) -> Result<()> {
    let Some(assignee) = assignee else {
        return Ok(());
    };
    let active: Option<bool> = members::table
        .find((organization.0, assignee.0))
        .for_share()
        .select(members::active)
        .first(&mut **transaction)
        .await
        .optional()?;
    match active {
        Some(true) => Ok(()),
        _ => Err(Error::rule(path, Problem::AssigneeNotInOrganization)),
    }
}

/// The live client, other than `except`, that has the e-mail.
async fn email_holder(
    transaction: &mut Transaction,
    organization: Uuid,
    email: Option<&str>,
    except: ClientId,
) -> Result<Option<ClientId>> {
    let Some(email) = email else { return Ok(None) };
    let same = sql::<Bool>("lower(email) = lower(")
        .bind::<Text, _>(email)
        .sql("::text COLLATE spanish)");
    Ok(clients::table
        .filter(clients::organization_id.eq(organization))
        .filter(clients::deleted_at.is_null())
        .filter(clients::id.ne(except.0))
        .filter(same)
        .select(clients::id)
        .first::<Uuid>(&mut **transaction)
        .await
        .optional()?
        .map(ClientId))
}

/// Why an insert found the e-mail taken. When its holder has gone since, the
/// transaction is worth another try.
async fn email_taken(
    transaction: &mut Transaction,
    organization: OrganizationId,
    new: &NewClient,
) -> Result<Error> {
    let email = new.fields.email.as_deref();
    let holder = email_holder(transaction, organization.0, email, new.id).await?;
    Ok(holder.map_or_else(
        || Error::System {
            reason: Reason::TransactionConflict,
            cause: "the client that held the e-mail is gone".into(),
        },
        |holder| Error::EmailTaken { holder },
    ))
}

fn one(clients: Vec<Client>) -> Result<Client> {
    clients
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("a row went missing on its way"))
}
