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

/// Most counts that are remembered, each a few hundred bytes; of all organizations, as
/// who pushes out another's costs them one search.
const MOST: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
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
    /// Whether the list is likely to have so many of those who were found among as many
    /// of its clients as were found, where it is read to find them: to find and count them
    /// all takes as long. With a quarter to spare, as they are not evenly all over it.
    fn suffices(&self, depth: i64) -> bool {
        let read = depth.saturating_mul(self.among) / self.found.max(1);
        read.saturating_mul(4) <= self.found.saturating_mul(3)
    }
}

/// How many of those who are found a page takes from where it begins to be read, and one
/// more by which it knows of the next.
fn depth(position: &Position) -> i64 {
    let until = match position {
        Position::Page(page) => page.offset().saturating_add(page.limit),
        Position::After(_, limit) => *limit,
    };
    until.saturating_add(1)
}

/// A count, and how far it has served.
#[derive(Debug, Clone, Copy)]
struct Entry {
    count: Count,
    /// So deep a page was not full by then, from where the list begins: those who are
    /// found are further behind.
    failed: Option<i64>,
}

/// The counts that one database's searches are remembered by.
#[derive(Clone)]
pub(in crate::repository) struct Counted(Arc<Mutex<LruCache<Key, Entry>>>);

impl Default for Counted {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(MOST))))
    }
}

impl Counted {
    /// A count that may still hold, where it is of use for the page.
    pub(super) fn known(&self, key: &Key, position: &Position) -> Option<Count> {
        let Entry { count, failed } = *self.entries().get(key)?;
        let depth = depth(position);
        let may = failed.is_none_or(|failed| depth < failed) && count.suffices(depth);
        may.then_some(count)
    }

    /// Remembers what a search for the page has counted, which had brought what was
    /// `known`.
    pub(super) fn keep(&self, key: Key, position: &Position, count: Count, known: Option<Count>) {
        // It held, and all were counted for want of a full page. After a cursor that is
        // the end of the list as well, and says nothing of its beginning.
        let failed = known == Some(count) && matches!(position, Position::Page(_));
        let failed = failed.then(|| depth(position));
        let mut entries = self.entries();
        let before = entries.get(&key).filter(|before| before.count == count);
        let failed = before
            .and_then(|before| before.failed)
            .into_iter()
            .chain(failed)
            .min();
        entries.put(key, Entry { count, failed });
    }

    /// Forgets what does not hold, where there is nothing to remember instead.
    pub(super) fn forget(&self, key: &Key) {
        self.entries().pop(key);
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<Key, Entry>> {
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
        let suffices = |count: Count, position| count.suffices(depth(&position));
        assert!(suffices(COUNT, page(1)));
        assert!(suffices(COUNT, page(3)));
        assert!(!suffices(COUNT, page(4)), "820 clients");
        assert!(suffices(COUNT, after(36)) && !suffices(COUNT, after(37)));
        let found = |found| Count { found, ..COUNT };
        assert!(!suffices(found(400), page(1)), "550 clients");
        assert!(!suffices(found(0), page(1)));
        assert!(suffices(found(20_000), page(1499)));
        assert!(!suffices(found(20_000), page(1500)));
    }

    /// Searches one after the other, as a list makes them, whose walks fail: which of them
    /// brought what is known.
    fn searched(counted: &Counted, pages: &[Position], mark: i64) -> Vec<bool> {
        let key = key();
        let search = |position: &Position| {
            let known = counted.known(&key, position);
            counted.keep(key.clone(), position, Count { mark, ..COUNT }, known);
            known.is_some()
        };
        pages.iter().map(search).collect()
    }

    fn key() -> Key {
        (
            OrganizationId(Uuid::nil()),
            ClientFilter::default(),
            Order::default(),
        )
    }

    #[test]
    fn what_failed_is_not_tried_again_until_something_is_written() {
        let counted = Counted::default();
        let pages = [
            page(1),
            page(2),
            page(2),
            page(4),
            page(3),
            page(1),
            page(1),
        ];
        let tried = [false, true, false, false, false, true, false];
        assert_eq!(searched(&counted, &pages, 7), tried);
        assert_eq!(searched(&counted, &[page(1)], 7), [false]);
        assert_eq!(searched(&counted, &pages, 8), tried);

        // A list has an end for who turns its pages, and its beginning is as it was.
        let pages = [page(1), after(10), page(1)];
        assert_eq!(searched(&counted, &pages, 9), [false, true, true]);

        counted.forget(&key());
        assert_eq!(counted.known(&key(), &page(1)), None);
    }
}
