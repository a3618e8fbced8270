//! Writes: each one transaction, retried on conflict, run to its end.

use std::future::{Future, ready};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::gather::{Gather, late};
use super::group::{Call, Change, Creation, Keep, Outcome, Part, Writes};
use super::history::Told;
use super::idempotency::{self, Idempotency};
use super::scope::Mode;
use super::share::{Seat, Turn};
use super::transaction::Transaction;
use super::{Repository, Scope, counts};
use crate::domain::client::{Client, ClientFields};
use crate::domain::ids::{ClientId, OrganizationId};
use crate::error::{Cause, Error, Reason, Result};

/// How often a write is tried again that PostgreSQL gave up in favour of
/// another (errors.md: 40001, 40P01).
const RETRIES: usize = 3;
/// How long the first pause between two tries is, on average; the next ones
/// are twice as long each, up to [`WAIT_MOST`].
const CONFLICT_WAIT: Duration = Duration::from_millis(10);
const WAIT_MOST: Duration = Duration::from_millis(500);
/// A caller is told that an outcome is unknown while it still listens.
const LOOKUP_MARGIN: Duration = Duration::from_millis(250);

/// What must be written together or not at all.
///
/// Run again from the start after a conflict, so it must leave nothing behind
/// but what it writes in the transaction.
#[allow(private_interfaces, reason = "run by Repository::perform only")]
pub trait Mutation: Send + Sync + 'static {
    /// What the caller gets to know.
    type Output: Send + 'static;

    /// Checks and writes within `transaction`.
    fn run(&self, transaction: &Transaction) -> impl Future<Output = Result<Self::Output>> + Send;

    /// The same write as a part of a transaction of several callers, where it can be one.
    fn shared(self: &Arc<Self>) -> Option<Shared<Self::Output>> {
        None
    }
}

/// A write that can go with those of others.
#[allow(private_interfaces, reason = "made and run by the repository")]
pub enum Shared<T> {
    /// It creates a client.
    Creation(Creation, Of<T>),
    /// It changes one.
    Change(Change, Of<T>),
}

impl Shared<Client> {
    /// A change of a client, by what becomes of it.
    pub(super) fn change(
        client: ClientId,
        next: impl Fn(&Client) -> Result<Option<(ClientFields, Told)>> + Send + Sync + 'static,
    ) -> Self {
        let next = Box::new(next);
        Self::Change(Change { client, next }, Of::CLIENT)
    }
}

/// How the output is had from the client that was written: it is that client.
pub struct Of<T> {
    owned: fn(Client) -> T,
    seen: fn(&Client) -> &T,
}

impl Of<Client> {
    pub(super) const CLIENT: Self = Self {
        owned: |client| client,
        seen: |client| client,
    };
}

/// How a write is to be carried out.
pub struct Options<T> {
    /// Check everything and roll back (AIP-163).
    pub validate_only: bool,
    /// Answer a repetition with the first answer, encoded by the function.
    pub idempotency: Option<(Idempotency, Encode<T>)>,
}

/// How an output is kept for a repetition.
pub type Encode<T> = Arc<dyn Fn(&T) -> Vec<u8> + Send + Sync>;

impl<T> Default for Options<T> {
    fn default() -> Self {
        Self {
            validate_only: false,
            idempotency: None,
        }
    }
}

/// What a write answers.
pub enum Answer<T> {
    /// It was carried out now.
    Fresh(T),
    /// It had been carried out before; this is what was answered then.
    Stored(Vec<u8>),
}

impl Repository {
    /// Carries out a write. It runs to its end even when the returned future
    /// is dropped, so that a caller who hangs up leaves no half-known outcome
    /// on a connection; [`Database::close`](super::Database::close) waits for it.
    pub async fn perform<M: Mutation>(
        &self,
        mutation: M,
        options: Options<M::Output>,
    ) -> Result<Answer<M::Output>> {
        let repository = self.clone();
        let mutation = Arc::new(mutation);
        let write = async move {
            let answer = repository.retry(&mutation, &options).await;
            if answer
                .as_ref()
                .is_err_and(|error| error.reason() == Reason::DatabaseReadOnly)
            {
                // The primary has moved: new connections will find it.
                repository.database.forget_connections();
            }
            answer
        };
        self.database
            .tasks
            .spawn(write)
            .await
            // What the panic says is withheld (`telemetry`): it may quote what a caller sent.
            .map_err(|_panic| Error::internal("the write panicked"))?
    }

