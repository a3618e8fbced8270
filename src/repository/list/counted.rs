//! What searches have counted, for who asks the same again: the next page, most of all.
//!
//! The total of a search is exact, so PostgreSQL reads all that it finds, and for a
//! surname among 200 000 clients that is nearly all of its work. But a count holds as long
//! as nothing is written by which clients are chosen, and that is told by marks in the
//! rows that totals are summed from (migration 0034): each write draws one at random, and
//! what they are XORed is of one set of writes and no other, in whatever snapshot and on
//! whatever server it is seen. So a search brings the count that is known and the mark that
//! it is of. Where PostgreSQL sees the same mark, it reads the list from where it begins
//! until the page is full; elsewhere, and where that takes too long, it finds and counts
//! everything, as if nothing were known ([`super::statement`]).

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::{ClientFilter, Position};
use crate::domain::ids::OrganizationId;
use crate::domain::page::Order;

/// Counts that are kept, each a few hundred bytes; of all organizations, as who pushes out
/// another's costs them one search.
const KEPT: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// So many are counted anew each time: it takes no longer than to find out whether the
/// count holds.
pub(super) const FEW: i64 = 200;

/// What is looked for, where, and in which order.
pub(super) type Key = (OrganizationId, ClientFilter, Order);

/// What a search has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// Who were found.
    pub(super) found: i64,
    /// Among how many: those of the filter without the search.
    pub(super) among: i64,
    /// What the marks of the writes before it are XORed. Not 0, which is the mark of all
    /// that was written before there were marks.
    pub(super) mark: i64,
}

impl Count {
    /// Whether a page is likely to be full before as many clients are read as were found,
    /// with these all over the list; to find and count them again takes as long.
    fn suffices(&self, position: &Position) -> bool {
        let until = match position {
            Position::Page(page) => page.offset().saturating_add(page.limit),
            Position::After(_, limit) => *limit,
        };
        let read = until.saturating_add(1).saturating_mul(self.among) / self.found.max(1);
        read.saturating_mul(4) <= self.found.saturating_mul(3)
    }
}

/// A count, and how it served.
#[derive(Debug, Clone, Copy)]
struct Kept {
    count: Count,
    /// A page was not full by then: those who were found are not where the list begins.
    failed: bool,
}

/// The counts of one database.
#[derive(Clone)]
pub(in crate::repository) struct Counts(Arc<Mutex<LruCache<Key, Kept>>>);

impl Default for Counts {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(KEPT))))
    }
}

impl Counts {
    /// A count that may still hold, where it is of use for the page.
    pub(super) fn known(&self, key: &Key, position: &Position) -> Option<Count> {
        let kept = *self.kept().get(key)?;
        (!kept.failed && kept.count.suffices(position)).then_some(kept.count)
    }

    /// Keeps what a search for the page has counted, `known` or not.
    pub(super) fn keep(&self, key: Key, position: &Position, count: Count, known: Option<Count>) {
        // It held, and everything was counted all the same. After a cursor that is the
        // end of the list as well, and says nothing of its beginning.
        let failed = known == Some(count) && matches!(position, Position::Page(_));
        let mut kept = self.kept();
        let before = kept.get(&key).filter(|before| before.count == count);
        let failed = failed || before.is_some_and(|before| before.failed);
        kept.put(key, Kept { count, failed });
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<Key, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::page::{Cursor, Page, SortKey};

    const COUNT: Count = Count {
        found: 1000,
        among: 20_000,
        mark: 7,
    };

    fn page(number: i64) -> Position {
        Position::Page(Page { number, limit: 10 })
    }

    fn after(limit: i64) -> Position {
        let (key, id) = (SortKey::Name(String::new()), Uuid::nil());
        Position::After(Cursor { key, id, page: 90 }, limit)
    }

    #[test]
    fn a_page_is_looked_for_where_that_reads_less_than_all_that_is_found() {
        assert!(COUNT.suffices(&page(1)));
        assert!(COUNT.suffices(&page(3)));
        assert!(!COUNT.suffices(&page(4)), "820 clients");
        assert!(COUNT.suffices(&after(36)) && !COUNT.suffices(&after(37)));
        let found = |found| Count { found, ..COUNT };
        assert!(!found(400).suffices(&page(1)), "550 clients");
        assert!(!found(0).suffices(&page(1)));
        assert!(found(20_000).suffices(&page(1499)));
        assert!(!found(20_000).suffices(&page(1500)));
    }

    /// Searches one after the other, as a list makes them, whose walks fail: which of them
    /// brought what is known.
    fn searched(counts: &Counts, pages: &[Position], mark: i64) -> Vec<bool> {
        let key = (
            OrganizationId(Uuid::nil()),
            ClientFilter::default(),
            Order::default(),
        );
        let search = |position: &Position| {
            let known = counts.known(&key, position);
            counts.keep(key.clone(), position, Count { mark, ..COUNT }, known);
            known.is_some()
        };
        pages.iter().map(search).collect()
    }

    #[test]
    fn what_failed_is_not_tried_again_until_something_is_written() {
        let counts = Counts::default();
        let pages = [page(1), page(1), page(1), page(4), page(2), after(10)];
        let tried = [false, true, false, false, false, false];
        assert_eq!(searched(&counts, &pages, 7), tried);
        assert_eq!(searched(&counts, &pages, 8), tried);

        // A list has an end for who turns its pages, and its beginning is as it was.
        let pages = [page(1), after(10), page(1)];
        assert_eq!(searched(&counts, &pages, 9), [false, true, true]);
        let counts = Counts::default();
        assert_eq!(searched(&counts, &pages, 7), [false, true, true]);
    }
}
