//! One transaction behind both walls.
//!
//! Statements that are joined in one round trip are polled in order (`biased`):
//! after a first that failed, PostgreSQL refuses the second with an error that
//! explains nothing.

use std::ops::{Deref, DerefMut};

use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};

use super::scope::Mode;
use super::{Database, Scope, error};
use crate::error::Result;

/// A transaction that has taken the role and settings of a [`Scope`].
///
/// Dropped without [`finish`](Self::finish), as when a caller hangs up, its
/// connection is not handed out again and PostgreSQL rolls back.
pub(super) struct Transaction {
    connection: Object<AsyncPgConnection>,
    scope: Scope,
    mode: Mode,
    /// Names the call in the history.
    call: String,
}

impl Transaction {
    pub(super) async fn begin(database: &Database, scope: Scope, mode: Mode) -> Result<Self> {
        let mut connection = database.connection().await?;
        let sql = scope.begin_sql(mode);
        let begun = AnsiTransactionManager::begin_transaction_sql(&mut *connection, &sql).await;
        if let Err(cause) = begun {
            // It may have begun and failed at the role: such a connection is
            // in a transaction that its manager knows nothing of.
            drop(Object::take(connection));
            return Err(cause.into());
        }
        Ok(Self {
            connection,
            scope,
            mode,
            call: String::new(),
        })
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
        match outcome {
            Ok(value) => {
                let committed =
                    AnsiTransactionManager::commit_transaction(&mut *self.connection).await;
                committed.map_err(|cause| match self.mode {
                    Mode::Snapshot => cause.into(),
                    Mode::Write => error::commit(cause),
                })?;
                Ok(value)
            }
            Err(failure) => {
                self.rollback().await;
                Err(failure)
            }
        }
    }

    /// Ends the transaction and leaves no trace of it.
    pub(super) async fn rollback(mut self) {
        // A rollback that fails leaves its mark in the transaction manager, and
        // the pool drops the connection.
        let _ = AnsiTransactionManager::rollback_transaction(&mut *self.connection).await;
    }
}

impl Deref for Transaction {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.connection
    }
}
