//! Lists of clients: filters, pages by number and by token.

mod counted;
mod statement;

use diesel_async::RunQueryDsl;

use self::counted::{Count, Key};
use self::statement::{ListRow, Statement};
use super::Repository;
use super::rows::ClientRow;
use super::scope::Mode;
use crate::domain::client::{Client, ClientType};
use crate::domain::ids::UserId;
use crate::domain::lifecycle::ClientStatus;
use crate::domain::page::{Cursor, Order, OrderBy, Page, PageMeta, SortKey};
use crate::domain::search::Search;
use crate::error::Result;

pub(super) use self::counted::Counted;

/// Which clients; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ClientFilter {
    /// A fragment of name, e-mail or phone.
    pub search: Option<Search>,
    /// Where they stand.
    pub status: Option<ClientStatus>,
    /// Persons or companies.
    pub client_type: Option<ClientType>,
    /// Looked after by this person (`Some(Some)`) or by nobody (`Some(None)`).
    pub assigned_to: Option<Option<UserId>>,
    /// Deleted ones as well.
    pub show_deleted: bool,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// After so many pages.
    Page(Page),
    /// After the last row of the page before, at most so many rows.
    After(Cursor, i64),
}

/// One page.
#[derive(Debug, Clone)]
pub struct ClientList {
    /// Its clients, in order.
    pub clients: Vec<Client>,
    /// Where it stands.
    pub meta: PageMeta,
    /// Where the next one begins, if there is one.
    pub next: Option<Cursor>,
}

impl Repository {
    /// One page of the clients of the scope, with the total of one and the
    /// same state of the database.
    pub async fn list_clients(
        &self,
        filter: &ClientFilter,
        order: Order,
        position: Position,
    ) -> Result<ClientList> {
        let key = self.countable(filter, order);
        let counted = &self.database.counted;
        let known = key.as_ref().and_then(|key| counted.known(key, &position));
        let statement = Statement::new(self.scope, filter, order, &position);
        let statement = statement.counting(key.is_some(), known);
        let transaction = self.transaction(Mode::Snapshot).await?;
        let only = statement.load(&mut transaction.connection());
        let rows: Vec<ListRow> = transaction.alone(only).await?;
        if let Some((key, row)) = key.zip(rows.as_slice().first()) {
            match (count(row), known) {
                (Some(count), _) => counted.keep(key, &position, count, known),
                (None, Some(known)) if row.0 != known.found => counted.forget(&key),
                (None, _) => {}
            }
        }
        page(rows, order, &position)
    }

    /// By what the count of a search is known, where it is of use: where an index has the
    /// clients of the filter in this order, and no others between.
    fn countable(&self, filter: &ClientFilter, order: Order) -> Option<Key> {
        let is_in_order = match order.by {
            OrderBy::CreatedAt => true,
            OrderBy::Name => filter.status.is_none(),
            OrderBy::UpdatedAt => false,
        };
        let is_countable = filter.search.is_some()
            && filter.client_type.is_none()
            && filter.assigned_to.is_none()
            && !filter.show_deleted
            && is_in_order;
        let organization = self.scope.organization().filter(|_| is_countable)?;
        Some((organization, filter.clone(), order))
    }
}

/// What a search has counted, where it says of which writes that is.
fn count((found, .., state): &ListRow) -> Option<Count> {
    let (mark, among) = *state;
    let (mark, among) = mark.zip(among)?;
    let found = *found;
    Some(Count { found, among, mark })
}

fn page(mut rows: Vec<ListRow>, order: Order, position: &Position) -> Result<ClientList> {
    let total = rows.as_slice().first().map_or(0, |(total, ..)| *total);
    let page = match position {
        Position::Page(page) => *page,
        Position::After(cursor, limit) => Page {
            number: i64::from(cursor.page),
            limit: *limit,
        },
    };
    let more = rows.len() > usize::try_from(page.limit).unwrap_or(usize::MAX);
    if more {
        rows.pop();
    }
    let next = rows
        .last()
        .filter(|_| more)
        .and_then(|(_, last, ..)| last.as_ref())
        .map(|last| cursor(last, order, page));
    let clients = rows
        .into_iter()
        .filter_map(|(_, client, first_name, last_name, events, _)| {
            let assignee = first_name.zip(last_name);
            client.map(|client| client.complete(assignee, events))
        })
        .collect::<Result<_>>()?;
    Ok(ClientList {
        clients,
        meta: page.meta(total),
        next,
    })
}

fn cursor(last: &ClientRow, order: Order, page: Page) -> Cursor {
    let key = match order.by {
        OrderBy::CreatedAt => SortKey::Time(last.created_at),
        OrderBy::UpdatedAt => SortKey::Time(last.updated_at),
        OrderBy::Name => SortKey::Name(last.name.clone()),
    };
    let following = u32::try_from(page.number + 1).unwrap_or(u32::MAX);
    Cursor {
        key,
        id: last.id,
        page: following,
    }
}
