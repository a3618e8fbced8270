//! What becomes of calls refused for want of room.
//!
//! Callers who repeat at once what was refused would cost more than those who
//! are served. So they hear of it a little later, when the call has given back
//! its place already; and the log has one line a second for all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How long after the call began, at least. RetryInfo asks for twice as long.
const PENALTY: Duration = Duration::from_millis(100);
/// Refusals are told together, as often as this: a connection with many of
/// them writes once for all.
const TICK: Duration = Duration::from_millis(10);
/// Refusals held back at once; those beyond are told at once.
const HELD_MOST: usize = 2048;

/// Refusals on their way.
#[derive(Clone)]
pub(super) struct Penalties(Arc<State>);

struct State {
    began: Instant,
    held: AtomicUsize,
    untold: AtomicU64,
    /// The second since `began` that has its line.
    told: AtomicU64,
}

impl Default for Penalties {
    fn default() -> Self {
        Self(Arc::new(State {
            began: Instant::now(),
            held: AtomicUsize::new(0),
            untold: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }))
    }
}

impl Penalties {
    /// Holds the refusal of a call back that began so long ago; one that has
    /// waited for its turn has waited enough.
    pub(super) async fn serve(&self, ago: Duration) {
        let _held = Held(&self.0.held);
        if self.0.held.fetch_add(1, Ordering::Relaxed) < HELD_MOST {
            let rest = PENALTY.saturating_sub(ago);
            let micros = (self.0.began.elapsed() + rest).as_micros() % TICK.as_micros();
            let past = u64::try_from(micros).map_or(TICK, Duration::from_micros);
            sleep(rest + TICK.saturating_sub(past)).await;
        }
    }

    /// Logs a refusal, with those that had no line of their own.
    pub(super) fn tell(&self) {
        let State {
            began,
            untold,
            told,
            ..
        } = &*self.0;
        untold.fetch_add(1, Ordering::Relaxed);
        let second = began.elapsed().as_secs() + 1;
        if told.swap(second, Ordering::Relaxed) != second {
            let calls = untold.swap(0, Ordering::Relaxed);
            tracing::warn!(calls, "refused for want of room");
        }
    }
}

/// One refusal held back.
struct Held<'a>(&'a AtomicUsize);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refusals_are_told_late_but_for_those_beyond() {
        let penalties = Penalties::default();
        let began = tokio::time::Instant::now();
        penalties.serve(Duration::ZERO).await;
        let late = began.elapsed();
        assert!(
            (PENALTY..=PENALTY + TICK + Duration::from_millis(1)).contains(&late),
            "{late:?}"
        );

        let mut all = tokio::task::JoinSet::new();
        for _ in 0..HELD_MOST {
            let penalties = penalties.clone();
            all.spawn(async move { penalties.serve(Duration::ZERO).await });
        }
        while penalties.0.held.load(Ordering::Relaxed) < HELD_MOST {
            tokio::task::yield_now().await;
        }
        let began = tokio::time::Instant::now();
        penalties.serve(Duration::ZERO).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        all.join_all().await;
        assert_eq!(penalties.0.held.load(Ordering::Relaxed), 0);
    }
}
