//! Calls that may be repeated safely (AIP-155; api.md, decision 9).
//!
//! The answer to a call with a request id is written in the transaction of the
//! call: either both are there or neither. A twin that comes meanwhile waits
//! for the first at the unique key and then gets its answer.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::idempotent_requests as requests;
use super::transaction::Transaction;
use crate::domain::ids::RequestId;
use crate::error::{Error, Problem, Reason, Result};

/// Answers forgotten in one transaction, well within its time.
pub(super) const FORGOTTEN_AT_ONCE: i64 = 10_000;

/// A request id and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Given by the caller.
    pub request: RequestId,
    /// SHA-256 of method, organization and body.
    pub fingerprint: [u8; 32],
}

/// Takes the request id for this transaction, or hands out the answer that it
/// has already got. Fails with `REQUEST_ID_REUSED` when that was another call.
pub(super) async fn claim(
    transaction: &mut Transaction,
    key: &Idempotency,
) -> Result<Option<Vec<u8>>> {
    let actor = transaction.scope().actor().0;
    let claimed = diesel::insert_into(requests::table)
        .values((
            requests::actor_id.eq(actor),
            requests::request_id.eq(key.request.0),
            requests::fingerprint.eq(key.fingerprint.as_slice()),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **transaction)
        .await?;
    if claimed == 1 {
        return Ok(None);
    }
    let found: Option<(Vec<u8>, Option<Vec<u8>>)> = requests::table
        .find((actor, key.request.0))
        .select((requests::fingerprint, requests::answer))
        .first(&mut **transaction)
        .await
        .optional()?;
    // Forgotten since: this call is a first one then.
    let (fingerprint, answer) = found.ok_or_else(|| Error::System {
        reason: Reason::TransactionConflict,
        cause: "the request id was forgotten meanwhile".into(),
    })?;
    if fingerprint != key.fingerprint {
        return Err(Error::rule("request_id", Problem::RequestIdReused));
    }
    answer
        .map(Some)
        .ok_or_else(|| Error::internal("a committed request without an answer"))
}

/// Keeps the answer of a claimed request id.
pub(super) async fn keep(
    transaction: &mut Transaction,
    key: &Idempotency,
    answer: &[u8],
) -> Result<()> {
    let actor = transaction.scope().actor().0;
    diesel::update(requests::table.find((actor, key.request.0)))
        .set(requests::answer.eq(answer))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Forgets at most [`FORGOTTEN_AT_ONCE`] answers older than two days.
pub(super) async fn forget_old(transaction: &mut Transaction) -> Result<usize> {
    let old = requests::table
        .filter(requests::created_at.lt(sql::<Timestamptz>("now() - interval '2 days'")))
        .select((requests::actor_id, requests::request_id))
        .limit(FORGOTTEN_AT_ONCE)
        .load::<(Uuid, Uuid)>(&mut **transaction)
        .await?;
    let (actors, ids): (Vec<_>, Vec<_>) = old.into_iter().unzip();
    Ok(diesel::sql_query(
        "DELETE FROM idempotent_requests WHERE (actor_id, request_id) IN (SELECT * FROM unnest($1, $2))",
    )
    .bind::<Array<SqlUuid>, _>(actors)
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(&mut **transaction)
    .await?)
}
