//! Whose an event is (spec §5).
//!
//! Clients are locked first, by id, and the event last: in the order in which
//! the foreign key goes when a client is purged.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::history::{Told, tell, told_update};
use super::mutation::Mutation;
use super::rows::ClientRow;
use super::schema::{clients, events};
use super::statement::{Statement, Value};
use super::transaction::Transaction;
use crate::domain::directory::Event;
use crate::domain::event::{ClientCard, LinkedEvent};
use crate::domain::history::{FieldChange, HistoryKind};
use crate::domain::ids::{ClientId, EventId, OrganizationId};
use crate::error::{Error, Problem, Reason, Resource, Result};

/// Links an event to a client of its organization, whoever's it was before.
///
/// Fails with `EVENT_NOT_FOUND`, `CLIENT_NOT_FOUND` or, where both are in sight
/// of the scope but apart, `ORGANIZATION_MISMATCH`.
pub struct LinkEvent {
    /// The event.
    pub event: EventId,
    /// The client.
    pub client: ClientId,
}

impl Mutation for LinkEvent {
    type Output = LinkedEvent;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<LinkedEvent> {
        let found = find(transaction, self.event).await?;
        let organization: Option<Uuid> = transaction
            .scope()
            .clients(false)
            .filter(clients::id.eq(self.client.0))
            .select(clients::organization_id)
            .first(&mut transaction.connection())
            .await
            .optional()?;
        let not_found = Error::NotFound {
            resource: Resource::Client,
            id: self.client.0,
        };
        match organization {
            None => return Err(not_found),
            Some(organization) if organization != found.organization_id => {
                return Err(Error::rule("client_id", Problem::OrganizationMismatch));
            }
            Some(_) => {}
        }
        let mut ids = vec![self.client.0];
        ids.extend(found.client_id);
        let held = hold(transaction, &found, &ids).await?;
        // Deleted since it was looked for.
        if !held.iter().any(|(id, live)| *id == self.client.0 && *live) {
            return Err(not_found);
        }
        if found.client_id != Some(self.client.0) {
            set_client(transaction, &found, Some(self.client.0)).await?;
            if let Some(former) = found.client_id {
                tell_unlinked(transaction, &found, former).await?;
            }
            let changes = vec![FieldChange::linked(self.event)];
            let kind = HistoryKind::EventLinked;
            touch(transaction, &found, self.client.0, Told::of(kind, changes)).await?;
        }
        linked(transaction, self.event).await
    }
}

/// Takes an event from its live client, if it has one.
///
/// Fails with `EVENT_NOT_FOUND`.
pub struct UnlinkEvent(pub EventId);

impl Mutation for UnlinkEvent {
    type Output = LinkedEvent;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<LinkedEvent> {
        let found = find(transaction, self.0).await?;
        if let Some(client) = found.client_id {
            let held = hold(transaction, &found, &[client]).await?;
            // The link to a deleted client is hidden, and comes back with it.
            if held.contains(&(client, true)) {
                set_client(transaction, &found, None).await?;
                tell_unlinked(transaction, &found, client).await?;
            }
        }
        linked(transaction, self.0).await
    }
}

/// Forgets an event.
///
/// Fails with `EVENT_NOT_FOUND`.
pub struct RemoveEvent(pub EventId);

impl Mutation for RemoveEvent {
    type Output = ();

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<()> {
        let found = find(transaction, self.0).await?;
        hold(transaction, &found, found.client_id.as_slice()).await?;
        diesel::delete(events::table.find(found.id))
            .filter(events::organization_id.eq(found.organization_id))
            .execute(&mut transaction.connection())
            .await?;
        match found.client_id {
            Some(client) => tell_unlinked(transaction, &found, client).await,
            None => Ok(()),
        }
    }
}

/// The columns of an [`EventRow`] in its order, as `client_columns!`.
macro_rules! event_columns {
    ($of:literal) => {
        concat!(
            $of,
            "id, ",
            $of,
            "organization_id, ",
            $of,
            "name, ",
            $of,
            "starts_at, ",
            $of,
            "client_id"
        )
    };
}
pub(super) use event_columns;

/// Their types.
pub(super) type EventSql = (
    SqlUuid,
    SqlUuid,
    Text,
    Nullable<Timestamptz>,
    Nullable<SqlUuid>,
);

