//! One client: created, read, changed; and what its other writes share.

use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{Bool, Text};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Repository;
use super::history::{Told, tell};
use super::mutation::Mutation;
use super::rows::{ClientColumns, ClientRow, complete};
use super::schema::{clients, events, organization_members as members, users};
use super::scope::Mode;
use super::transaction::Transaction;
use crate::domain::client::{Client, ClientPatch, EVENTS_MOST, EventSummary, NewClient};
use crate::domain::history::{HistoryKind, beginning, differences};
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

    /// The live clients among `ids`, in no order, without their events.
    pub async fn clients(&self, ids: &[ClientId]) -> Result<Vec<Client>> {
        let mut transaction = self.begin(Mode::Snapshot).await?;
        let outcome = Self::clients_among(&mut transaction, ids).await;
        transaction.finish(outcome).await
    }

    async fn clients_among(transaction: &mut Transaction, ids: &[ClientId]) -> Result<Vec<Client>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let rows = transaction
            .scope()
            .clients(false)
            .filter(clients::id.eq_any(ids))
            .select(ClientRow::as_select())
            .load(&mut **transaction)
            .await?;
        complete(transaction, rows).await
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
            Some(row) => {
                let told = Told::of(HistoryKind::Created, beginning(&new.fields));
                tell(transaction, &row, told).await?;
                one(complete(transaction, vec![row]).await?)
            }
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
        let row = lock(transaction, self.id, Sight::Live).await?;
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
        if next.email != current.email {
            check_email(transaction, &row, next.email.as_deref()).await?;
        }
        let told = Told::of(HistoryKind::Updated, differences(&current, &next));
        write(transaction, &row, ClientColumns::from(&next), told).await
    }
}

/// Changes columns of a locked row and tells so in its history.
pub(super) async fn write<C>(
    transaction: &mut Transaction,
    row: &ClientRow,
    columns: C,
    told: Told<'_>,
) -> Result<Client>
where
    C: AsChangeset<Target = clients::table>,
    C::Changeset: QueryFragment<Pg> + Send,
{
    let row = diesel::update(clients::table.find(row.id))
        .filter(clients::organization_id.eq(row.organization_id))
        .set(columns)
        .returning(ClientRow::as_returning())
        .get_result(&mut **transaction)
        .await?;
    tell(transaction, &row, told).await?;
    one(complete(transaction, vec![row]).await?)
}

/// Which clients a write may find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sight {
    /// Those that live.
    Live,
    /// And those that are deleted.
    Deleted,
}

/// A client of the scope, held until the transaction ends.
pub(super) async fn lock(
    transaction: &mut Transaction,
    id: ClientId,
    sight: Sight,
) -> Result<ClientRow> {
    let scope = transaction.scope();
    // Diesel does not lock through a boxed query, so the row is found through
    // the scope's root first and locked by its full key.
    let found: Option<Uuid> = scope
        .clients(sight == Sight::Deleted)
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
        .for_no_key_update()
        .select(ClientRow::as_select())
        .first(&mut **transaction)
        .await
        .optional()?
        .filter(|row| sight == Sight::Deleted || row.deleted_at.is_none())
        .ok_or(not_found)
}

/// No other live client of the organization has the e-mail.
pub(super) async fn check_email(
    transaction: &mut Transaction,
    row: &ClientRow,
    email: Option<&str>,
) -> Result<()> {
    let (organization, id) = (row.organization_id, ClientId(row.id));
    match email_holder(transaction, organization, email, id).await? {
        Some(holder) => Err(Error::EmailTaken { holder }),
        None => Ok(()),
    }
}

/// An assignee is an active member of the client's organization (spec §6), and
/// stays one until the transaction ends.
pub(super) async fn check_assignee(
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

pub(super) fn one(clients: Vec<Client>) -> Result<Client> {
    clients
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("a row went missing on its way"))
}
