//! Writes of many callers in one transaction.
//!
//! A write alone costs PostgreSQL several times what it takes among others: its
//! transaction, its statements, its way to the disk. So writes of one kind that wait
//! at the same time go together ([`gather`](super::gather)), whoever's they are: in a
//! role that sees the organizations of its callers and no other (migration 0019), each
//! row named by its organization and its id.
//!
//! Nobody is the worse for going with others. The transaction waits for nobody else: a
//! client that another write holds, a twin of the request, an assignee who is being
//! removed are passed over, and their calls go alone, as does whatever is not plain.
//! What the rules refuse is told to whom it concerns. And where the transaction fails as
//! a whole before its COMMIT, nothing of it is there, and each call goes alone.

mod change;
mod create;

use std::collections::HashSet;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

pub(super) use change::{Change, Next};
pub(super) use create::Creation;

use super::Database;
use super::gather::{Asked, Replies, SLOW, Together, late, shared};
use super::idempotency::{self, Idempotency};
use super::scope::{Callers, Mode};
use super::transaction::Transaction;
use crate::domain::client::Client;
use crate::domain::ids::{ClientId, OrganizationId, RequestId, UserId};
use crate::error::{Error, Result};

/// How long a transaction may take before its COMMIT.
const LIMIT: Duration = Duration::from_secs(2);

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
pub(super) enum Turn {
    /// It is done, and this is the client now.
    Done(Box<Client>),
    /// It is to go alone; others wait behind it until the pass is dropped, not for long.
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
    /// wait or would not find it. In their order.
    fn hold(
        transaction: &Transaction<Callers>,
        calls: &[&Call<Self>],
    ) -> impl Future<Output = Result<Vec<Option<Self::Held>>>> + Send;

    /// Writes, or leaves it to COMMIT. What is answered is the client by then; an error
    /// is for the call alone, which has written nothing. In their order.
    fn write(
        transaction: &Transaction<Callers>,
        calls: Vec<(&Call<Self>, Self::Held)>,
    ) -> impl Future<Output = Result<Vec<Result<Turn>>>> + Send;
}

/// Writes of one kind.
pub(super) struct Writes<P>(PhantomData<P>);

impl<P: Part> Together for Writes<P> {
    type Ask = Call<P>;
    type Answer = Turn;

    const MODE: Mode = Mode::Write;
    /// While one waits for the disk, the other has the processors.
    const ABREAST: usize = 2;
    const MOST: usize = 32;

    fn size(_: &Call<P>) -> usize {
        1
    }

    async fn serve(database: &Database, mut asked: Vec<Asked<Self>>) -> Replies<Turn> {
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
            if reply.send(Ok(Turn::Alone(Some(pass)))).is_ok() {
                let _ = timeout(SLOW, over).await;
            }
        }
        Vec::new()
    }
}

/// What each call has of it, in their order.
async fn together<P: Part>(database: &Database, calls: &[Call<P>]) -> Vec<Result<Turn>> {
    let mut turns: Vec<_> = calls.iter().map(|_| Ok(Turn::Alone(None))).collect();
    let places = different(calls);
    let of_them: Vec<_> = places.iter().map(|&place| &calls[place]).collect();
    match transact(database, &of_them).await {
        Ok(theirs) => {
            for (place, turn) in places.into_iter().zip(theirs) {
                turns[place] = turn;
            }
        }
        // Nothing of it is there. What was wrong, each will find out for itself.
        Err(error) => tracing::debug!(%error, calls = calls.len(), "writes go one by one"),
    }
    turns
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
async fn transact<P: Part>(database: &Database, calls: &[&Call<P>]) -> Result<Vec<Result<Turn>>> {
    let limit = Instant::now() + LIMIT;
    let callers = calls.iter().map(|call| (call.actor, call.organization));
    let callers = Callers(callers.collect());
    let transaction = Transaction::new(database, callers, Mode::Write, limit).await?;
    let turns = match timeout_at(limit, prepare(&transaction, calls)).await {
        Ok(Ok(turns)) => turns,
        Ok(Err(error)) => {
            transaction.rollback().await;
            return Err(error);
        }
        // Dropped in the middle: cancelled and rolled back.
        Err(_) => return Err(late("writes that went together took too long")),
    };
    let mut answers = Vec::new();
    for (call, turn) in calls.iter().zip(&turns) {
        if let (Some((key, keep)), Ok(Turn::Done(client))) = (&call.key, turn) {
            answers.push((call.actor, key, keep(client)));
        }
    }
    let is_done = |turn: &Result<Turn>| matches!(turn, Ok(Turn::Done(_)));
    if !turns.iter().any(is_done) {
        transaction.rollback().await;
        return Ok(turns);
    }
    match transaction
        .commit(idempotency::keep_all(&transaction, answers))
        .await
    {
        Ok(()) => Ok(turns),
        Err(Error::CommitOutcomeUnknown { retry_safe, cause }) => {
            let cause = shared(Error::CommitOutcomeUnknown { retry_safe, cause });
            let unknown = |turn: Result<Turn>| match turn {
                Ok(Turn::Done(_)) => Err(Error::CommitOutcomeUnknown {
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
) -> Result<Vec<Result<Turn>>> {
    let keys: Vec<_> = calls.iter().map(|call| call.request()).collect();
    let ((), free, held) = tokio::try_join!(
        biased;
        transaction.open(),
        idempotency::claim_free(transaction, &keys),
        P::hold(transaction, calls),
    )?;
    let mut turns: Vec<_> = calls.iter().map(|_| Ok(Turn::Alone(None))).collect();
    let (mut places, mut ready) = (Vec::new(), Vec::new());
    for (place, (call, held)) in calls.iter().zip(held).enumerate() {
        match held {
            _ if call.deadline <= Instant::now() => {
                turns[place] = Err(late("the deadline passed before its write"));
            }
            Some(held) if free[place] => {
                places.push(place);
                ready.push((*call, held));
            }
            _ => {}
        }
    }
    for (place, turn) in places.into_iter().zip(P::write(transaction, ready).await?) {
        turns[place] = turn;
    }
    Ok(turns)
}

impl<P> Call<P> {
    /// Whose request it is, and which.
    fn request(&self) -> Option<(UserId, RequestId)> {
        self.key.as_ref().map(|(key, _)| (self.actor, key.request))
    }
}
