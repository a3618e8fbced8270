//! One transaction behind both walls, in as few round trips as its statements
//! allow.
//!
//! Statements that are joined in one round trip are polled in order (`biased`):
//! PostgreSQL does them in that order, and after one that failed it refuses the
//! next with an error that explains nothing. (Not after BEGIN itself: what then
//! follows meets a login role that sees no row.)

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::result::{Error as DriverError, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::time::{Instant, timeout};

use super::pool::Held;
use super::scope::{Mode, Walled};
use super::share::Turn;
use super::statement::Statement;
use super::{Database, Scope, error};
use crate::error::{Error, Reason, Result};

/// Most time of one statement that reads, whatever the deadline leaves; one that writes has
/// all of that.
const STATEMENT: Duration = Duration::from_secs(10);
/// How long PostgreSQL may take to begin: it has nothing to do for it, so the
/// connection is dead, and its neighbours with it.
const BEGIN: Duration = Duration::from_secs(2);
/// How long COMMIT and ROLLBACK may take, beyond any deadline.
const END: Duration = Duration::from_secs(5);

/// A transaction that takes the role and settings of a [`Scope`].
///
/// Its statements are sent through `&mut transaction.connection()`. The manager
/// that diesel has for transactions is not told of it: BEGIN and COMMIT go with
/// other statements, which that cannot do. So this type alone answers for the
/// connection being handed on without a transaction: dropped before it is over,
/// as when a caller hangs up, its statement is cancelled and PostgreSQL rolls
/// back first ([`Database::abandon`]).
///
/// `W` is whose rows it sees: those of a [`Scope`], or of several callers.
pub(super) struct Transaction<W: Walled = Scope> {
    /// `None` once it is dropped.
    held: Option<Held>,
    /// COMMIT is on its way.
    ending: AtomicBool,
    /// PostgreSQL has answered COMMIT or ROLLBACK.
    over: AtomicBool,
    /// The connection is gone, whether or not it knows that yet.
    lost: AtomicBool,
    database: Database,
    walled: W,
    mode: Mode,
    deadline: Instant,
    /// Names the call in the history.
    call: String,
    /// What is to go with COMMIT.
    left: Mutex<Option<Left>>,
}

/// A write that is to go with COMMIT, and of how many rows it is.
type Left = (Statement<'static, ()>, usize);

impl Transaction {
    /// The same transaction on behalf of a call.
    pub(super) fn named(mut self, call: String) -> Self {
        self.call = call;
        self
    }

    /// What the caller calls the call.
    pub(super) fn call(&self) -> &str {
        &self.call
    }

    pub(super) fn scope(&self) -> Scope {
        self.walled
    }
}

impl<W: Walled> Transaction<W> {
    /// A transaction that is yet to be [opened](Self::open).
    pub(super) async fn new(
        database: &Database,
        walled: W,
        mode: Mode,
        deadline: Instant,
    ) -> Result<Self> {
        let turn = database.shares.turn(walled.whose(), mode).await?;
        Self::by(turn, database, walled, mode, deadline).await
    }

    /// The same of whoever has their turn already.
    pub(super) async fn by(
        turn: Turn,
        database: &Database,
        walled: W,
        mode: Mode,
        deadline: Instant,
    ) -> Result<Self> {
        Ok(Self {
            held: Some(database.connect(turn).await?),
            ending: AtomicBool::new(false),
            over: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            database: database.clone(),
            walled,
            mode,
            deadline,
            call: String::new(),
            left: Mutex::new(None),
        })
    }

    /// A transaction that has begun.
    pub(super) async fn begin(
        database: &Database,
        walled: W,
        mode: Mode,
        deadline: Instant,
    ) -> Result<Self> {
        let transaction = Self::new(database, walled, mode, deadline).await?;
        transaction.open().await?;
        Ok(transaction)
    }

    /// BEGIN with role and settings: before any other statement, or joined with
    /// the first ones as the first of them. Those must be prepared as well: they
    /// wait behind a statement that is being prepared, `batch_execute` does not.
    pub(super) async fn open(&self) -> Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let begin = Statement::plain(self.mode.begin());
        let enter = self.walled.wall(match self.mode {
            Mode::Snapshot => left.min(STATEMENT),
            Mode::Write => left,
        });
        // Prepared: parsed at each call they would take as long as a short answer.
        let (mut first, mut second) = (self.connection(), self.connection());
        let both = async {
            tokio::try_join!(biased; begin.execute(&mut first), enter.execute(&mut second))
        };
        match timeout(BEGIN, both).await {
            Ok(begun) => Ok(begun.map(drop)?),
            Err(silence) => {
                self.database.forget_connections();
                Err(Error::System {
                    reason: Reason::DatabaseUnavailable,
                    cause: silence.into(),
                })
            }
        }
    }

    /// Where its statements go, one after the other or several at once.
    pub(super) fn connection(&self) -> &AsyncPgConnection {
        &self.held.as_ref().expect(OPEN).connection
    }

    /// COMMIT when the work is done, ROLLBACK when it failed; the failure of
    /// the work outlives that of the rollback.
    pub(super) async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        match outcome {
            Ok(value) => {
                self.commit(std::future::ready(Ok(()))).await?;
                Ok(value)
            }
            Err(failure) => {
                self.rollback().await;
                Err(failure)
            }
        }
    }

    /// Leaves the write that the transaction is for, of so many rows, to
    /// [`commit`](Self::commit), which sends it in the same round trip. Nothing of the
    /// transaction sees it, so there can be one alone. What might wait for others does
    /// not belong there: COMMIT has no deadline ([`write_left`](Self::write_left)).
    pub(super) fn leave(&self, write: Statement<'static, ()>, rows: usize) {
        let left = self.left().replace((write, rows));
        assert!(left.is_none(), "a second write is left to COMMIT");
    }

    /// Carries out what was left, now.
    pub(super) async fn write_left(&self) -> QueryResult<()> {
        let left = self.left().take();
        let Some((write, rows)) = left else {
            return Ok(());
        };
        if write.execute(&mut self.connection()).await? == rows {
            Ok(())
        } else {
            // It cannot be, as the rows are held; and COMMIT may be on its way.
            Err(DriverError::NotFound)
        }
    }

    fn left(&self) -> MutexGuard<'_, Option<Left>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// COMMIT, in one round trip with what was [left](Self::leave) to it and the `last`
    /// statement; where PostgreSQL refuses either, it makes a ROLLBACK of it. Nothing of
    /// the transaction can be used afterwards.
    pub(super) async fn commit<T>(&self, last: impl Future<Output = QueryResult<T>>) -> Result<T> {
        self.end(last, END).await
    }

    /// All of a transaction that has one statement and reads, in one round trip.
    pub(super) async fn alone<T>(&self, only: impl Future<Output = QueryResult<T>>) -> Result<T> {
        let end = self.end(only, STATEMENT + END);
        let ((), answer) = tokio::try_join!(biased; self.open(), end)?;
        Ok(answer)
    }

    /// COMMIT with what goes before it in its round trip, which may take so long.
    async fn end<T>(
        &self,
        last: impl Future<Output = QueryResult<T>>,
        most: Duration,
    ) -> Result<T> {
        self.ending.store(true, Ordering::Relaxed);
        let last = async {
            let ((), value) = tokio::try_join!(biased; self.write_left(), last)?;
            Ok(value)
        };
        let mut connection = self.connection();
        // Prepared, so that it waits behind a statement that is being prepared.
        let commit = Statement::plain("COMMIT").execute(&mut connection);
        let both = async { tokio::join!(biased; last, commit) };
        let Ok((last, commit)) = timeout(most, both).await else {
            let cause = "COMMIT got no answer";
            return Err(match self.mode {
                Mode::Snapshot => Error::System {
                    reason: Reason::DatabaseUnavailable,
                    cause: cause.into(),
                },
                Mode::Write => error::unknown(cause),
            });
        };
        self.over.store(true, Ordering::Relaxed);
        let failed = |cause, told: fn(DriverError) -> Error| {
            if error::is_lost(&cause) {
                self.lost.store(true, Ordering::Relaxed);
            }
            match self.mode {
                Mode::Snapshot => Error::from(cause),
                Mode::Write => told(cause),
            }
        };
        let value = last.map_err(|cause| failed(cause, error::before_commit))?;
        commit.map_err(|cause| failed(cause, error::commit))?;
        if self.mode == Mode::Write {
            self.database.written.notify_one();
        }
        Ok(value)
    }

    /// Ends the transaction and leaves no trace of it.
    pub(super) async fn rollback(self) {
        let mut connection = self.connection();
        let done = timeout(END, connection.batch_execute("ROLLBACK")).await;
        let told = if matches!(done, Ok(Ok(()))) {
            &self.over
        } else {
            &self.lost
        };
        told.store(true, Ordering::Relaxed);
    }
}

impl<W: Walled> Drop for Transaction<W> {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        let is = |told: &AtomicBool| told.load(Ordering::Relaxed);
        // A COMMIT that is cancelled may be done on one server and not on the
        // other.
        let in_commit = self.mode == Mode::Write && is(&self.ending) && !is(&self.over);
        if is(&self.lost) || in_commit {
            held.discard();
        } else if is(&self.over) {
            drop(held);
        } else {
            self.database.abandon(held);
        }
    }
}

/// It has a connection until it is dropped.
const OPEN: &str = "an open transaction";
