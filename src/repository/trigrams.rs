//! The trigrams of what is written, and when they are sorted into the index of searches
//! (migration 0029).

use std::convert::Infallible;
use std::time::Duration;

use diesel::declare_sql_function;
use diesel_async::RunQueryDsl;
use tokio::time::{sleep, timeout};

use super::Database;
use super::scope::Mode;
use crate::error::{Reason, Result};

/// How long what is written waits for more, to be sorted in together.
const TOGETHER: Duration = Duration::from_millis(250);
/// How often it is looked for what nobody has told of: an older service's writes, or what
/// was left when this could not be done.
const UNTOLD: Duration = Duration::from_secs(30);
/// How long one connection is used for it; what is done by then is done.
const MOST: Duration = Duration::from_secs(2);

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
            let _ = timeout(UNTOLD, self.written.notified()).await;
            sleep(TOGETHER).await;
            let Err(error) = self.sort_in().await else {
                continue;
            };
            match error.reason() {
                // The connections are in use, somebody else is at it, or there is much:
                // soon again.
                Reason::ServerOverloaded | Reason::LockTimeout | Reason::DeadlineExceeded => {
                    self.written.notify_one();
                }
                _ => {
                    tracing::warn!(reason = %error, "what is new could not be sorted in for searches");
                    sleep(UNTOLD).await;
                }
            }
        }
    }

    async fn sort_in(&self) -> Result<()> {
        // For PostgreSQL it writes nothing, which could be seen or undone.
        let transaction = self.errand_within(Mode::Snapshot, MOST).await?;
        let outcome = diesel::select(sort_in_trigrams())
            .execute(&mut transaction.connection())
            .await;
        transaction
            .finish(outcome.map(drop).map_err(Into::into))
            .await
    }
}
