//! What a search adds to the statement of a list: who is found, and how many, once for
//! the page and the total; or, where the count is known ([`counted`](super::super::counted)),
//! the page from where the list begins.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};

use super::super::counted::{Count, FEW};
use super::{IN_CLIENTS, IN_TOTALS, Statement};
use crate::domain::page::OrderBy;
use crate::domain::search::Search;

impl Statement<'_> {
    /// What a search finds is found once: the total counts it, the page is cut
    /// from it, and only the rows of the page are read.
    pub(super) fn found<'b>(
        &'b self,
        search: &'b Search,
        mut out: AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        out.push_sql("found AS MATERIALIZED (SELECT id, ");
        out.push_sql(match self.order.by {
            // A column of a function has no collation of its own.
            OrderBy::Name => "name COLLATE spanish AS name",
            _ => self.key(),
        });
        // No LIKE reaches the index, whose trigrams are marked by their tenant, and behind
        // row-level security none would: these functions do (migration 0017).
        out.push_sql(match self.organization {
            Some(_) => " FROM search_clients(",
            None => " FROM search_all_clients(",
        });
        out.push_bind_param::<Text, _>(&search.fragment)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&search.digits)?;
        out.push_sql(") WHERE ");
        if self.known.is_some() {
            out.push_sql("NOT (SELECT holds FROM known) AND ");
        }
        self.conditions(IN_CLIENTS, out.reborrow())?;
        out.push_sql("), page AS MATERIALIZED (SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM clients WHERE ");
        if let Some(organization) = &self.organization {
            out.push_sql("organization_id = ");
            out.push_bind_param::<SqlUuid, _>(organization)?;
            out.push_sql(" AND ");
        }
        let (before, behind) = match self.known {
            Some(_) => (
                "SELECT id FROM walked WHERE (SELECT holds FROM known) UNION ALL (",
                ")",
            ),
            None => ("", ""),
        };
        for part in [
            "id = ANY (ARRAY(",
            before,
            "SELECT id FROM found WHERE true",
        ] {
            out.push_sql(part);
        }
        self.cut(out.reborrow())?;
        out.push_sql(behind);
        out.push_sql(")))");
        Ok(())
    }

    /// The page of a search whose count is known, if that holds: from where the list
    /// begins, until the page is full, through as many clients as were found at most.
    pub(super) fn walked<'b>(
        &'b self,
        search: &'b Search,
        known: &'b Count,
        mut out: AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        for part in [
            "walked AS MATERIALIZED (SELECT id FROM (SELECT id, ",
            self.key(),
            ", search_text FROM clients WHERE (SELECT bit_xor(mark)",
        ] {
            out.push_sql(part);
        }
        self.of_totals(out.reborrow())?;
        out.push_sql(") = ");
        out.push_bind_param::<BigInt, _>(&known.mark)?;
        out.push_sql(" AND ");
        self.conditions(IN_CLIENTS, out.reborrow())?;
        self.after(out.reborrow())?;
        self.ordered(out.reborrow());
        // What is read, and further below what is handed out.
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&known.found)?;
        // As search_clients finds them.
        out.push_sql(") AS clients WHERE (search_text LIKE (SELECT search_pattern(");
        out.push_bind_param::<Text, _>(&search.fragment)?;
        out.push_sql(")) OR search_text LIKE (SELECT search_pattern(");
        out.push_bind_param::<Nullable<Text>, _>(&search.digits)?;
        out.push_sql(")))");
        self.ordered(out.reborrow());
        out.push_sql(" LIMIT ");
        self.limited(out.reborrow())?;
        out.push_sql("), known AS MATERIALIZED (SELECT count(*) = ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(" AS holds FROM walked), ");
        Ok(())
    }

    /// The rows of the organization that totals are summed from, whoever looks after whom.
    fn of_totals<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" FROM client_totals WHERE grain IN ('WRITE', 'ALL') AND organization_id = ");
        out.push_bind_param::<Nullable<SqlUuid>, _>(&self.organization)
    }

    /// How many were found in all, and of which writes that is, unless it was known or
    /// these are few.
    pub(super) fn count<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        if let Some(known) = &self.known {
            out.push_sql("CASE WHEN (SELECT holds FROM known) THEN ");
            out.push_bind_param::<BigInt, _>(&known.found)?;
            out.push_sql(" ELSE counted.clients END AS clients");
        } else {
            out.push_sql("counted.clients");
        }
        out.push_sql(if self.counting {
            ", state.mark, state.among"
        } else {
            ", NULL::bigint AS mark, NULL::bigint AS among"
        });
        out.push_sql(" FROM (SELECT count(*) AS clients FROM found) AS counted");
        if self.counting {
            out.push_sql(
                ", LATERAL (SELECT nullif(bit_xor(mark), 0) AS mark, sum(change) FILTER (WHERE ",
            );
            self.conditions(IN_TOTALS, out.reborrow())?;
            out.push_sql(") AS among");
            self.of_totals(out.reborrow())?;
            out.push_sql(" AND counted.clients > ");
            out.push_bind_param::<BigInt, _>(&FEW)?;
            out.push_sql(") AS state");
        }
        Ok(())
    }
}
