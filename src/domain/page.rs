//! Pages of a list: by number (spec §9) or by the last row seen.

use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

use crate::domain::token::{self, Fingerprint};
use crate::error::{Error, Problem};

/// Rows of a page when the caller does not say (spec §9).
pub const DEFAULT_LIMIT: i64 = 10;
/// Most rows of a page (api.md, decision 11).
pub const MOST_LIMIT: i64 = 100;
/// As far as page numbers reach (api.md, decision 6): PostgreSQL walks over
/// every row before the page.
pub const DEEPEST: i64 = 10_000;

/// A page by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: i64,
    /// How many rows it holds.
    pub limit: i64,
}

impl Page {
    /// The page of a request in which 0 means "not said".
    ///
    /// `Err` holds the fields at fault; depth is [`check_depth`](Self::check_depth)'s.
    pub fn parse(page: i32, limit: i32) -> Result<Self, Vec<(&'static str, Problem)>> {
        let mut problems = Vec::new();
        if page < 0 {
            let most = DEEPEST;
            problems.push(("page", Problem::OutOfRange { least: 1, most }));
        }
        if limit < 0 {
            problems.push((
                "limit",
                Problem::OutOfRange {
                    least: 1,
                    most: MOST_LIMIT,
                },
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let or = |given: i32, default: i64| {
            if given == 0 {
                default
            } else {
                i64::from(given)
            }
        };
        Ok(Self {
            number: or(page, 1),
            limit: or(limit, DEFAULT_LIMIT).min(MOST_LIMIT),
        })
    }

    /// Fails with `PAGE_TOO_DEEP` beyond [`DEEPEST`] rows.
    pub fn check_depth(self) -> Result<(), Error> {
        if self.number * self.limit > DEEPEST {
            return Err(Error::rule("page", Problem::PageTooDeep { most: DEEPEST }));
        }
        Ok(())
    }

    /// How many rows lie before it.
    pub fn offset(self) -> i64 {
        (self.number - 1) * self.limit
    }

    /// Where this page stands among `total` rows.
    pub fn meta(self, total: i64) -> PageMeta {
        let total_pages = (total + self.limit - 1) / self.limit;
        PageMeta {
            total,
            page: self.number,
            limit: self.limit,
            total_pages,
        }
    }
}

/// Where a page stands in the whole (spec §9 `meta`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageMeta {
    /// Rows on all pages.
    pub total: i64,
    /// Number of the page, from 1.
    pub page: i64,
    /// Rows a page holds.
    pub limit: i64,
    /// Pages.
    pub total_pages: i64,
}

/// What a list is ordered by; ties end on the id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    /// The key.
    pub by: OrderBy,
    /// Greatest first.
    pub descending: bool,
}

/// The keys a list of clients may be ordered by (api.md, decision 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderBy {
    /// When the client was created.
    CreatedAt,
    /// When it was last written.
    UpdatedAt,
    /// Its name, in Spanish collation.
    Name,
}

impl Default for Order {
    /// Newest first.
    fn default() -> Self {
        Self {
            by: OrderBy::CreatedAt,
            descending: true,
        }
    }
}

impl Order {
    /// Reads the `order_by` of AIP-132 with one key; empty is the default.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        const ALLOWED: &str = "created_at, updated_at, name; asc, desc";
        let refused = || Problem::InvalidOrderBy { allowed: ALLOWED };
        let mut words = text.split_whitespace();
        let by = match words.next() {
            None => return Ok(Self::default()),
            Some("created_at" | "createdAt") => OrderBy::CreatedAt,
            Some("updated_at" | "updatedAt") => OrderBy::UpdatedAt,
            Some("name") => OrderBy::Name,
            Some(_) => return Err(refused()),
        };
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(refused()),
        };
        if words.next().is_some() {
            Err(refused())
        } else {
            Ok(Self { by, descending })
        }
    }
}

/// The key of a row in its [`Order`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    /// Of the two times, to the microsecond that PostgreSQL keeps.
    Time(DateTime<Utc>),
    /// Of the name.
    Name(String),
}

/// The last row of a page; the next page begins after it, however many rows
/// come or go meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Its key.
    pub key: SortKey,
    /// Its id, which decides among equal keys.
    pub id: Uuid,
    /// Number of the page that follows.
    pub page: u32,
}

impl Cursor {
    /// The `next_page_token`.
    pub fn encode(&self, list: &Fingerprint) -> String {
        let mut bytes = self.id.as_bytes().to_vec();
        bytes.extend_from_slice(&self.page.to_be_bytes());
        match &self.key {
            SortKey::Time(time) => bytes.extend_from_slice(&time.timestamp_micros().to_be_bytes()),
            SortKey::Name(name) => bytes.extend_from_slice(name.as_bytes()),
        }
        token::seal(list, &bytes)
    }

