//! Writes: each one transaction, retried on conflict, run to its end.

use std::future::Future;

use super::idempotency::{self, Idempotency};
use super::scope::Mode;
use super::transaction::Transaction;
use super::{Repository, Scope, counts};
use crate::error::{Error, Reason, Result};

/// How often a write is tried again that PostgreSQL gave up in favour of
/// another (errors.md: 40001, 40P01), or whose COMMIT got no answer.
const RETRIES: usize = 3;

/// What must be written together or not at all.
///
/// Run again from the start after a conflict, so it must leave nothing behind
/// but what it writes in the transaction.
#[allow(private_interfaces, reason = "run by Repository::perform only")]
pub trait Mutation: Send + Sync + 'static {
    /// What the caller gets to know.
    type Output: Send + 'static;

    /// Checks and writes within `transaction`.
    fn run(
        &self,
        transaction: &mut Transaction,
    ) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// How a write is to be carried out.
pub struct Options<T> {
    /// Check everything and roll back (AIP-163).
    pub validate_only: bool,
    /// Answer a repetition with the first answer, encoded by the function.
    pub idempotency: Option<(Idempotency, Encode<T>)>,
}

/// How an output is kept for a repetition.
pub type Encode<T> = Box<dyn Fn(&T) -> Vec<u8> + Send + Sync>;

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
            .writes
            .spawn(write)
            .await
            .map_err(Error::internal)?
    }

    async fn retry<M: Mutation>(
        &self,
        mutation: &M,
        options: &Options<M::Output>,
    ) -> Result<Answer<M::Output>> {
        // With a request id, a second try finds the answer of the first if that
        // one was committed after all.
        let repeatable = options.idempotency.is_some();
        for _ in 0..RETRIES {
            match self.attempt(mutation, options).await {
                Err(error) if error.reason() == Reason::TransactionConflict => {}
                Err(Error::CommitOutcomeUnknown { .. }) if repeatable => {}
                answer => return answer,
            }
            counts::RETRIES.add();
        }
        self.attempt(mutation, options)
            .await
            .map_err(|error| match error {
                Error::CommitOutcomeUnknown { cause, .. } => Error::CommitOutcomeUnknown {
                    retry_safe: repeatable,
                    cause,
                },
                error => error,
            })
    }

    async fn attempt<M: Mutation>(
        &self,
        mutation: &M,
        options: &Options<M::Output>,
    ) -> Result<Answer<M::Output>> {
        let call = match &options.idempotency {
            Some((key, _)) => key.request.to_string(),
            None => self.call.clone(),
        };
        let mut transaction = self.begin(Mode::Write).await?.named(call);
        let outcome = Self::work(&mut transaction, mutation, options).await;
        if options.validate_only {
            transaction.rollback().await;
            return outcome;
        }
        transaction.finish(outcome).await
    }

    async fn work<M: Mutation>(
        transaction: &mut Transaction,
        mutation: &M,
        options: &Options<M::Output>,
    ) -> Result<Answer<M::Output>> {
        let Some((key, encode)) = &options.idempotency else {
            return Ok(Answer::Fresh(mutation.run(transaction).await?));
        };
        if let Some(stored) = idempotency::claim(transaction, key).await? {
            return Ok(Answer::Stored(stored));
        }
        let output = mutation.run(transaction).await?;
        idempotency::keep(transaction, key, &encode(&output)).await?;
        Ok(Answer::Fresh(output))
    }

    pub(super) async fn begin(&self, mode: Mode) -> Result<Transaction> {
        Transaction::begin(&self.database, self.scope, mode).await
    }

    /// Whose rows this repository sees.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}
