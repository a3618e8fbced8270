//! Calls that may be repeated safely (AIP-155; api.md, decision 9).
//!
//! The answer to a call with a request id is written in the transaction of the
//! call: either both are there or neither. A twin that comes meanwhile waits
//! for the first at an advisory lock and then gets its answer. The unique key is for
//! who does not take that lock, as the version before: of two such writes one fails,
//! and is tried again; and one that is refused looks once more whether it has an answer.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::rows::place;
use super::schema::idempotent_requests as requests;
use super::scope::Callers;
use super::statement::{Statement, Value};
use super::transaction::Transaction;
use crate::domain::ids::{RequestId, UserId};
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

/// Keeps a twin waiting until this transaction ends. Prepared once, as all of these.
const LOCK: &str = "SELECT FROM pg_advisory_xact_lock(?)";
/// A statement of its own, which sees what was there once the lock was had.
const LOOK: &str =
    "SELECT fingerprint, answer FROM idempotent_requests WHERE actor_id = ? AND request_id = ?";
const KEEP: &str = "INSERT INTO idempotent_requests (actor_id, request_id, fingerprint, answer) \
    VALUES (?, ?, ?, ?)";

/// The number that stands for a request id of an actor among PostgreSQL's advisory
/// locks. Where two have the same, one waits for the other for nothing.
fn lock_of(actor: UserId, request: RequestId) -> i64 {
    let digest = Sha256::new()
        .chain_update(actor.0.as_bytes())
        .chain_update(request.0.as_bytes())
        .finalize();
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(number)
}

/// Takes the request id for this transaction, or hands out the answer that it
/// has already got. Fails with `REQUEST_ID_REUSED` when that was another call.
pub(super) async fn claim(transaction: &Transaction, key: &Idempotency) -> Result<Option<Vec<u8>>> {
    let number = lock_of(transaction.scope().actor(), key.request);
    let lock: Statement<'_, ()> = Statement::new(LOCK, vec![Value::BigInt(number)]);
    let mut connection = transaction.connection();
    let lock = async { Ok(lock.execute(&mut connection).await?) };
    let (_, answer) = tokio::try_join!(biased; lock, look(transaction, key))?;
    Ok(answer)
}

/// The answer that a request id has got by now. Fails as [`claim`] does.
pub(super) async fn look(transaction: &Transaction, key: &Idempotency) -> Result<Option<Vec<u8>>> {
    let actor = transaction.scope().actor();
    let look: Statement<'_, (Binary, Nullable<Binary>)> =
        Statement::new(LOOK, vec![Value::Uuid(actor.0), Value::Uuid(key.request.0)]);
    let kept: Option<Kept> = look
        .get_result(&mut transaction.connection())
        .await
        .optional()?;
    match kept {
        Some((fingerprint, _)) if fingerprint != key.fingerprint => {
            Err(Error::rule("request_id", Problem::RequestIdReused))
        }
        // Whoever writes the row writes its answer in the same transaction.
        Some((_, None)) => Err(Error::internal("a request was kept without its answer")),
        Some((_, answer)) => Ok(answer),
        None => Ok(None),
    }
}

/// Fingerprint and answer.
type Kept = (Vec<u8>, Option<Vec<u8>>);

/// Keeps the answer of a claimed request id.
pub(super) async fn keep(
    transaction: &Transaction,
    key: &Idempotency,
    answer: &[u8],
) -> QueryResult<()> {
    let keep: Statement<'_, ()> = Statement::new(
        KEEP,
        vec![
            Value::Uuid(transaction.scope().actor().0),
            Value::Uuid(key.request.0),
            Value::Bytes(key.fingerprint.as_slice().into()),
            Value::Bytes(answer.into()),
        ],
    );
    keep.execute(&mut transaction.connection()).await?;
    Ok(())
}

/// Takes those of several callers' request ids that are free and have no answer, and
/// tells for each call whether it may go on; one without a request id may. It waits for
/// none of them.
///
/// A twin that ends while this looks may not be seen. Then the unique key refuses the
/// answer of the second, and with it all that was to be written.
pub(super) async fn claim_free(
    transaction: &Transaction<Callers>,
    keys: &[Option<(UserId, RequestId)>],
) -> Result<Vec<bool>> {
    const CLAIM: &str = "SELECT place \
        FROM unnest(?, ?, ?) WITH ORDINALITY AS asked (lock, actor_id, request_id, place) \
        LEFT JOIN idempotent_requests AS kept USING (actor_id, request_id) \
        WHERE kept.request_id IS NULL AND pg_try_advisory_xact_lock(lock)";
    let mut free: Vec<_> = keys.iter().map(Option::is_none).collect();
    if !free.contains(&false) {
        return Ok(free);
    }
    let locks = keys
        .iter()
        .map(|key| key.map(|(actor, request)| lock_of(actor, request)));
    let actors = keys.iter().map(|key| key.map(|(actor, _)| actor.0));
    let requests = keys.iter().map(|key| key.map(|(_, request)| request.0));
    let claim = Statement::<BigInt>::new(
        CLAIM,
        vec![
            Value::BigInts(locks.collect()),
            Value::MaybeUuids(actors.collect()),
            Value::MaybeUuids(requests.collect()),
        ],
    );
    let claimed = claim.load::<i64>(&mut transaction.connection()).await?;
    for number in claimed {
        free[place(number)?] = true;
    }
    Ok(free)
}

/// Keeps the answers of request ids that were claimed for several callers.
pub(super) async fn keep_all(
    transaction: &Transaction<Callers>,
    answers: Vec<(UserId, &Idempotency, Vec<u8>)>,
) -> QueryResult<()> {
    const KEEP: &str = "INSERT INTO idempotent_requests (actor_id, request_id, fingerprint, answer) \
        SELECT actor_id, request_id, fingerprint, answer \
        FROM unnest(?, ?, ?, ?) AS kept (actor_id, request_id, fingerprint, answer)";
    if answers.is_empty() {
        return Ok(());
    }
    let rows = answers.into_iter().map(|(actor, key, answer)| {
        vec![
            Value::Uuid(actor.0),
            Value::Uuid(key.request.0),
            Value::Bytes(key.fingerprint.as_slice().into()),
            Value::Bytes(answer.into()),
        ]
    });
    let keep: Statement<'_, ()> = Statement::new(KEEP, Value::columns(rows.collect()));
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
