//! How many clients came and how many became active (spec §8).

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::Repository;
use super::scope::Mode;
use super::transaction::Transaction;
use crate::domain::summary::{Period, SummaryGroup, SummaryRow};
use crate::error::Result;

impl Repository {
    /// The live clients of the scope that were created within `period`, counted
    /// by group.
    pub async fn summarize(&self, group: SummaryGroup, period: Period) -> Result<Vec<SummaryRow>> {
        let transaction = self.begin(Mode::Snapshot).await?;
        let outcome = rows(&transaction, group, period).await;
        transaction.finish(outcome).await
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    total: i64,
    #[diesel(sql_type = BigInt)]
    reached_active: i64,
    #[diesel(sql_type = Nullable<Double>)]
    median_days: Option<f64>,
}

async fn rows(
    transaction: &Transaction,
    group: SummaryGroup,
    period: Period,
) -> Result<Vec<SummaryRow>> {
    // Conditions are there or not, never `$1 IS NULL OR …`: the index of the
    // list is led by what they name.
    let mut query = diesel::sql_query("SELECT coalesce(")
        .into_boxed::<Pg>()
        .sql(key(group))
        .sql(
            ", '') AS key, count(*) AS total, count(first_active_at) AS reached_active, \
             percentile_cont(0.5) WITHIN GROUP \
             (ORDER BY extract(epoch FROM first_active_at - created_at)::double precision / 86400) \
             AS median_days \
             FROM clients WHERE deleted_at IS NULL",
        );
    let mut parameters = 0;
    let mut next = |condition: &str| {
        parameters += 1;
        format!(" AND {condition} ${parameters}")
    };
    if let Some(organization) = transaction.scope().organization() {
        query = query
            .sql(next("organization_id ="))
            .bind::<SqlUuid, _>(organization.0);
    }
    if let Some(from) = period.from() {
        query = query
            .sql(next("created_at >="))
            .bind::<Timestamptz, _>(from);
    }
    if let Some(to) = period.to() {
        query = query.sql(next("created_at <")).bind::<Timestamptz, _>(to);
    }
    let order = match group {
        SummaryGroup::Month => " GROUP BY 1 ORDER BY 1",
        _ => " GROUP BY 1 ORDER BY 2 DESC, 1",
    };
    let rows: Vec<Row> = query.sql(order).load(&mut transaction.connection()).await?;
    Ok(rows
        .into_iter()
        .map(|row| SummaryRow {
            key: row.key,
            total: row.total,
            reached_active: row.reached_active,
            median_days_to_active: row.median_days,
        })
        .collect())
}

/// What the clients of a group have in common, as text.
fn key(group: SummaryGroup) -> &'static str {
    match group {
        SummaryGroup::Source => "acquisition_source",
        SummaryGroup::Status => "status",
        SummaryGroup::Type => "type",
        SummaryGroup::Assignee => "assigned_to_id::text",
        SummaryGroup::Month => "to_char(created_at AT TIME ZONE 'America/Mexico_City', 'YYYY-MM')",
    }
}
