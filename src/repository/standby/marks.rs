//! How far a standby is behind, without asking any clock but our own.
//!
//! A standby's own word is no bound: `pg_last_xact_replay_timestamp()` stands
//! still when nothing is written, and tells nothing of what has not arrived.
//! So the primary is asked how far its log goes, and the time *before* the
//! question is noted beside: whatever was acknowledged by then is within it.
//! A standby that has replayed that far holds all of it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Notes of the primary that are kept; with more they are made less often.
const KEPT: usize = 512;

/// A place in the log of PostgreSQL, in bytes.
pub(super) type Place = i64;

/// What was noted of the primary, and what of it the standby has.
#[derive(Debug, Default)]
pub(super) struct Marks {
    noted: VecDeque<(Instant, Place)>,
    /// The least between two notes.
    apart: Duration,
    newest: Option<Place>,
    fresh: Option<Instant>,
}

impl Marks {
    /// The primary's log went to `written` when it was asked, after `at`.
    pub(super) fn note(&mut self, at: Instant, written: Place) {
        self.newest = Some(written);
        let since = |first: Option<&(Instant, Place)>| {
            first.map_or(Duration::MAX, |(first, _)| at.duration_since(*first))
        };
        if since(self.noted.back()) < self.apart {
            return;
        }
        // What is missing between two notes makes the bound larger, never smaller.
        if self.noted.len() == KEPT {
            let mut odd = false;
            self.noted.retain(|_| {
                odd = !odd;
                odd
            });
            self.apart = since(self.noted.front()) / 256;
        }
        self.noted.push_back((at, written));
    }

    /// How far it went at last.
    pub(super) fn newest(&self) -> Option<Place> {
        self.newest
    }

    /// The standby has replayed up to `replayed`.
    pub(super) fn replayed(&mut self, replayed: Place) {
        while let Some((at, written)) = self.noted.front()
            && *written <= replayed
        {
            self.fresh = Some(*at);
            self.noted.pop_front();
        }
        if self.noted.is_empty() {
            self.apart = Duration::ZERO;
        }
    }

    /// Another primary may answer from now on: its places are others.
    pub(super) fn forget_primary(&mut self) {
        self.noted.clear();
        self.newest = None;
        self.apart = Duration::ZERO;
    }

    /// All that was acknowledged by then is there.
    pub(super) fn fresh(&self) -> Option<Instant> {
        self.fresh
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_replayed_was_there_when_it_was_noted() {
        let began = Instant::now();
        let at = |second| began + Duration::from_secs(second);
        let mut marks = Marks::default();
        marks.replayed(1000);
        assert_eq!(marks.fresh(), None, "nothing is known of the primary");
        marks.note(at(1), 100);
        marks.note(at(2), 100);
        marks.note(at(3), 200);
        assert_eq!(marks.fresh(), None, "a note is no answer of the standby");
        marks.replayed(99);
        assert_eq!(marks.fresh(), None);
        marks.replayed(199);
        assert_eq!(marks.fresh(), Some(at(2)));
        // Paused: time goes on, the bound does not.
        marks.note(at(9), 300);
        marks.replayed(199);
        assert_eq!(marks.fresh(), Some(at(2)));
        marks.replayed(300);
        assert_eq!(marks.fresh(), Some(at(9)));
    }

    #[test]
    fn a_standby_that_is_far_behind_is_known_all_the_same() {
        let began = Instant::now();
        let mut marks = Marks::default();
        for second in 0..10_000_u32 {
            marks.note(began + Duration::from_secs(second.into()), second.into());
        }
        assert!(marks.noted.len() <= KEPT);
        marks.replayed(5000);
        let fresh = marks.fresh().expect("some notes are kept");
        let known = fresh - began;
        assert!(known <= Duration::from_secs(5000));
        assert!(known > Duration::from_secs(4900), "{known:?}");
        marks.replayed(9999);
        let known = marks.fresh().expect("known") - began;
        assert!(known > Duration::from_mins(165), "{known:?}");
        // Once it has caught up, every note is kept again.
        for second in 10_000..10_003_u32 {
            marks.note(began + Duration::from_secs(second.into()), second.into());
        }
        marks.replayed(10_001);
        assert_eq!(marks.fresh(), Some(began + Duration::from_secs(10_001)));
    }

    #[test]
    fn another_primary_counts_from_its_own_notes() {
        let began = Instant::now();
        let mut marks = Marks::default();
        marks.note(began, 100);
        marks.forget_primary();
        marks.replayed(100);
        assert_eq!(marks.fresh(), None);
    }
}
