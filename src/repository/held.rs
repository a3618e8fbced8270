//! A client that is held by a write: as it stands, and what it becomes.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::history::Told;
use super::rows::{CLIENT_COLUMNS, ClientRow, ClientSql};
use super::statement::{Statement, Value};
use super::transaction::Transaction;
use crate::domain::client::Client;
use crate::domain::ids::ClientId;
use crate::error::{Error, Resource, Result};

/// Which clients a write may find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sight {
    /// Those that live.
    Live,
    /// And those that are deleted.
    Deleted,
}

/// A client of the scope, held until the transaction ends: nobody else changes it,
/// so what it becomes by a write is known before the write is made.
pub(super) struct HeldClient {
    /// As it stands.
    pub(super) client: Client,
    /// The time of what is written now, by PostgreSQL's clock: when it was held, and
    /// later than the last write whatever that clock says, so that the trigger takes
    /// it as it is.
    pub(super) at: DateTime<Utc>,
}

/// Holds a client.
pub(super) async fn hold(
    transaction: &Transaction,
    id: ClientId,
    sight: Sight,
) -> Result<HeldClient> {
    type Look = (Nullable<Text>, Nullable<Text>, BigInt, Timestamptz);
    type Seen = (Option<String>, Option<String>, i64, DateTime<Utc>);
    let (owned, mut values) = transaction.scope().owned();
    values.push(Value::Uuid(id.0));
    // A statement of its own, not columns of the first: that one looks at what was
    // there before it waited for the row.
    let look = format!(
        "SELECT assignee.first_name, assignee.last_name, \
            (SELECT count(*) FROM events WHERE events.organization_id = clients.organization_id \
             AND events.client_id = clients.id), clock_timestamp() \
         FROM clients LEFT JOIN users AS assignee ON assignee.id = clients.assigned_to_id \
         WHERE {owned} AND clients.id = ?"
    );
    let look = Statement::<Look>::new(&look, values);
    let mut connection = transaction.connection();
    let look = async { Ok(look.get_result::<Seen>(&mut connection).await?) };
    let (row, (first_name, last_name, event_count, clock)) =
        tokio::try_join!(biased; lock(transaction, id, sight), look)?;
    let client = row.complete(first_name.zip(last_name), event_count)?;
    Ok(HeldClient::at(client, clock))
}

impl HeldClient {
    /// A client that is held, and PostgreSQL's clock by then.
    pub(super) fn at(client: Client, clock: DateTime<Utc>) -> Self {
        let at = clock.max(client.updated_at + TimeDelta::microseconds(1));
        Self { client, at }
    }

    /// When it is written, and where: `updated_at`, `organization_id`, `id`.
    pub(super) fn place(&self) -> [Value<'static>; 3] {
        [
            Value::Time(self.at),
            Value::Uuid(self.client.organization.0),
            Value::Uuid(self.client.id.0),
        ]
    }

    /// The client once it is written: `change` does to it what the write does.
    pub(super) fn becomes(self, change: impl FnOnce(&mut Client)) -> Client {
        let Self { mut client, at } = self;
        client.updated_at = at;
        client.etag = client.etag.next();
        change(&mut client);
        client
    }

    /// Leaves the write to go with COMMIT, a `told_update!` that sets `updated_at`
    /// last, and answers what the client becomes: `change` does to it what that does.
    pub(super) fn write(
        self,
        transaction: &Transaction,
        (write, mut values): (&'static str, Vec<Value<'static>>),
        told: Told,
        change: impl FnOnce(&mut Client),
    ) -> Result<Client> {
        values.extend(self.place());
        values.extend(told.of_caller(transaction)?.map(Value::owned));
        transaction.leave(Statement::new(write, values), 1);
        Ok(self.becomes(change))
    }
}

/// A client of the scope, locked until the transaction ends.
pub(super) async fn lock(
    transaction: &Transaction,
    id: ClientId,
    sight: Sight,
) -> Result<ClientRow> {
    let (owned, mut values) = transaction.scope().owned();
    values.push(Value::Uuid(id.0));
    let live = match sight {
        Sight::Live => "AND deleted_at IS NULL",
        Sight::Deleted => "",
    };
    let lock = format!(
        "SELECT {CLIENT_COLUMNS} FROM clients WHERE {owned} AND id = ? {live} FOR NO KEY UPDATE"
    );
    Statement::<ClientSql>::new(&lock, values)
        .get_result(&mut transaction.connection())
        .await
        .optional()?
        .ok_or(Error::NotFound {
            resource: Resource::Client,
            id: id.0,
        })
}
