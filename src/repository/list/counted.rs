//! What searches have counted, for who asks the same again: the next page, most of all.
//!
//! The total of a search is exact, so PostgreSQL reads all that it finds, and for a
//! surname among 200 000 clients that is all of its work. But what was counted holds as
//! long as nothing was written that changes who is found, and that is told by marks in
//! the rows that totals are summed from (migration 0034): each draws one at random when it
//! is written, and what they are XORed is of one set of writes and no other, on whatever
//! server and in whatever snapshot they are seen. So a search brings the count that is known and
//! the marks it is of; PostgreSQL compares them with those it sees, and reads the
//! newest clients until the page is full, or everything as if nothing were known
//! ([`super::statement`]).

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::{ClientFilter, Position};
use crate::domain::ids::OrganizationId;

/// Counts that are kept, a hundred bytes and their fragment each.
const KEPT: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// What few are counted anew each time: to know takes as long.
pub(super) const FEW: i64 = 200;

/// What is looked for, and where.
pub(super) type Key = (OrganizationId, ClientFilter);

/// What a search has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// Who were found.
    pub(super) found: i64,
    /// Who were looked through: those of the filter without the search.
    pub(super) among: i64,
    /// Of which writes that is.
    pub(super) mark: i64,
    /// A page was not among as many of the newest as were found: most of them are old.
    pub(super) old: bool,
}

impl Count {
    /// Whether a page is likely to be full before as many clients were read as were found,
    /// were they all over the list: where to count them anew is not less.
    pub(super) fn suffices(&self, position: &Position) -> bool {
        let until = match position {
            Position::Page(page) => page.offset().saturating_add(page.limit),
            Position::After(_, limit) => *limit,
        };
        let read = until.saturating_add(1).saturating_mul(self.among) / self.found.max(1);
        !self.old && read.saturating_mul(4) <= self.found.saturating_mul(3)
    }
}

/// The counts of one database.
#[derive(Clone)]
pub(in crate::repository) struct Counted(Arc<Mutex<LruCache<Key, Count>>>);

impl Default for Counted {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(KEPT))))
    }
}

impl Counted {
    /// What is known, if that was so when it was asked last.
    pub(super) fn get(&self, key: &Key) -> Option<Count> {
        self.counts().get(key).copied()
    }

    /// Keeps what a search has counted, though it had brought `known`.
    pub(super) fn keep(&self, key: Key, count: Count, known: Option<Count>) {
        // With those very marks it was counted for want of a full page.
        let old = known.is_some_and(|known| known.mark == count.mark);
        self.counts().put(key, Count { old, ..count });
    }

    fn counts(&self) -> MutexGuard<'_, LruCache<Key, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::page::{Cursor, Page, SortKey};

    const COUNT: Count = Count {
        found: 1000,
        among: 20_000,
        mark: 7,
        old: false,
    };

    fn page(number: i64) -> Position {
        Position::Page(Page { number, limit: 10 })
    }

    #[test]
    fn a_page_is_looked_for_where_that_reads_less_than_all_that_is_found() {
        assert!(COUNT.suffices(&page(1)));
        assert!(COUNT.suffices(&page(3)));
        assert!(
            !COUNT.suffices(&page(4)),
            "820 clients, of 1000 that were found"
        );
        let after = |limit| {
            let key = SortKey::Name(String::new());
            Position::After(
                Cursor {
                    key,
                    id: uuid::Uuid::nil(),
                    page: 90,
                },
                limit,
            )
        };
        assert!(COUNT.suffices(&after(36)) && !COUNT.suffices(&after(37)));
        let found = |found| Count { found, ..COUNT };
        assert!(!found(400).suffices(&page(1)), "550 clients");
        assert!(!found(0).suffices(&page(1)));
        let all = found(20_000);
        assert!(all.suffices(&page(1499)) && !all.suffices(&page(1500)));
        assert!(!Count { old: true, ..COUNT }.suffices(&page(1)));
    }

    #[test]
    fn what_was_counted_for_want_of_a_page_is_remembered_until_something_is_written() {
        let counted = Counted::default();
        let key = (OrganizationId(uuid::Uuid::nil()), ClientFilter::default());
        assert_eq!(counted.get(&key), None);
        counted.keep(key.clone(), COUNT, None);
        assert_eq!(counted.get(&key), Some(COUNT));
        counted.keep(key.clone(), COUNT, Some(COUNT));
        assert!(counted.get(&key).expect("kept").old);
        counted.keep(key.clone(), Count { mark: 8, ..COUNT }, Some(COUNT));
        assert!(!counted.get(&key).expect("kept").old);
    }
}
