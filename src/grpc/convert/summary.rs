//! Summaries: requests → what is asked, rows → messages.

use super::check::{Check, optional};
use super::enums::summary_group;
use super::time::moment;
use crate::domain::ids::OrganizationId;
use crate::domain::summary::{Period, SummaryGroup, SummaryRow};
use crate::error::Result;
use crate::grpc::proto;

/// Reads what a summary is grouped by and which time it spans.
pub(in crate::grpc) fn summary(
    message: &proto::SummarizeClientsRequest,
) -> Result<(SummaryGroup, Period)> {
    let mut check = Check::default();
    check.field(
        "organization_id",
        optional(&message.organization_id, OrganizationId::parse),
    );
    let group = check.field("group_by", summary_group(message.group_by));
    let from = check.field("from", message.from.as_ref().map(moment).transpose());
    let to = check.field("to", message.to.as_ref().map(moment).transpose());
    let period = check.field("to", Period::new(from, to));
    check.finish((group, period))
}

/// `SummarizeClientsResponse`.
pub(in crate::grpc) fn summarized(rows: Vec<SummaryRow>) -> proto::SummarizeClientsResponse {
    let rows = rows.into_iter().map(|row| proto::SummaryRow {
        conversion: row.conversion(),
        key: row.key,
        total: row.total,
        reached_active: row.reached_active,
        median_days_to_active: row.median_days_to_active,
    });
    proto::SummarizeClientsResponse {
        rows: rows.collect(),
    }
}
