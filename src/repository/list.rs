//! Lists of clients: filters, pages by number and by token.

use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::Repository;
use super::rows::{ClientRow, complete};
use super::schema::clients;
use super::scope::Mode;
use super::transaction::Transaction;
use crate::domain::client::{Client, ClientType};
use crate::domain::ids::UserId;
use crate::domain::lifecycle::ClientStatus;
use crate::domain::page::{Cursor, Order, OrderBy, Page, PageMeta, SortKey};
use crate::domain::search::Search;
use crate::error::Result;

/// Which clients; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
        let transaction = self.begin(Mode::Snapshot).await?;
        let outcome = Self::page(&transaction, filter, order, position).await;
        transaction.finish(outcome).await
    }

    async fn page(
        transaction: &Transaction,
        filter: &ClientFilter,
        order: Order,
        position: Position,
    ) -> Result<ClientList> {
        let (page, offset, mut query) = {
            let query = matching(transaction, filter);
            match position {
                Position::Page(page) => (page, page.offset(), query),
                Position::After(cursor, limit) => {
                    let page = Page {
                        number: i64::from(cursor.page),
                        limit,
                    };
                    (page, 0, query.filter(after(order, cursor)))
                }
            }
        };
        query = ordered(query, order).offset(offset).limit(page.limit + 1);
        let count = matching(transaction, filter).count();

        let connection = transaction.connection();
        let (mut for_rows, mut for_total) = (connection, connection);
        let (mut rows, total) = tokio::try_join!(
        biased;
            query.select(ClientRow::as_select()).load(&mut for_rows),
            count.get_result::<i64>(&mut for_total),
        )?;

        let more = rows.len() > usize::try_from(page.limit).unwrap_or(usize::MAX);
        if more {
            rows.pop();
        }
        let next = rows
            .last()
            .filter(|_| more)
            .map(|last| cursor(last, order, page));
        let clients = complete(transaction, rows).await?;
        Ok(ClientList {
            clients,
            meta: page.meta(total),
            next,
        })
    }
}

type Query = clients::BoxedQuery<'static, Pg>;

fn matching(transaction: &Transaction, filter: &ClientFilter) -> Query {
    let scope = transaction.scope();
    let mut query = scope.clients(filter.show_deleted);
    if let Some(status) = filter.status {
        query = query.filter(clients::status.eq(status.as_str()));
    }
    if let Some(client_type) = filter.client_type {
        query = query.filter(clients::type_.eq(client_type.as_str()));
    }
    match filter.assigned_to {
        Some(Some(user)) => query = query.filter(clients::assigned_to_id.eq(user.0)),
        Some(None) => query = query.filter(clients::assigned_to_id.is_null()),
        None => {}
    }
    let Some(search) = filter.search.clone() else {
        return query;
    };
    // Behind the tenant's row-level security no LIKE reaches an index: the
    // function does (migration 0005). The platform's policy is no barrier.
    if scope.organization().is_some() {
        query.filter(
            sql::<Bool>("clients.id IN (SELECT search_client_ids(")
                .bind::<Text, _>(search.fragment)
                .sql(", ")
                .bind::<Nullable<Text>, _>(search.digits)
                .sql("))"),
        )
    } else {
        let digits = search.digits.unwrap_or_else(|| search.fragment.clone());
        query.filter(
            sql::<Bool>("(clients.search_text LIKE search_pattern(")
                .bind::<Text, _>(search.fragment)
                .sql(") OR clients.search_text LIKE search_pattern(")
                .bind::<Text, _>(digits)
                .sql("))"),
        )
    }
}

fn ordered(query: Query, order: Order) -> Query {
    let Order { by, descending } = order;
    match (by, descending) {
        (OrderBy::CreatedAt, false) => query.order((clients::created_at.asc(), clients::id.asc())),
        (OrderBy::CreatedAt, true) => query.order((clients::created_at.desc(), clients::id.desc())),
        (OrderBy::UpdatedAt, false) => query.order((clients::updated_at.asc(), clients::id.asc())),
        (OrderBy::UpdatedAt, true) => query.order((clients::updated_at.desc(), clients::id.desc())),
        (OrderBy::Name, false) => query.order((clients::name.asc(), clients::id.asc())),
        (OrderBy::Name, true) => query.order((clients::name.desc(), clients::id.desc())),
    }
}

/// The rows behind a cursor: a row comparison, which an index on the key and
/// the id answers from where it points.
fn after(
    order: Order,
    cursor: Cursor,
) -> Box<dyn BoxableExpression<clients::table, Pg, SqlType = Bool>> {
    let start = match (order.by, order.descending) {
        (OrderBy::CreatedAt, false) => "(clients.created_at, clients.id) > (",
        (OrderBy::CreatedAt, true) => "(clients.created_at, clients.id) < (",
        (OrderBy::UpdatedAt, false) => "(clients.updated_at, clients.id) > (",
        (OrderBy::UpdatedAt, true) => "(clients.updated_at, clients.id) < (",
        (OrderBy::Name, false) => "(clients.name, clients.id) > (",
        (OrderBy::Name, true) => "(clients.name, clients.id) < (",
    };
    let id = cursor.id;
    match cursor.key {
        SortKey::Time(time) => Box::new(
            sql::<Bool>(start)
                .bind::<Timestamptz, _>(time)
                .sql(", ")
                .bind::<SqlUuid, _>(id)
                .sql(")"),
        ),
        SortKey::Name(name) => Box::new(
            sql::<Bool>(start)
                .bind::<Text, _>(name)
                .sql(", ")
                .bind::<SqlUuid, _>(id)
                .sql(")"),
        ),
    }
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
