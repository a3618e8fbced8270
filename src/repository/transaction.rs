//! One transaction behind both walls.
//!
//! Statements that are joined in one round trip are polled in order (`biased`):
//! after a first that failed, PostgreSQL refuses the second with an error that
//! explains nothing.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};
use tokio::time::{Instant, timeout};

use super::pool::Held;
use super::scope::Mode;
use super::{Database, Scope, error};
use crate::error::{Error, Reason, Result};

/// Most time of one statement, whatever the deadline leaves.
const STATEMENT: Duration = Duration::from_secs(10);
/// How long PostgreSQL may take to begin: it has nothing to do for it, so the
/// connection is dead, and its neighbours with it.
const BEGIN: Duration = Duration::from_secs(2);
/// How long COMMIT and ROLLBACK may take, beyond any deadline.
const END: Duration = Duration::from_secs(5);

/// A transaction that has taken the role and settings of a [`Scope`].
///
/// Dropped without [`finish`](Self::finish), as when a caller hangs up, its
/// statement is cancelled and PostgreSQL rolls back before the connection is
/// handed out again ([`Database::abandon`]).
pub(super) struct Transaction {
    /// `None` once it has ended.
    held: Option<Held>,
    /// Whether COMMIT or ROLLBACK is on its way: dropped then, its manager
    /// trusts the connection no more.
    ending: bool,
    database: Database,
    scope: Scope,
    mode: Mode,
    /// Names the call in the history.
    call: String,
}

impl Transaction {
    pub(super) async fn begin(
        database: &Database,
        scope: Scope,
        mode: Mode,
        deadline: Instant,
    ) -> Result<Self> {
        let mut held = database.hold(scope.organization(), mode).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        let sql = scope.begin_sql(mode, left.min(STATEMENT));
        let begin = AnsiTransactionManager::begin_transaction_sql(&mut *held.connection, &sql);
        let failure = match timeout(BEGIN, begin).await {
            Ok(Ok(())) => {
                return Ok(Self {
                    held: Some(held),
                    ending: false,
                    database: database.clone(),
                    scope,
                    mode,
                    call: String::new(),
                });
            }
            Ok(Err(cause)) => cause.into(),
            Err(silence) => {
                database.forget_connections();
                Error::System {
                    reason: Reason::DatabaseUnavailable,
                    cause: silence.into(),
                }
            }
        };
        // It may have begun and failed at the role: such a connection is in a
        // transaction that its manager knows nothing of.
        held.discard();
        Err(failure)
    }

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
        self.scope
    }

    /// COMMIT when the work is done, ROLLBACK when it failed; the failure of
    /// the work outlives that of the rollback.
    pub(super) async fn finish<T>(mut self, outcome: Result<T>) -> Result<T> {
        let value = match outcome {
            Ok(value) => value,
            Err(failure) => {
                self.rollback().await;
                return Err(failure);
            }
        };
        self.ending = true;
        let commit = AnsiTransactionManager::commit_transaction(&mut *self);
        match timeout(END, commit).await {
            Ok(Ok(())) => {
                self.held = None;
                Ok(value)
            }
            Ok(Err(cause)) => {
                // What is broken the pool finds out.
                self.held = None;
                Err(match self.mode {
                    Mode::Snapshot => cause.into(),
                    Mode::Write => error::commit(cause),
                })
            }
            Err(silence) => {
                self.discard();
                Err(Error::CommitOutcomeUnknown {
                    retry_safe: false,
                    cause: silence.into(),
                })
            }
        }
    }

    /// Ends the transaction and leaves no trace of it.
    pub(super) async fn rollback(mut self) {
        self.ending = true;
        let rollback = AnsiTransactionManager::rollback_transaction(&mut *self);
        match timeout(END, rollback).await {
            // A rollback that fails leaves its mark in the transaction manager,
            // and the pool drops the connection.
            Ok(_) => self.held = None,
            Err(_) => self.discard(),
        }
    }

    fn discard(&mut self) {
        if let Some(held) = self.held.take() {
            held.discard();
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        match self.held.take() {
            Some(held) if self.ending => held.discard(),
            Some(held) => self.database.abandon(held),
            None => {}
        }
    }
}

/// It has a connection until it ends, and whoever ends it has it no more.
const OPEN: &str = "an open transaction";

impl Deref for Transaction {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.held.as_ref().expect(OPEN).connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.held.as_mut().expect(OPEN).connection
    }
}
