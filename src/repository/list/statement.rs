//! The one statement that is a list: total, page, and what completes its rows.
//!
//! Its text depends on which filters there are, the order, whether a cursor or a
//! page begins it, and whether the count of a search is known: not on what they are,
//! so a connection prepares each text once. (The session plans it once as well, see
//! `connect.rs`: PostgreSQL would else plan a bound LIMIT anew each time.)

mod search;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::counted::Count;
use super::{ClientFilter, Position};
use crate::domain::client::ClientType;
use crate::domain::lifecycle::ClientStatus;
use crate::domain::page::{Cursor, Order, OrderBy, SortKey};
use crate::repository::Scope;
use crate::repository::rows::ClientRow;

/// A row of the answer: the total, and a client of the page with the names of
/// its assignee and the number of its events. An empty page has one row without
/// a client, for the total. Of a search that is [`counting`](Statement::counting) and has
/// counted more than a few: the mark of the writes before it, and among how many they are.
pub(super) type ListRow = (
    i64,
    Option<ClientRow>,
    Option<String>,
    Option<String>,
    i64,
    (Option<i64>, Option<i64>),
);

type Columns = <ClientRow as Selectable<Pg>>::SelectExpression;

/// What rows of a kind are called, where tables differ.
#[derive(Clone, Copy)]
struct Told {
    live: &'static str,
    assigned: &'static str,
    nobodys: &'static str,
}

const IN_CLIENTS: Told = Told {
    live: "deleted_at IS NULL",
    assigned: "",
    nobodys: " AND assigned_to_id IS NULL",
};

const IN_TOTALS: Told = Told {
    live: "NOT deleted",
    assigned: " AND assigned",
    nobodys: " AND NOT assigned",
};

/// A list as it is asked of PostgreSQL.
pub(super) struct Statement<'a> {
    organization: Option<Uuid>,
    filter: &'a ClientFilter,
    status: Option<&'static str>,
    client_type: Option<&'static str>,
    order: Order,
    after: Option<&'a Cursor>,
    offset: i64,
    limit: i64,
    /// Whether a search tells of which writes its count is.
    counting: bool,
    /// What is known of that count.
    known: Option<Count>,
    /// Of a client, in the order in which [`ClientRow`] reads them.
    columns: Columns,
}

impl<'a> Statement<'a> {
    /// A page of what `scope` sees through `filter`, and one row more if there is
    /// one: whoever asks knows by it that a next page has something.
    pub(super) fn new(
        scope: Scope,
        filter: &'a ClientFilter,
        order: Order,
        position: &'a Position,
    ) -> Self {
        let (after, offset, limit) = match position {
            Position::Page(page) => (None, page.offset(), page.limit),
            Position::After(cursor, limit) => (Some(cursor), 0, *limit),
        };
        Self {
            organization: scope.organization().map(|organization| organization.0),
            filter,
            status: filter.status.map(ClientStatus::as_str),
            client_type: filter.client_type.map(ClientType::as_str),
            order,
            after,
            offset,
            limit: limit + 1,
            counting: false,
            known: None,
            columns: <ClientRow as Selectable<Pg>>::construct_selection(),
        }
    }

    /// The same, of a search in one organization, in an order that an index has: whether
    /// it tells of which writes its count is, and what is `known` of that count.
    pub(super) fn counting(self, counting: bool, known: Option<Count>) -> Self {
        Self {
            counting,
            known,
            ..self
        }
    }
}

impl QueryId for Statement<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = (
        BigInt,
        Nullable<diesel::dsl::SqlTypeOf<Columns>>,
        Nullable<Text>,
        Nullable<Text>,
        BigInt,
        (Nullable<BigInt>, Nullable<BigInt>),
    );
}

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH ");
        match &self.filter.search {
            Some(search) => {
                if let Some(known) = &self.known {
                    self.walked(search, known, out.reborrow())?;
                }
                self.found(search, out.reborrow())?;
            }
            None => self.page(out.reborrow())?,
        }
        // Each page is completed row by row, by keys: LIMIT keeps the planner, which
        // does not know how small a page is, from reading a table to join it.
        out.push_sql(
            " SELECT total.clients, page.*, assignee.first_name, assignee.last_name, \
             (SELECT count(*) FROM events WHERE events.organization_id = page.organization_id \
             AND events.client_id = page.id), total.mark, total.among \
             FROM (",
        );
        self.total(out.reborrow())?;
        out.push_sql(
            ") AS total LEFT JOIN page ON true LEFT JOIN LATERAL \
             (SELECT first_name, last_name FROM users WHERE users.id = page.assigned_to_id LIMIT 1) \
             AS assignee ON true ORDER BY page.",
        );
        out.push_sql(self.key());
        out.push_sql(self.direction());
        out.push_sql(", page.id");
        out.push_sql(self.direction());
        Ok(())
    }
}

