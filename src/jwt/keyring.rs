//! The keys that are held: loaded, kept fresh, and asked for when unknown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use super::clock::Clock;
use super::keys::{Keys, PublicKey};
use super::source::Source;
use crate::error::{Cause, Error, Result, causes};

/// How long a key server is waited for at the start.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long between two tries at the start.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Least time between two loads when all is well; with [`JITTER`] five minutes.
const REFRESH: Duration = Duration::from_secs(270);
/// Most that a load comes later, so that instances do not load together.
const JITTER: Duration = Duration::from_secs(30);
/// How long after a load that failed the next one follows.
const RETRY: Duration = Duration::from_secs(30);
/// Most time of one load.
const LOAD_MOST: Duration = Duration::from_secs(5);
/// Least time between two loads for keys that are unknown: whoever makes up a
/// `kid` shall not make this service a load on the key server.
const UNKNOWN_EACH: Duration = Duration::from_mins(1);
/// How long keys outlive the outage of their server.
const OUTLIVE: Duration = Duration::from_hours(24);

struct Held {
    keys: Keys,
    /// When the load that brought them began.
    since: Instant,
}

/// The keys of a source.
pub(super) struct Keyring {
    source: Source,
    clock: Clock,
    held: watch::Sender<Held>,
    /// Held while keys are loaded, so that one load serves all who wait; when
    /// the last one began that was for an unknown key.
    loading: Arc<Mutex<Option<Instant>>>,
}

impl Keyring {
    pub(super) async fn open(source: Source, clock: Clock) -> Result<Self, Cause> {
        let until = clock.instant() + PATIENCE;
        let held = loop {
            let error = match load(&source, &clock).await {
                Ok(held) => break held,
                Err(error) => error,
            };
            let next = clock.instant() + TRY_AGAIN;
            if matches!(source, Source::File(_)) || next > until {
                let cause = causes(error.as_ref());
                return Err(format!("no keys from {source}: {cause}").into());
            }
            clock.sleep_until(next).await;
        };
        Ok(Self {
            source,
            clock,
            held: watch::Sender::new(held),
            loading: Arc::default(),
        })
    }

    /// The key of a `kid`. One that is unknown is looked for at the source,
    /// once a minute at most; a caller waits for that. `INTERNAL` when the
    /// keys are too old to tell.
    pub(super) async fn key(self: &Arc<Self>, kid: &str) -> Result<Option<Arc<PublicKey>>> {
        if let found @ (Ok(Some(_)) | Err(_)) = self.held(kid) {
            return found;
        }
        let mut asked = Arc::clone(&self.loading).lock_owned().await;
        let now = self.clock.instant();
        let is_time = asked.is_none_or(|last| now.saturating_duration_since(last) >= UNKNOWN_EACH);
        if self.held(kid)?.is_none() && is_time {
            *asked = Some(now);
            // A task of its own: a caller who hangs up must not use up the
            // minute and leave nothing.
            let keyring = Arc::clone(self);
            let load = tokio::spawn(async move {
                keyring.refresh().await;
                drop(asked);
            });
            load.await
                .map_err(|_panic| Error::internal("loading the keys panicked"))?;
        }
        self.held(kid)
    }

    /// Loads the keys again and again; never ends.
    pub(super) async fn keep_fresh(&self) {
        let mut next = self.held.borrow().since + interval();
        loop {
            self.clock.sleep_until(next).await;
            let loading = self.loading.lock().await;
            next = self.clock.instant()
                + if self.refresh().await {
                    interval()
                } else {
                    RETRY
                };
            drop(loading);
        }
    }

    fn held(&self, kid: &str) -> Result<Option<Arc<PublicKey>>> {
        let held = self.held.borrow();
        let age = self.clock.instant().saturating_duration_since(held.since);
        if age > OUTLIVE {
            return Err(Error::internal(format!(
                "the keys from {} are {} hours old",
                self.source,
                age.as_secs() / 3600
            )));
        }
        Ok(held.keys.get(kid))
    }

    /// Replaces the keys by those that are there now, if they are any.
    async fn refresh(&self) -> bool {
        match load(&self.source, &self.clock).await {
            Ok(held) => {
                self.held.send_replace(held);
                true
            }
            Err(error) => {
                let cause = causes(error.as_ref());
                tracing::warn!(source = %self.source, cause, "the keys could not be loaded; the old ones stay");
                false
            }
        }
    }
}

async fn load(source: &Source, clock: &Clock) -> Result<Held, Cause> {
    let since = clock.instant();
    let document = tokio::select! {
        document = source.read() => document?,
        () = clock.sleep_until(since + LOAD_MOST) => return Err("no answer in time".into()),
    };
    let keys = Keys::parse(&document)?;
    tracing::debug!(%source, keys = keys.len(), "keys loaded");
    Ok(Held { keys, since })
}

fn interval() -> Duration {
    // The last bytes of a UUIDv7 are random.
    let chance = Uuid::now_v7().as_bytes()[15];
    REFRESH + JITTER * u32::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_follow_each_other_within_bounds() {
        for _ in 0..100 {
            let interval = interval();
            assert!(
                (REFRESH..=REFRESH + JITTER).contains(&interval),
                "{interval:?}"
            );
        }
    }
}
