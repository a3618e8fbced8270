//! Writes of many callers in one transaction.
//!
//! A write alone costs PostgreSQL several times what it takes among others: its
//! transaction, its statements, its way to the disk. So writes of one kind that wait
//! at the same time go together ([`gather`](super::gather)), whoever's they are: in a
//! role that sees the organizations of its callers and no other (migrations 0019 to 0026), each
//! row named by its organization and its id. Each has a seat of its organization's share
//! meanwhile ([`Shares::seat`](super::share::Shares::seat)).
//!
//! Whose write can be made now, goes now. A client that another write holds, a twin of
//! the request, an assignee who is being removed are passed over, and their calls go
//! alone, as does whatever is not plain. What the rules refuse is told to whom it
//! concerns. Where the transaction fails as a whole before its COMMIT, nothing of it is
//! there, and each call goes alone: after 50 ms, where one of them waits for another's
//! e-mail. Where there is no database to be had, each hears so.

mod change;
mod create;

use std::collections::HashSet;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

pub(super) use change::Change;
pub(super) use create::Creation;

use super::gather::{Asked, Replies, SLOW, Together, for_each, late};
use super::idempotency::{self, Idempotency};
use super::scope::{Callers, Mode};
use super::transaction::Transaction;
use super::{Database, counts};
use crate::domain::client::Client;
use crate::domain::ids::{ClientId, OrganizationId, RequestId, UserId};
use crate::error::{Error, Reason, Result};

/// How long a transaction may take before its COMMIT: longer than a connection that is
/// dead is waited for.
const LIMIT: Duration = Duration::from_secs(4);
/// Who has less time left when the writes are made goes alone, so that it cannot end
/// those of others.
const SPARE: Duration = Duration::from_millis(100);

/// One caller's write, to go with those of others.
pub(super) struct Call<P> {
    pub(super) organization: OrganizationId,
    pub(super) actor: UserId,
    /// What it is called in the history.
    pub(super) name: String,
    /// What a repetition is told by, and how its answer is kept.
    pub(super) key: Option<(Idempotency, Keep)>,
    pub(super) deadline: Instant,
    /// What it does.
    pub(super) part: P,
}

/// An answer as it is kept for a repetition.
pub(super) type Keep = Box<dyn Fn(&Client) -> Vec<u8> + Send + Sync>;

/// What a call has of it.
pub(super) enum Outcome {
    /// It is done, and this is the client now.
    Done(Box<Client>),
    /// It has done nothing, and is to go alone. While it holds a pass others wait behind
    /// it, not for long.
    Alone(Option<Pass>),
}

/// Held by a call that goes alone as nobody else waits.
pub(super) type Pass = oneshot::Sender<Infallible>;

/// A kind of writes that can go together.
pub(super) trait Part: Send + Sync + Sized + 'static {
    /// What a call has to have before it writes.
    type Held: Send;

    /// The client that it writes. Two calls for one do not go together.
    fn client(&self) -> ClientId;

    /// Holds for each call what its write is about, or nothing where it would have to
    /// wait or does not find what it needs. In their order.
    fn hold(
        transaction: &Transaction<Callers>,
        calls: &[&Call<Self>],
    ) -> impl Future<Output = Result<Vec<Option<Self::Held>>>> + Send;

    /// Writes, or leaves it to COMMIT. What is answered is the client by then; an error
    /// is for the call alone, which has written nothing. In their order.
    fn write(
        transaction: &Transaction<Callers>,
        calls: Vec<(&Call<Self>, Self::Held)>,
    ) -> impl Future<Output = Result<Vec<Result<Outcome>>>> + Send;
}

/// Writes of one kind.
pub(super) struct Writes<P>(PhantomData<P>);

impl<P: Part> Together for Writes<P> {
    type Ask = Call<P>;
    type Answer = Outcome;

    const MODE: Mode = Mode::Write;
    /// While one waits for the disk, the other has the processors.
    const ABREAST: usize = 2;
    const MOST: usize = 32;

    fn size(_: &Call<P>) -> usize {
        1
    }

    async fn serve(database: &Database, mut asked: Vec<Asked<Self>>) -> Replies<Outcome> {
        if asked.len() > 1 {
            let (calls, replies): (Vec<_>, Vec<_>) = asked
                .into_iter()
                .map(|asked| (asked.ask, asked.reply))
                .unzip();
            return replies
                .into_iter()
                .zip(together(database, &calls).await)
                .collect();
        }
        // There is nothing to share. Who comes meanwhile waits for it, or nobody would
        // ever find others waiting; but not while it waits for somebody itself.
        if let Some(Asked { reply, .. }) = asked.pop() {
            let (pass, over) = oneshot::channel::<Infallible>();
            if reply.send(Ok(Outcome::Alone(Some(pass)))).is_ok() {
                let _ = timeout(SLOW, over).await;
            }
        }
        Vec::new()
    }
}

/// What each call has of it, in their order.
async fn together<P: Part>(database: &Database, calls: &[Call<P>]) -> Vec<Result<Outcome>> {
    let mut turns: Vec<_> = calls.iter().map(|_| Ok(Outcome::Alone(None))).collect();
    let places = different(calls);
    let of_them: Vec<_> = places.iter().map(|&place| &calls[place]).collect();
    match transact(database, &of_them).await {
        Ok(theirs) => {
            for (place, turn) in places.into_iter().zip(theirs) {
                turns[place] = turn;
            }
        }
        Err(error) => turns = failed(calls, error),
    }
    turns
}

