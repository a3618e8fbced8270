//! Calls that may be repeated safely (AIP-155; api.md, decision 9).
//!
//! The answer to a call with a request id is written in the transaction of the
//! call: either both are there or neither. A twin that comes meanwhile waits
//! for the first at the unique key and then gets its answer.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, Binary, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::idempotent_requests as requests;
use super::statement::{Statement, Value};
use super::transaction::Transaction;
use crate::domain::ids::RequestId;
use crate::error::{Error, Problem, Result};

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

/// A row that is there is written as it is, so that the one statement answers it:
/// another would come behind those that were sent along with this one.
const CLAIM: &str = "INSERT INTO idempotent_requests (actor_id, request_id, fingerprint) \
    VALUES (?, ?, ?) ON CONFLICT (actor_id, request_id) \
    DO UPDATE SET fingerprint = idempotent_requests.fingerprint \
    RETURNING fingerprint, answer";

/// Takes the request id for this transaction, or hands out the answer that it
/// has already got. Fails with `REQUEST_ID_REUSED` when that was another call.
pub(super) async fn claim(transaction: &Transaction, key: &Idempotency) -> Result<Option<Vec<u8>>> {
    let claim: Statement<'_, (Binary, Nullable<Binary>)> = Statement::new(
        CLAIM,
        vec![
            Value::Uuid(transaction.scope().actor().0),
            Value::Uuid(key.request.0),
            Value::Bytes(key.fingerprint.as_slice().into()),
        ],
    );
    let (fingerprint, answer): (Vec<u8>, Option<Vec<u8>>) =
        claim.get_result(&mut transaction.connection()).await?;
    if fingerprint != key.fingerprint {
        return Err(Error::rule("request_id", Problem::RequestIdReused));
    }
    // A row without an answer is the one that this transaction has made.
    Ok(answer)
}

/// Prepared once, unlike an update of diesel's, which is prepared at each call.
const KEEP: &str =
    "UPDATE idempotent_requests SET answer = ? WHERE actor_id = ? AND request_id = ?";

/// Keeps the answer of a claimed request id.
pub(super) async fn keep(
    transaction: &Transaction,
    key: &Idempotency,
    answer: &[u8],
) -> QueryResult<()> {
    let keep: Statement<'_, ()> = Statement::new(
        KEEP,
        vec![
            Value::Bytes(answer.into()),
            Value::Uuid(transaction.scope().actor().0),
            Value::Uuid(key.request.0),
        ],
    );
    keep.execute(&mut transaction.connection()).await?;
    Ok(())
}

/// Forgets at most [`FORGOTTEN_AT_ONCE`] answers older than two days.
pub(super) async fn forget_old(transaction: &Transaction) -> Result<usize> {
    let old = requests::table
        .filter(requests::created_at.lt(sql::<Timestamptz>("now() - interval '2 days'")))
        .select((requests::actor_id, requests::request_id))
        .limit(FORGOTTEN_AT_ONCE)
        .load::<(Uuid, Uuid)>(&mut transaction.connection())
        .await?;
    let (actors, ids): (Vec<_>, Vec<_>) = old.into_iter().unzip();
    Ok(diesel::sql_query(
        "DELETE FROM idempotent_requests WHERE (actor_id, request_id) IN (SELECT * FROM unnest($1, $2))",
    )
    .bind::<Array<SqlUuid>, _>(actors)
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(&mut transaction.connection())
    .await?)
}
