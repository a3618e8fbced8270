//! One client's way: from status to status, deleted and back, gone for good.

use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clients::check_email;
use super::held::{Sight, hold, lock};
use super::history::{Told, tell, tell_purged, told_update};
use super::mutation::{Mutation, Shared};
use super::schema::{clients, events};
use super::statement::Value;
use super::transaction::Transaction;
use crate::domain::client::{Client, ClientFields};
use crate::domain::history::{EVENTS_MOST, FieldChange, HistoryKind};
use crate::domain::ids::{ClientId, EventId};
use crate::domain::lifecycle::ClientStatus;
use crate::error::{Error, Result};

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
    async fn run(&self, transaction: &Transaction) -> Result<Client> {
        const DELETE: &str = told_update!("deleted_at = ?, updated_at = ?, version = version + 1");
        let held = hold(transaction, self.id, Sight::Live).await?;
        held.client.etag.check(self.etag.as_deref())?;
        let told = Told::of(HistoryKind::Deleted, Vec::new());
        let at = held.at;
        held.write(
            transaction,
            (DELETE, vec![Value::Time(at)]),
            told,
            |client| client.deleted_at = Some(at),
        )
    }
}

/// Takes a client to another status (spec §3).
///
/// Fails with `CLIENT_NOT_FOUND`, `ETAG_MISMATCH` or
/// `CLIENT_TRANSITION_NOT_ALLOWED`.
pub struct TransitionClient {
    /// Which.
    pub id: ClientId,
    /// Where to.
    pub target: ClientStatus,
    /// Why, for the history.
    pub reason: Option<String>,
    /// Only if it still has this etag.
    pub etag: Option<String>,
}

impl Mutation for TransitionClient {
    type Output = Client;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<Client> {
        const TRANSITION: &str = told_update!("status = ?, updated_at = ?, version = version + 1");
        let held = hold(transaction, self.id, Sight::Live).await?;
        let Some((next, told)) = self.next(&held.client)? else {
            return Ok(held.client);
        };
        held.write(
            transaction,
            (TRANSITION, vec![Value::Text(next.as_str().into())]),
            told,
            |client| client.fields.status = next,
        )
    }

    fn shared(self: &Arc<Self>) -> Option<Shared<Client>> {
        let transition = self.clone();
        Some(Shared::change(self.id, move |client| {
            let next = transition.next(client)?;
            Ok(next.map(|(status, told)| {
                let fields = ClientFields {
                    status,
                    ..client.fields.clone()
                };
                (fields, told)
            }))
        }))
    }
}

impl TransitionClient {
    /// Where a client goes, and what is told of it; `None` where it is there.
    fn next(&self, client: &Client) -> Result<Option<(ClientStatus, Told)>> {
        client.etag.check(self.etag.as_deref())?;
        let current = client.fields.status;
        let next = current.transition(self.target)?;
        if next == current {
            return Ok(None);
        }
        let told = Told {
            kind: HistoryKind::Transitioned,
            reason: self.reason.clone(),
            changes: vec![FieldChange::status(current, next)],
        };
        Ok(Some((next, told)))
    }
}

/// Brings a deleted client back; a live one stays as it is.
///
/// Fails with `CLIENT_NOT_FOUND` or `CLIENT_EMAIL_TAKEN`.
pub struct UndeleteClient(pub ClientId);

impl Mutation for UndeleteClient {
    type Output = Client;

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<Client> {
        const UNDELETE: &str =
            told_update!("deleted_at = NULL, updated_at = ?, version = version + 1");
        let held = hold(transaction, self.0, Sight::Deleted).await?;
        if held.client.deleted_at.is_none() {
            return Ok(held.client);
        }
        let told = Told::of(HistoryKind::Undeleted, Vec::new());
        let client = held.write(transaction, (UNDELETE, Vec::new()), told, |client| {
            client.deleted_at = None;
        })?;
        // It may wait for who is about to take the e-mail.
        let (email, written) = tokio::join!(
            biased;
            check_email(transaction, &client),
            transaction.write_left(),
        );
        email?;
        written?;
        Ok(client)
    }
}

/// Removes a deleted client for good; the foreign key leaves its events
/// without a client.
///
/// Fails with `CLIENT_NOT_FOUND` or `CLIENT_NOT_DELETED`.
pub struct PurgeClient(pub ClientId);

impl Mutation for PurgeClient {
    type Output = ();

    #[allow(private_interfaces, reason = "run by Repository::perform only")]
    async fn run(&self, transaction: &Transaction) -> Result<()> {
        let row = lock(transaction, self.0, Sight::Deleted).await?;
        if row.deleted_at.is_none() {
            return Err(Error::ClientNotDeleted);
        }
        let linked = || {
            events::table
                .filter(events::organization_id.eq(row.organization_id))
                .filter(events::client_id.eq(row.id))
        };
        // Linking and unlinking write the client, which is held: none comes or goes between.
        let in_all: i64 = linked()
            .count()
            .get_result(&mut transaction.connection())
            .await?;
        let named: Vec<Uuid> = linked()
            .order(events::id)
            .limit(EVENTS_MOST)
            .select(events::id)
            .load(&mut transaction.connection())
            .await?;
        let at = diesel::delete(clients::table.find(row.id))
            .filter(clients::organization_id.eq(row.organization_id))
            .returning(sql::<Timestamptz>(
                "greatest(clock_timestamp(), updated_at)",
            ))
            .get_result(&mut transaction.connection())
            .await?;
        let mut changes: Vec<_> = named
            .into_iter()
            .map(|event| FieldChange::unlinked(EventId(event)))
            .collect();
        if in_all > EVENTS_MOST {
            changes.push(FieldChange::unlinked_in_all(in_all));
        }
        tell_purged(transaction, row.key(), (row.version + 1, at), &changes).await
    }
}