    async fn retry<M: Mutation>(
        &self,
        mutation: &Arc<M>,
        options: &Options<M::Output>,
    ) -> Result<Answer<M::Output>> {
        // With a request id, a second try finds the answer of the first if that
        // one was committed after all; it is made until the deadline is near.
        let repeatable = options.idempotency.is_some();
        let mut lost: Option<Cause> = None;
        let mut wait = CONFLICT_WAIT;
        for attempt in 0.. {
            let tried = if attempt == 0 {
                self.begun(mutation, options).await
            } else {
                self.attempt(mutation.as_ref(), options, None).await
            };
            let error = match tried {
                Err(error) => error,
                answer => return answer,
            };
            let again = match error {
                Error::CommitOutcomeUnknown { cause, .. } => {
                    lost = Some(cause);
                    repeatable
                }
                error if lost.is_some() && passes(error.reason()) => true,
                error if error.reason() == Reason::TransactionConflict && attempt < RETRIES => true,
                error => return Err(error),
            };
            let pause = jittered(wait);
            if lost.is_some() && (!again || self.ends_within(pause + LOOKUP_MARGIN)) {
                break;
            }
            counts::RETRIES.add();
            sleep(pause).await;
            wait = (wait * 2).min(WAIT_MOST);
        }
        Err(Error::CommitOutcomeUnknown {
            retry_safe: repeatable,
            cause: lost.unwrap_or_else(|| "unanswered".into()),
        })
    }

    fn ends_within(&self, time: Duration) -> bool {
        Instant::now() + time >= self.deadline
    }

    /// The first attempt: with those of other callers where it can be, else alone.
    async fn begun<M: Mutation>(
        &self,
        mutation: &Arc<M>,
        options: &Options<M::Output>,
    ) -> Result<Answer<M::Output>> {
        let shared = mutation.shared().filter(|_| !options.validate_only);
        let database = &self.database;
        let (outcome, seat, of) = match shared.zip(self.scope.organization()) {
            Some((Shared::Creation(part, of), organization)) => {
                let call = self.call(organization, part, options, of.seen);
                let (outcome, seat) = self.together(&database.creations, call).await?;
                (outcome, seat, of)
            }
            Some((Shared::Change(part, of), organization)) => {
                let call = self.call(organization, part, options, of.seen);
                let (outcome, seat) = self.together(&database.changes, call).await?;
                (outcome, seat, of)
            }
            None => return self.attempt(mutation.as_ref(), options, None).await,
        };
        match outcome {
            Outcome::Done(client) => Ok(Answer::Fresh((of.owned)(*client))),
            Outcome::Alone(_pass) => {
                let turn = self.in_time(database.shares.trade(seat)).await?;
                self.attempt(mutation.as_ref(), options, Some(turn)).await
            }
        }
    }

    /// What a call has of going with those of others, and the seat that it had.
    async fn together<P: Part>(
        &self,
        gather: &Gather<Writes<P>>,
        call: Call<P>,
    ) -> Result<(Outcome, Seat)> {
        let tenant = Some(call.organization);
        let seat = self.in_time(self.database.shares.seat(tenant)).await?;
        let outcome = gather.get(&self.database, tenant, call, self.deadline);
        Ok((outcome.await?, seat))
    }

    /// What comes before the deadline, or `DEADLINE_EXCEEDED`.
    async fn in_time<T>(&self, turn: impl Future<Output = Result<T>>) -> Result<T> {
        let turn = timeout_at(self.deadline, turn).await;
        turn.map_err(|_| late("the deadline passed before its turn"))?
    }

