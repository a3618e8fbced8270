//! The time, which a test may move forward.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

/// The system's time, or one that is ahead of it.
#[derive(Debug, Clone)]
pub struct Clock {
    ahead: watch::Sender<Duration>,
}

impl Default for Clock {
    /// The system's time.
    fn default() -> Self {
        Self {
            ahead: watch::Sender::new(Duration::ZERO),
        }
    }
}

impl Clock {
    /// Moves the time forward, for everybody who has this clock.
    pub fn advance(&self, by: Duration) {
        self.ahead.send_modify(|ahead| *ahead += by);
    }

    /// What stands in `exp` and `nbf`.
    pub fn since_1970(&self) -> Duration {
        // A clock set before 1970 is wrong anyway, and no token is valid then.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default() + *self.ahead.borrow()
    }

    /// For spans, which nobody can set back.
    pub(super) fn instant(&self) -> Instant {
        Instant::now() + *self.ahead.borrow()
    }

    /// Done at `instant`.
    pub(super) async fn sleep_until(&self, instant: Instant) {
        let mut moved = self.ahead.subscribe();
        loop {
            let left = instant.saturating_duration_since(self.instant());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_time_moves() {
        let clock = Clock::default();
        let hour = clock.instant() + Duration::from_hours(1);
        let sleeper = clock.clone();
        let slept = tokio::spawn(async move { sleeper.sleep_until(hour).await });
        clock.advance(Duration::from_mins(61));
        slept.await.expect("awake");
        assert!(clock.instant() > hour);
    }
}