/// A row of `events`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(Pg))]
pub(super) struct EventRow {
    id: Uuid,
    organization_id: Uuid,
    name: String,
    starts_at: Option<DateTime<Utc>>,
    client_id: Option<Uuid>,
}

impl EventRow {
    /// The event as its readers see it.
    pub(super) fn linked(self, client: Option<ClientCard>) -> LinkedEvent {
        LinkedEvent {
            event: Event {
                id: EventId(self.id),
                organization: OrganizationId(self.organization_id),
                name: self.name,
                starts_at: self.starts_at,
            },
            client,
        }
    }
}

async fn find(transaction: &Transaction, id: EventId) -> Result<EventRow> {
    transaction
        .scope()
        .events()
        .filter(events::id.eq(id.0))
        .select(EventRow::as_select())
        .first(&mut transaction.connection())
        .await
        .optional()?
        .ok_or(Error::NotFound {
            resource: Resource::Event,
            id: id.0,
        })
}

/// Holds clients of the event's organization, then the event, until the
/// transaction ends; answers the clients that are there and whether they live.
/// Worth another try when the event has changed hands since it was found.
async fn hold(
    transaction: &Transaction,
    event: &EventRow,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, bool)>> {
    let held = clients::table
        .filter(clients::organization_id.eq(event.organization_id))
        .filter(clients::id.eq_any(ids))
        .order(clients::id)
        .for_no_key_update()
        .select((clients::id, clients::deleted_at.is_null()))
        .load(&mut transaction.connection())
        .await?;
    let now: Option<Option<Uuid>> = events::table
        .filter(events::organization_id.eq(event.organization_id))
        .filter(events::id.eq(event.id))
        .for_no_key_update()
        .select(events::client_id)
        .first(&mut transaction.connection())
        .await
        .optional()?;
    if now == Some(event.client_id) {
        return Ok(held);
    }
    Err(Error::System {
        reason: Reason::TransactionConflict,
        cause: "the event has changed hands meanwhile".into(),
    })
}

async fn set_client(
    transaction: &Transaction,
    event: &EventRow,
    client: Option<Uuid>,
) -> Result<()> {
    // Prepared once: diesel prepares its updates at each call.
    const LINK: &str = "UPDATE events SET client_id = ? WHERE id = ? AND organization_id = ?";
    let link: Statement<'_, ()> = Statement::new(
        LINK,
        vec![
            Value::MaybeUuid(client),
            Value::Uuid(event.id),
            Value::Uuid(event.organization_id),
        ],
    );
    link.execute(&mut transaction.connection()).await?;
    Ok(())
}

async fn tell_unlinked(transaction: &Transaction, event: &EventRow, client: Uuid) -> Result<()> {
    let changes = vec![FieldChange::unlinked(EventId(event.id))];
    let kind = HistoryKind::EventUnlinked;
    touch(transaction, event, client, Told::of(kind, changes)).await
}

/// A client's events are part of what its callers see: its version moves on,
/// by the trigger, and its history tells why.
async fn touch(
    transaction: &Transaction,
    event: &EventRow,
    client: Uuid,
    told: Told,
) -> Result<()> {
    const TOUCH: &str = told_update!("version = version");
    let mut values = vec![Value::Uuid(event.organization_id), Value::Uuid(client)];
    values.extend(told.of_caller(transaction)?);
    let touch: Statement<'_, ()> = Statement::new(TOUCH, values);
    match touch.execute(&mut transaction.connection()).await? {
        1 => Ok(()),
        _ => Err(Error::internal("a locked row went missing")),
    }
}

/// An event as its readers see it: without a client while that is deleted.
pub(super) async fn linked(transaction: &Transaction, id: EventId) -> Result<LinkedEvent> {
    let row = find(transaction, id).await?;
    let client: Option<ClientRow> = match row.client_id {
        Some(client) => transaction
            .scope()
            .clients(false)
            .filter(clients::organization_id.eq(row.organization_id))
            .filter(clients::id.eq(client))
            .select(ClientRow::as_select())
            .first(&mut transaction.connection())
            .await
            .optional()?,
        None => None,
    };
    Ok(row.linked(client.map(ClientRow::card).transpose()?))
}