    fn call<P, T: 'static>(
        &self,
        organization: OrganizationId,
        part: P,
        options: &Options<T>,
        seen: fn(&Client) -> &T,
    ) -> Call<P> {
        let key = options.idempotency.as_ref().map(|(key, encode)| {
            let encode = encode.clone();
            let keep: Keep = Box::new(move |client| encode(seen(client)));
            (key.clone(), keep)
        });
        Call {
            organization,
            actor: self.scope.actor(),
            name: self.name(options),
            key,
            deadline: self.deadline,
            part,
        }
    }

    /// What a write is called in the history.
    fn name<T>(&self, options: &Options<T>) -> String {
        match &options.idempotency {
            Some((key, _)) => key.request.to_string(),
            None => self.call.clone(),
        }
    }

    async fn attempt<M: Mutation>(
        &self,
        mutation: &M,
        options: &Options<M::Output>,
        turn: Option<Turn>,
    ) -> Result<Answer<M::Output>> {
        let transaction = match turn {
            Some(turn) => {
                let (database, scope, mode) = (&self.database, self.scope, Mode::Write);
                Transaction::by(turn, database, scope, mode, self.deadline).await?
            }
            None => self.transaction(Mode::Write).await?,
        };
        let transaction = transaction.named(self.name(options));
        let work = Self::work(&transaction, mutation, options);
        let Ok(outcome) = timeout_at(self.deadline, work).await else {
            // Dropped in the middle: cancelled and rolled back.
            drop(transaction);
            return Err(Error::System {
                reason: Reason::DeadlineExceeded,
                cause: "the deadline passed before COMMIT".into(),
            });
        };
        let output = match outcome {
            Ok(Answer::Fresh(output)) if !options.validate_only => output,
            // What was done for a request that has its answer is not to be.
            outcome => {
                transaction.rollback().await;
                return outcome;
            }
        };
        match &options.idempotency {
            Some((key, encode)) => {
                let answer = encode(&output);
                let keep = idempotency::keep(&transaction, key, &answer);
                transaction.commit(keep).await?;
            }
            None => transaction.commit(ready(Ok(()))).await?,
        }
        Ok(Answer::Fresh(output))
    }

    /// Opens the transaction, claims the request id and runs the mutation. Their
    /// first statements go in one round trip, so the mutation may have done its
    /// work for a request that has its answer already.
    async fn work<M: Mutation>(
        transaction: &Transaction,
        mutation: &M,
        options: &Options<M::Output>,
    ) -> Result<Answer<M::Output>> {
        let admitted = async {
            let claim = async {
                match &options.idempotency {
                    Some((key, _)) => idempotency::claim(transaction, key).await,
                    None => Ok(None),
                }
            };
            let ((), stored) = tokio::try_join!(biased; transaction.open(), claim)?;
            Ok::<_, Error>(stored)
        };
        let run = mutation.run(transaction);
        tokio::pin!(admitted, run);
        let mut early = None;
        let stored = loop {
            tokio::select! {
                biased;
                stored = &mut admitted => break stored?,
                output = &mut run, if early.is_none() => early = Some(output),
            }
        };
        if let Some(stored) = stored {
            return Ok(Answer::Stored(stored));
        }
        let output = match early {
            Some(output) => output,
            None => run.await,
        };
        let output = match (output, &options.idempotency) {
            (Err(refused), Some((key, _))) if refused.is_refusal() => {
                // A twin that took no lock, as of an earlier version, may have been waited
                // for: what it has done is not to be held against its repetition.
                // (Where PostgreSQL has refused it, it answers nothing more.)
                return match idempotency::look(transaction, key).await {
                    Ok(Some(answer)) => Ok(Answer::Stored(answer)),
                    _ => Err(refused),
                };
            }
            (output, _) => output?,
        };
        if options.validate_only {
            // There will be no COMMIT to do it.
            transaction.write_left().await?;
        }
        Ok(Answer::Fresh(output))
    }

    /// A transaction within this repository's scope and deadline.
    pub(super) async fn begin(&self, mode: Mode) -> Result<Transaction> {
        Transaction::begin(&self.database, self.scope, mode, self.deadline).await
    }

    /// The same, yet to be opened.
    pub(super) async fn transaction(&self, mode: Mode) -> Result<Transaction> {
        Transaction::new(&self.database, self.scope, mode, self.deadline).await
    }

    /// Whose rows this repository sees.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

/// Whether the database may answer a moment later.
fn passes(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::DatabaseUnavailable
            | Reason::DatabaseReadOnly
            | Reason::ServerOverloaded
            | Reason::TransactionConflict
            | Reason::LockTimeout
    )
}

/// Half of `pause` to one and a half: rivals should not meet again.
fn jittered(pause: Duration) -> Duration {
    let dice = RandomState::new().hash_one(()) >> 32;
    #[allow(clippy::cast_precision_loss, reason = "32 bits fit")]
    let share = dice as f64 / f64::from(u32::MAX);
    pause.mul_f64(0.5 + share)
}
