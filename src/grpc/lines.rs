//! A line a second in the log for what happens by the thousand.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What happens, and how often it has without a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    untold: AtomicU64,
    /// The second that has its line.
    told: AtomicU64,
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self {
            untold: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    /// It has happened once more; how often since the last line, where one is due.
    pub(super) fn next(&self) -> Option<u64> {
        self.untold.fetch_add(1, Ordering::Relaxed);
        let second = BEGAN.elapsed().as_secs() + 1;
        (self.told.swap(second, Ordering::Relaxed) != second)
            .then(|| self.untold.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_have_a_line_and_none_is_lost() {
        let lines = Lines::new();
        let began = Instant::now();
        let told: Vec<u64> = (0..1000).filter_map(|_| lines.next()).collect();
        assert_eq!(told.first(), Some(&1));
        let seconds = usize::try_from(began.elapsed().as_secs()).expect("few");
        assert!(told.len() <= seconds + 2, "{told:?}");
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let rest = lines.next().expect("a line");
        assert_eq!(told.iter().sum::<u64>() + rest, 1001);
    }
}
