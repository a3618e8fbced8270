//! What happened to clients: written with each write, never changed.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Repository;
use super::schema::{client_history as history, clients};
use super::scope::Mode;
use super::statement::Value;
use super::transaction::Transaction;
use crate::domain::history::{FieldChange, HistoryEntry, HistoryKind};
use crate::domain::ids::{ClientId, UserId};
use crate::error::{Error, Resource, Result};

/// A page of a client's history.
#[derive(Debug, Clone)]
pub struct History {
    /// The latest first.
    pub entries: Vec<HistoryEntry>,
    /// The next page begins below this version, if there is one.
    pub next: Option<i64>,
}

impl Repository {
    /// At most `limit` entries of a client's history, the latest first, from
    /// below the version `before`; `deleted` finds those of deleted and purged
    /// clients as well.
    ///
    /// Fails with `CLIENT_NOT_FOUND`.
    pub async fn client_history(
        &self,
        id: ClientId,
        before: Option<i64>,
        limit: i64,
        deleted: bool,
    ) -> Result<History> {
        let transaction = self.begin(Mode::Snapshot).await?;
        let outcome = page(&transaction, id, before, limit, deleted).await;
        transaction.finish(outcome).await
    }
}

async fn page(
    transaction: &Transaction,
    id: ClientId,
    before: Option<i64>,
    limit: i64,
    deleted: bool,
) -> Result<History> {
    let organization = organization(transaction, id, deleted)
        .await?
        .ok_or(Error::NotFound {
            resource: Resource::Client,
            id: id.0,
        })?;
    let mut rows: Vec<HistoryRow> = history::table
        .filter(history::organization_id.eq(organization))
        .filter(history::client_id.eq(id.0))
        .filter(history::version.lt(before.unwrap_or(i64::MAX)))
        .order(history::version.desc())
        .limit(limit + 1)
        .select(HistoryRow::as_select())
        .load(&mut transaction.connection())
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|rows| rows > limit);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more).map(|row| row.version);
    let entries = rows
        .into_iter()
        .map(HistoryRow::entry)
        .collect::<Result<_>>()?;
    Ok(History { entries, next })
}

/// Whose a client is or, where `deleted` ones are in sight, was.
async fn organization(
    transaction: &Transaction,
    id: ClientId,
    deleted: bool,
) -> Result<Option<Uuid>> {
    let scope = transaction.scope();
    let there = scope
        .clients(deleted)
        .filter(clients::id.eq(id.0))
        .select(clients::organization_id)
        .first(&mut transaction.connection())
        .await
        .optional()?;
    if there.is_some() || !deleted {
        return Ok(there);
    }
    // Written out: planned for whatever kind is bound, it would not have the index
    // of this one.
    let mut purged = history::table
        .filter(history::client_id.eq(id.0))
        .filter(sql::<Bool>("client_history.kind = 'PURGED'"))
        .select(history::organization_id)
        .into_boxed();
    if let Some(organization) = scope.organization() {
        purged = purged.filter(history::organization_id.eq(organization.0));
    }
    Ok(purged
        .first(&mut transaction.connection())
        .await
        .optional()?)
}

/// A write that is to be told.
pub(super) struct Told {
    pub(super) kind: HistoryKind,
    pub(super) reason: Option<String>,
    pub(super) changes: Vec<FieldChange>,
}

impl Told {
    /// What was done, where no field says more.
    pub(super) fn of(kind: HistoryKind, changes: Vec<FieldChange>) -> Self {
        Self {
            kind,
            reason: None,
            changes,
        }
    }

    /// The values of [`tell!`]: actor, kind, reason, call and changes.
    pub(super) fn values(self, actor: UserId, call: &str) -> Result<[Value<'_>; 5]> {
        Ok([
            Value::Uuid(actor.0),
            Value::Text(self.kind.as_str().into()),
            Value::MaybeText(self.reason.map(Into::into)),
            Value::Text(call.into()),
            Value::Json(stored(&self.changes)?),
        ])
    }

    /// The same for a write that `transaction` makes for its caller.
    pub(super) fn of_caller(self, transaction: &Transaction) -> Result<[Value<'_>; 5]> {
        self.values(transaction.scope().actor(), transaction.call())
    }
}

/// SQL that tells the writes that made the rows `written`: a part of their own
/// statement, so that neither is there without the other. Its values are those of
/// [`Told::values`].
macro_rules! tell {
    () => {
        "INSERT INTO client_history \
         (organization_id, client_id, version, at, actor_id, kind, reason, request_id, changes) \
         SELECT organization_id, id, version, updated_at, ?, ?, ?, ?, ? FROM written"
    };
}
pub(super) use tell;

/// An UPDATE of one client, told, for SQL of our own; its values: what is set,
/// organization, id, and those of [`tell!`].
macro_rules! told_update {
    ($set:literal) => {
        concat!(
            "WITH written AS (UPDATE clients SET ",
            $set,
            " WHERE organization_id = ? AND id = ? \
             RETURNING organization_id, id, version, updated_at) ",
            tell!()
        )
    };
}
pub(super) use told_update;

/// Tells of a client that is no more: `client` is its organization and id,
/// `version` the number and time of the write.
pub(super) async fn tell_purged(
    transaction: &Transaction,
    client: (Uuid, Uuid),
    version: (i64, DateTime<Utc>),
    changes: &[FieldChange],
) -> Result<()> {
    let insert = diesel::insert_into(history::table).values((
        history::organization_id.eq(client.0),
        history::client_id.eq(client.1),
        history::version.eq(version.0),
        history::at.eq(version.1),
        history::actor_id.eq(transaction.scope().actor().0),
        history::kind.eq(HistoryKind::Purged.as_str()),
        history::request_id.eq(transaction.call().to_owned()),
        history::changes.eq(stored(changes)?),
    ));
    insert.execute(&mut transaction.connection()).await?;
    Ok(())
}

/// Changes as they are kept.
pub(super) fn stored(changes: &[FieldChange]) -> Result<serde_json::Value> {
    let changes: Vec<_> = changes.iter().map(StoredChange::from).collect();
    serde_json::to_value(changes).map_err(Error::internal)
}

#[derive(Serialize, Deserialize)]
struct StoredChange {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

impl From<&FieldChange> for StoredChange {
    fn from(change: &FieldChange) -> Self {
        Self {
            field: change.field.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
        }
    }
}

/// A row of `client_history`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = history, check_for_backend(Pg))]
struct HistoryRow {
    version: i64,
    at: DateTime<Utc>,
    actor_id: Uuid,
    kind: String,
    reason: Option<String>,
    request_id: String,
    changes: serde_json::Value,
}

impl HistoryRow {
    /// Fails when the table holds what this version does not know.
    fn entry(self) -> Result<HistoryEntry> {
        let changes: Vec<StoredChange> =
            serde_json::from_value(self.changes).map_err(Error::internal)?;
        Ok(HistoryEntry {
            version: self.version,
            at: self.at,
            actor: UserId(self.actor_id),
            kind: HistoryKind::from_name(&self.kind)
                .ok_or_else(|| Error::internal("unknown value in client_history.kind"))?,
            reason: self.reason,
            request: self.request_id,
            changes: changes
                .into_iter()
                .map(|change| FieldChange {
                    field: change.field,
                    before: change.before,
                    after: change.after,
                })
                .collect(),
        })
    }
}