/// What each call has of a transaction of which nothing is there.
fn failed<P>(calls: &[Call<P>], error: Error) -> Vec<Result<Outcome>> {
    let reason = error.reason();
    match reason {
        Reason::DatabaseUnavailable | Reason::DatabaseReadOnly | Reason::ServerOverloaded => {
            let cause = for_each(error);
            let failed = |_| {
                let cause = cause();
                Err(Error::System { reason, cause })
            };
            return calls.iter().map(failed).collect();
        }
        Reason::Internal => {
            tracing::warn!(%error, calls = calls.len(), "writes that went together failed");
        }
        _ => tracing::debug!(%error, calls = calls.len(), "writes go one by one"),
    }
    counts::UNGROUPED.add();
    // What was wrong, each will find out for itself.
    calls.iter().map(|_| Ok(Outcome::Alone(None))).collect()
}

/// The places of calls that have nothing to do with each other: neither the client nor
/// the request id of one before.
fn different<P: Part>(calls: &[Call<P>]) -> Vec<usize> {
    let (mut clients, mut requests) = (HashSet::new(), HashSet::new());
    let is_new = |call: &Call<P>| {
        let repeats = call
            .request()
            .is_some_and(|request| !requests.insert(request));
        clients.insert(call.part.client()) && !repeats
    };
    let places = calls.iter().map(is_new).enumerate();
    places
        .filter_map(|(place, is_new)| is_new.then_some(place))
        .collect()
}

/// One transaction for all of them. An error is of all, and nothing was written.
async fn transact<P: Part>(
    database: &Database,
    calls: &[&Call<P>],
) -> Result<Vec<Result<Outcome>>> {
    let limit = Instant::now() + LIMIT;
    let callers = calls.iter().map(|call| (call.actor, call.organization));
    let callers = Callers(callers.collect());
    let begun = Transaction::new(database, callers, Mode::Write, limit);
    let transaction = timeout_at(limit, begun).await.map_err(|_| slow())??;
    let turns = match timeout_at(limit, prepare(&transaction, calls)).await {
        Ok(Ok(turns)) => turns,
        // Nobody there to answer a ROLLBACK, or a statement under way that it would wait
        // for: dropped, that is cancelled and rolled back, and the others go on meanwhile.
        Ok(Err(error))
            if [Reason::DatabaseUnavailable, Reason::DeadlineExceeded]
                .contains(&error.reason()) =>
        {
            return Err(error);
        }
        Ok(Err(error)) => {
            transaction.rollback().await;
            return Err(error);
        }
        // Dropped in the middle: cancelled and rolled back.
        Err(_) => return Err(slow()),
    };
    let mut answers = Vec::new();
    for (call, turn) in calls.iter().zip(&turns) {
        if let (Some((key, keep)), Ok(Outcome::Done(client))) = (&call.key, turn) {
            answers.push((call.actor, key, keep(client)));
        }
    }
    let is_done = |turn: &Result<Outcome>| matches!(turn, Ok(Outcome::Done(_)));
    if !turns.iter().any(is_done) {
        transaction.rollback().await;
        return Ok(turns);
    }
    match transaction
        .commit(idempotency::keep_all(&transaction, answers))
        .await
    {
        Ok(()) => {
            counts::GROUPED.add_all(turns.iter().filter(|turn| is_done(turn)).count());
            Ok(turns)
        }
        Err(Error::CommitOutcomeUnknown { retry_safe, cause }) => {
            let cause = for_each(Error::CommitOutcomeUnknown { retry_safe, cause });
            let unknown = |turn: Result<Outcome>| match turn {
                Ok(Outcome::Done(_)) => Err(Error::CommitOutcomeUnknown {
                    retry_safe,
                    cause: cause(),
                }),
                turn => turn,
            };
            Ok(turns.into_iter().map(unknown).collect())
        }
        Err(error) => Err(error),
    }
}

/// All that comes before COMMIT: what each call has of it, in their order.
async fn prepare<P: Part>(
    transaction: &Transaction<Callers>,
    calls: &[&Call<P>],
) -> Result<Vec<Result<Outcome>>> {
    let keys: Vec<_> = calls.iter().map(|call| call.request()).collect();
    let ((), free, held) = tokio::try_join!(
        biased;
        transaction.open(),
        idempotency::claim_free(transaction, &keys),
        P::hold(transaction, calls),
    )?;
    let mut turns: Vec<_> = calls.iter().map(|_| Ok(Outcome::Alone(None))).collect();
    let (mut places, mut ready) = (Vec::new(), Vec::new());
    let now = Instant::now();
    for (place, (call, held)) in calls.iter().zip(held).enumerate() {
        match held {
            Some(held) if free[place] && call.deadline >= now + SPARE => {
                places.push(place);
                ready.push((*call, held));
            }
            _ => {}
        }
    }
    // Nobody's write is made after their deadline, unless COMMIT is on its way.
    let Some(until) = ready.iter().map(|(call, _)| call.deadline).min() else {
        return Ok(turns);
    };
    let written = timeout_at(until, P::write(transaction, ready)).await;
    for (place, turn) in places.into_iter().zip(written.map_err(|_| slow())??) {
        // A repetition is refused only where the first has no answer: alone it asks again.
        turns[place] = match turn {
            Err(_) if calls[place].key.is_some() => Ok(Outcome::Alone(None)),
            turn => turn,
        };
    }
    Ok(turns)
}

fn slow() -> Error {
    late("writes that went together took too long")
}

impl<P> Call<P> {
    /// Whose request it is, and which.
    fn request(&self) -> Option<(UserId, RequestId)> {
        self.key.as_ref().map(|(key, _)| (self.actor, key.request))
    }
}