    /// The cursor of a `page_token`; fails with `INVALID_PAGE_TOKEN` unless it
    /// was made for this very list. A forged one reaches nothing that the
    /// list would not show anyway.
    pub fn decode(token: &str, by: OrderBy, list: &Fingerprint) -> Result<Self, Error> {
        token::open(token, list, |bytes| Self::read(bytes, by))
    }

    fn read(bytes: &[u8], by: OrderBy) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (page, key) = rest.split_first_chunk::<4>()?;
        let key = match by {
            OrderBy::Name => {
                let name = std::str::from_utf8(key)
                    .ok()
                    .filter(|name| !name.contains('\0'))?;
                SortKey::Name(name.to_owned())
            }
            OrderBy::CreatedAt | OrderBy::UpdatedAt => {
                let micros = i64::from_be_bytes(key.try_into().ok()?);
                // Beyond these years PostgreSQL and chrono no longer agree.
                let time = DateTime::from_timestamp_micros(micros)
                    .filter(|time| (1..=9999).contains(&time.year()))?;
                SortKey::Time(time)
            }
        };
        Some(Self {
            key,
            id: Uuid::from_bytes(*id),
            page: u32::from_be_bytes(*page),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let page = |number, limit| Ok(Page { number, limit });
        assert_eq!(Page::parse(0, 0), page(1, 10));
        assert_eq!(Page::parse(3, 25), page(3, 25));
        assert_eq!(Page::parse(1, 101), page(1, 100));
        assert_eq!(Page::parse(-1, i32::MIN).expect_err("negative").len(), 2);
        assert!(
            Page {
                number: 100,
                limit: 100
            }
            .check_depth()
            .is_ok()
        );
        assert!(
            Page {
                number: 101,
                limit: 100
            }
            .check_depth()
            .is_err()
        );
        let deepest = Page::parse(i32::MAX, i32::MAX).expect("cut");
        assert!(matches!(deepest.check_depth(), Err(Error::Invalid { .. })));
    }

    #[test]
    fn total_pages_are_rounded_up() {
        for (total, pages) in [(0, 0), (1, 1), (10, 1), (11, 2), (45, 5)] {
            assert_eq!(
                Page {
                    number: 1,
                    limit: 10
                }
                .meta(total)
                .total_pages,
                pages,
                "{total}"
            );
        }
    }

    #[test]
    fn orders() {
        let order = |by, descending| Ok(Order { by, descending });
        assert_eq!(Order::parse("  "), Ok(Order::default()));
        assert_eq!(Order::parse("created_at"), order(OrderBy::CreatedAt, false));
        assert_eq!(
            Order::parse("updatedAt  desc"),
            order(OrderBy::UpdatedAt, true)
        );
        assert_eq!(Order::parse("name asc"), order(OrderBy::Name, false));
        for bad in [
            "email",
            "name down",
            "name asc asc",
            "name, created_at",
            "NAME",
            "name;--",
        ] {
            assert!(Order::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_reads_back_for_its_own_list_only() {
        let time = DateTime::from_timestamp_micros(1_764_000_000_123_456).expect("a time");
        for (by, key) in [
            (OrderBy::CreatedAt, SortKey::Time(time)),
            (OrderBy::Name, SortKey::Name("Ñandú 🎉".into())),
        ] {
            let cursor = Cursor {
                key,
                id: Uuid::from_u128(7),
                page: 3,
            };
            let token = cursor.encode(&[1; 16]);
            assert_eq!(
                Cursor::decode(&token, by, &[1; 16]).expect("its own"),
                cursor
            );
            assert!(
                Cursor::decode(&token, by, &[2; 16]).is_err(),
                "another list's"
            );
            assert!(Cursor::decode(&token[1..], by, &[1; 16]).is_err(), "cut");
        }
        for bad in ["", "AA", "!!!", "AQEBAQ", &"A".repeat(5000)] {
            assert!(
                Cursor::decode(bad, OrderBy::Name, &[1; 16]).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_forged_key_never_reaches_the_database() {
        let forge = |key: &[u8]| {
            let mut place = vec![0; 20];
            place.extend_from_slice(key);
            token::seal(&[1; 16], &place)
        };
        for key in [i64::MAX, i64::MIN] {
            let token = forge(&key.to_be_bytes());
            assert!(
                Cursor::decode(&token, OrderBy::CreatedAt, &[1; 16]).is_err(),
                "{key}"
            );
        }
        for key in [b"a\0b".as_slice(), b"\xff\xfe"] {
            assert!(
                Cursor::decode(&forge(key), OrderBy::Name, &[1; 16]).is_err(),
                "{key:?}"
            );
        }
    }
}