impl Statement<'_> {
    /// The page of a list that is not searched, from where an index begins.
    fn page<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("page AS MATERIALIZED (SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM clients WHERE ");
        self.conditions(IN_CLIENTS, out.reborrow())?;
        self.cut(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }

    /// How many there are in all: what was found, or the sum that triggers keep
    /// (migration 0012).
    fn total<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if self.filter.search.is_some() {
            return self.count(out);
        }
        let grain = match self.filter.assigned_to {
            Some(_) => "ASSIGNEE",
            None => "ALL",
        };
        for part in [
            "SELECT coalesce(sum(change), 0) AS clients, NULL::bigint AS mark, NULL::bigint AS among \
             FROM client_totals WHERE grain IN ('WRITE', '",
            grain,
            "') AND ",
        ] {
            out.push_sql(part);
        }
        self.conditions(IN_TOTALS, out)
    }

    /// The filters, in columns that clients, what a search finds, and the totals
    /// call alike. Conditions are there or not, never `$1 IS NULL OR …`: an index
    /// is led by what they name.
    fn conditions<'b>(&'b self, told: Told, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let filter = self.filter;
        out.push_sql(if filter.show_deleted {
            "true"
        } else {
            told.live
        });
        if let Some(organization) = &self.organization {
            out.push_sql(" AND organization_id = ");
            out.push_bind_param::<SqlUuid, _>(organization)?;
        }
        if let Some(status) = &self.status {
            out.push_sql(" AND status = ");
            out.push_bind_param::<Text, _>(status)?;
        }
        if let Some(client_type) = &self.client_type {
            out.push_sql(" AND type = ");
            out.push_bind_param::<Text, _>(client_type)?;
        }
        match &filter.assigned_to {
            Some(Some(user)) => {
                out.push_sql(told.assigned);
                out.push_sql(" AND assigned_to_id = ");
                out.push_bind_param::<SqlUuid, _>(&user.0)?;
            }
            Some(None) => out.push_sql(told.nobodys),
            None => {}
        }
        Ok(())
    }

    /// Where the page begins, its order and its length.
    fn cut<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.after(out.reborrow())?;
        self.ordered(out.reborrow());
        out.push_sql(" LIMIT ");
        self.limited(out)
    }

    /// The rows behind a cursor are those of a row comparison, which an index on key and
    /// id answers from where it points.
    fn after<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Some(cursor) = self.after else {
            return Ok(());
        };
        let less = if self.order.descending { "<" } else { ">" };
        for part in [" AND (", self.key(), ", id) ", less, " ("] {
            out.push_sql(part);
        }
        match &cursor.key {
            SortKey::Time(time) => out.push_bind_param::<Timestamptz, _>(time)?,
            SortKey::Name(name) => out.push_bind_param::<Text, _>(name)?,
        }
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&cursor.id)?;
        out.push_sql(")");
        Ok(())
    }

    fn ordered(&self, mut out: AstPass<'_, '_, Pg>) {
        let (key, direction) = (self.key(), self.direction());
        for part in [" ORDER BY ", key, direction, ", id", direction] {
            out.push_sql(part);
        }
    }

    fn limited<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        if self.after.is_none() {
            out.push_sql(" OFFSET ");
            out.push_bind_param::<BigInt, _>(&self.offset)?;
        }
        Ok(())
    }

    fn key(&self) -> &'static str {
        match self.order.by {
            OrderBy::CreatedAt => "created_at",
            OrderBy::UpdatedAt => "updated_at",
            OrderBy::Name => "name",
        }
    }

    fn direction(&self) -> &'static str {
        if self.order.descending { " DESC" } else { "" }
    }
}
