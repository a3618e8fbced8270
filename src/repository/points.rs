//! What is read by its key, for several callers at once: clients and events.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Record, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::Repository;
use super::events::{EventRow, EventSql, event_columns};
use super::gather::{Gather, Point, Reads};
use super::rows::{ClientRow, ClientSql, client_columns, place};
use super::statement::{Statement, Value};
use crate::domain::client::{Client, EVENTS_MOST, EventSummary};
use crate::domain::event::LinkedEvent;
use crate::domain::ids::{ClientId, EventId, OrganizationId};
use crate::error::{Error, Resource, Result};

impl Repository {
    /// One client with its events, the latest first; `deleted` finds a deleted
    /// one as well. Fails with `CLIENT_NOT_FOUND`.
    pub async fn client(&self, id: ClientId, deleted: bool) -> Result<Client> {
        let key = self.client_key(id, deleted, true);
        let found = self.get(&self.database.clients, vec![key]).await?;
        found.into_iter().next().flatten().ok_or(Error::NotFound {
            resource: Resource::Client,
            id: id.0,
        })
    }

    /// The live clients among `ids`, in their order, without their events.
    pub async fn clients(&self, ids: &[ClientId]) -> Result<Vec<Client>> {
        let keys = ids.iter().map(|&id| self.client_key(id, false, false));
        let found = self.get(&self.database.clients, keys.collect()).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// One event with its client. Fails with `EVENT_NOT_FOUND`.
    pub async fn event(&self, id: EventId) -> Result<LinkedEvent> {
        let key = EventKey {
            organization: self.scope.organization(),
            id,
        };
        let found = self.get(&self.database.events, vec![key]).await?;
        found.into_iter().next().flatten().ok_or(Error::NotFound {
            resource: Resource::Event,
            id: id.0,
        })
    }

    async fn get<P: Point>(
        &self,
        gather: &Gather<Reads<P>>,
        keys: Vec<P::Key>,
    ) -> Result<Vec<Option<P>>> {
        let tenant = self.scope.organization();
        gather
            .get(&self.database, tenant, keys, self.deadline)
            .await
    }

    fn client_key(&self, id: ClientId, deleted: bool, events: bool) -> ClientKey {
        ClientKey {
            organization: self.scope.organization(),
            id,
            deleted,
            events,
        }
    }
}

/// Which client, of whom, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientKey {
    /// `None`: of any, for a Super Admin.
    organization: Option<OrganizationId>,
    id: ClientId,
    /// A deleted one as well.
    deleted: bool,
    /// With its events.
    events: bool,
}

impl Point for Client {
    type Key = ClientKey;

    async fn read(
        connection: &AsyncPgConnection,
        keys: &[ClientKey],
    ) -> Result<Vec<(usize, Self)>> {
        type Row = (
            BigInt,
            ClientSql,
            Nullable<Text>,
            Nullable<Text>,
            BigInt,
            Nullable<Array<Record<EventSummarySql>>>,
        );
        const READ: &str = concat!(
            "SELECT place, ",
            client_columns!("(client)."),
            ", first_name, last_name, event_count, latest_events \
             FROM clients_by_key(?, ?, ?, ?, ?)"
        );
        let read = Statement::<Row>::new(
            READ,
            vec![
                Value::MaybeUuids(
                    keys.iter()
                        .map(|key| organization(key.organization))
                        .collect(),
                ),
                Value::MaybeUuids(keys.iter().map(|key| Some(key.id.0)).collect()),
                Value::Bools(keys.iter().map(|key| key.deleted).collect()),
                Value::Bools(keys.iter().map(|key| key.events).collect()),
                Value::BigInt(EVENTS_MOST),
            ],
        );
        let rows: Vec<ClientPoint> = read.load(&mut &*connection).await?;
        rows.into_iter().map(ClientPoint::client).collect()
    }

    fn belongs(&self, key: &ClientKey) -> bool {
        is_of(self.organization, key.organization)
            && self.id == key.id
            && (self.deleted_at.is_none() || key.deleted)
    }
}

/// A row of `clients_by_key`.
#[derive(Queryable)]
struct ClientPoint {
    place: i64,
    row: ClientRow,
    first_name: Option<String>,
    last_name: Option<String>,
    event_count: i64,
    latest_events: Option<Vec<EventSummaryRow>>,
}

/// An `event_summary`.
type EventSummarySql = (SqlUuid, Text, Nullable<Timestamptz>);
type EventSummaryRow = (Uuid, String, Option<DateTime<Utc>>);

impl ClientPoint {
    fn client(self) -> Result<(usize, Client)> {
        let assignee = self.first_name.zip(self.last_name);
        let mut client = self.row.complete(assignee, self.event_count)?;
        let events = self.latest_events.unwrap_or_default();
        client.events = events
            .into_iter()
            .map(|(id, name, starts_at)| EventSummary {
                id: EventId(id),
                name,
                starts_at,
            })
            .collect();
        Ok((place(self.place)?, client))
    }
}

/// Which event, of whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventKey {
    /// `None`: of any, for a Super Admin.
    organization: Option<OrganizationId>,
    id: EventId,
}

impl Point for LinkedEvent {
    type Key = EventKey;

    async fn read(connection: &AsyncPgConnection, keys: &[EventKey]) -> Result<Vec<(usize, Self)>> {
        const READ: &str = concat!(
            "SELECT place, ",
            event_columns!("(event)."),
            ", ",
            client_columns!("(client)."),
            " FROM events_by_key(?, ?)"
        );
        let read = Statement::<(BigInt, EventSql, Nullable<ClientSql>)>::new(
            READ,
            vec![
                Value::MaybeUuids(
                    keys.iter()
                        .map(|key| organization(key.organization))
                        .collect(),
                ),
                Value::MaybeUuids(keys.iter().map(|key| Some(key.id.0)).collect()),
            ],
        );
        let rows: Vec<(i64, EventRow, Option<ClientRow>)> = read.load(&mut &*connection).await?;
        rows.into_iter()
            .map(|(number, event, client)| {
                let client = client.map(ClientRow::card).transpose()?;
                Ok((place(number)?, event.linked(client)))
            })
            .collect()
    }

    fn belongs(&self, key: &EventKey) -> bool {
        is_of(self.event.organization, key.organization) && self.event.id == key.id
    }
}

fn organization(of: Option<OrganizationId>) -> Option<Uuid> {
    of.map(|organization| organization.0)
}

/// The wall in Rust: a row is for whoever asked for its organization.
fn is_of(owner: OrganizationId, asked: Option<OrganizationId>) -> bool {
    asked.is_none_or(|asked| asked == owner)
}
