//! What the repository counts for the metrics.
//!
//! For the process, not for a pool: a driver's error does not know whose
//! connection it came from.

use std::sync::atomic::{AtomicU64, Ordering};

/// Statements that the wall in SQL refused (SQLSTATE 42501).
pub static WALL_ALARMS: Count = Count::new();
/// Transactions begun again.
pub static RETRIES: Count = Count::new();
/// Writes that went together with others.
pub static GROUPED: Count = Count::new();
/// Transactions of several writes that failed, so that each of them went alone.
pub static UNGROUPED: Count = Count::new();
/// COMMITs that got no answer.
pub static COMMITS_UNKNOWN: Count = Count::new();

/// A number that only grows.
pub struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    pub(super) fn add(&self) {
        self.add_all(1);
    }

    /// So many more.
    pub(super) fn add_all(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// How many by now.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
