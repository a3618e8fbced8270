//! The trigrams of what is written, and when they are sorted into the index of searches
//! (migration 0029).

use std::convert::Infallible;
use std::time::Duration;

use diesel::declare_sql_function;

use diesel_async::RunQueryDsl;
use tokio::time::sleep;

use super::Database;
use super::scope::Mode;
use crate::error::{Reason, Result};

/// How long what is written waits for more, to be sorted in together.
const TOGETHER: Duration = Duration::from_millis(250);
/// How long after a failure it is tried again, where something is written meanwhile.
const FAILED: Duration = Duration::from_secs(5);

#[declare_sql_function]
extern "SQL" {
    /// Sorts in what waits.
    fn sort_in_trigrams() -> BigInt;
}

impl Database {
    /// Sorts the trigrams of what is written into the index, soon after it is. Whoever
    /// writes would do it else, now and then, and keep all waiting who write with them;
    /// and every search reads what is not sorted in yet.
    pub async fn keep_sorted(&self) -> Infallible {
        loop {
            self.written.notified().await;
            sleep(TOGETHER).await;
            match self.sort_in().await {
                Ok(()) => {}
                // Calls go first, and writers help where the list grows long.
                Err(error) if error.reason() == Reason::ServerOverloaded => {
                    self.written.notify_one();
                }
                Err(error) => {
                    tracing::warn!(reason = %error, "what is new could not be sorted in for searches");
                    sleep(FAILED).await;
                }
            }
        }
    }

    async fn sort_in(&self) -> Result<()> {
        // For PostgreSQL it writes nothing, which could be seen or undone.
        let transaction = self.errand(Mode::Snapshot).await?;
        let outcome = diesel::select(sort_in_trigrams())
            .execute(&mut transaction.connection())
            .await;
        transaction
            .finish(outcome.map(drop).map_err(Into::into))
            .await
    }
}
