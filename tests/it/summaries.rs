//! `SummarizeClients`: which channel brings clients who become active (spec §8).
//!
//! The service reads what a trigger notes in `clients`. The tests ask the history
//! instead: who ever stood at ACTIVE is whom an entry has taken there.

use std::cmp::Reverse;

use nvito_clients::grpc::proto::{
    AcquisitionSource, ClientPatch, ClientStatus, ClientType, CreateClientRequest,
    SummarizeClientsRequest, SummaryGroup, SummaryRow,
};
use tokio_postgres::Client as Sql;

use crate::support::{Actor, App, Failure, client};

mod ranges;
pub(crate) mod seeds;

/// Groups and their keys in plain SQL. Mexico City has kept to UTC−6 since 2022.
const KEYS: [(SummaryGroup, &str); 5] = [
    (SummaryGroup::Source, "acquisition_source"),
    (SummaryGroup::Status, "status"),
    (SummaryGroup::Type, "type"),
    (SummaryGroup::Assignee, "assigned_to_id::text"),
    (
        SummaryGroup::Month,
        "to_char((created_at - interval '6 hours') AT TIME ZONE 'UTC', 'YYYY-MM')",
    ),
];

pub(crate) async fn summarize(
    actor: &Actor,
    request: SummarizeClientsRequest,
) -> Result<Vec<SummaryRow>, Failure> {
    let answer = actor.clients().summarize_clients(request).await?;
    Ok(answer.into_inner().rows)
}

pub(crate) fn by(group: SummaryGroup) -> SummarizeClientsRequest {
    SummarizeClientsRequest {
        group_by: group.into(),
        ..SummarizeClientsRequest::default()
    }
}

/// What the history says of the clients that `condition` holds.
async fn told(sql: &Sql, (group, key): (SummaryGroup, &str), condition: &str) -> Vec<SummaryRow> {
    let query = format!(
        "SELECT coalesce({key}, ''), count(*), count(first),
                percentile_cont(0.5) WITHIN GROUP
                    (ORDER BY extract(epoch FROM first - created_at)::float8 / 86400)
         FROM clients LEFT JOIN (
             SELECT client_id, min(at) AS first FROM client_history
             WHERE changes @> '[{{\"field\": \"status\", \"after\": \"ACTIVE\"}}]'
             GROUP BY client_id
         ) AS activation ON client_id = id
         WHERE deleted_at IS NULL AND {condition}
         GROUP BY 1"
    );
    let rows = sql.query(&query, &[]).await.expect("a summary");
    let rows = rows.iter().map(|row| {
        let (total, reached_active): (i64, i64) = (row.get(1), row.get(2));
        SummaryRow {
            key: row.get(0),
            total,
            reached_active,
            conversion: share(reached_active, total),
            median_days_to_active: row.get(3),
        }
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| {
        let total = (group != SummaryGroup::Month).then_some(Reverse(row.total));
        (total, row.key.clone())
    });
    rows
}

#[allow(clippy::cast_precision_loss, reason = "a test's clients are few")]
fn share(reached: i64, total: i64) -> f64 {
    reached as f64 / total as f64
}

/// Asserts that the service says of every group what the history says.
pub(crate) async fn assert_told(
    actor: &Actor,
    sql: &Sql,
    request: SummarizeClientsRequest,
    condition: &str,
) {
    for (group, key) in KEYS {
        let request = SummarizeClientsRequest {
            group_by: group.into(),
            ..request.clone()
        };
        let rows = summarize(actor, request).await.expect("a summary");
        let expected = told(sql, (group, key), condition).await;
        assert_eq!(rows.len(), expected.len(), "{group:?}");
        for (row, expected) in rows.iter().zip(&expected) {
            let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            let medians = (row.median_days_to_active, expected.median_days_to_active);
            let alike = match medians {
                (Some(median), Some(expected)) => near(median, expected),
                (median, expected) => median == expected,
            };
            let same = row.key == expected.key
                && row.total == expected.total
                && row.reached_active == expected.reached_active
                && near(row.conversion, expected.conversion);
            assert!(same && alike, "{group:?}: {row:?}, not {expected:?}");
        }
    }
}

fn new(source: AcquisitionSource, status: ClientStatus) -> CreateClientRequest {
    CreateClientRequest {
        acquisition_source: source.into(),
        status: status.into(),
        ..client("Ana")
    }
}

/// Key, total and how many reached ACTIVE, of each row.
fn counts(rows: &[SummaryRow]) -> Vec<(&str, i64, i64)> {
    rows.iter()
        .map(|row| (row.key.as_str(), row.total, row.reached_active))
        .collect()
}

#[tokio::test]
async fn every_group_says_what_the_history_says() {
    use AcquisitionSource::{Direct, Google, Referral, Unspecified};
    use ClientStatus::{Active, Completed, Inactive, Prospect};

    let app = App::start().await;
    let (north, south) = (app.org("Norte").await, app.org("Sur").await);
    let (admin, other, root) = (
        north.platform_admin(),
        south.platform_admin(),
        app.super_admin(),
    );
    let ana = north.member("Ana").await;
    let make = async |request| admin.create(request).await.expect("created").id;
    let step = async |id: &str, status| admin.transition(id, status).await.expect("a step");

    make(new(Google, Prospect)).await;
    let transitioned = make(new(Google, Prospect)).await;
    step(&transitioned, Active).await;
    step(&transitioned, Completed).await;
    // Through UpdateClient, and back again from COMPLETED.
    let updated = CreateClientRequest {
        r#type: ClientType::Company.into(),
        assigned_to_id: Some(ana.clone()),
        ..new(Google, Prospect)
    };
    let updated = make(updated).await;
    for status in [Active, Completed, Active] {
        let patch = ClientPatch {
            status: Some(status.into()),
            ..ClientPatch::default()
        };
        admin.patch(&updated, patch).await.expect("a step");
    }
    make(new(Referral, Active)).await;
    // Begun at COMPLETED: one never stands at ACTIVE, one does later.
    make(new(Referral, Completed)).await;
    let reopened = make(new(Direct, Completed)).await;
    step(&reopened, Active).await;
    let revived = make(new(Unspecified, Inactive)).await;
    step(&revived, Prospect).await;
    let gone = make(new(Unspecified, Active)).await;
    root.delete(&gone).await.expect("deleted");
    let elsewhere = new(Google, Active);
    other.create(elsewhere).await.expect("created");

    let sql = app.superuser().await;
    let of = |organization: &str| format!("organization_id = '{organization}'");
    let all = SummarizeClientsRequest::default;
    let narrowed = |organization: &str| SummarizeClientsRequest {
        organization_id: organization.to_owned(),
        ..all()
    };
    for (actor, request, condition) in [
        (&admin, all(), of(&north.id)),
        (&admin, narrowed(&north.id), of(&north.id)),
        (&other, all(), of(&south.id)),
        (&root, narrowed(&north.id), of(&north.id)),
        (&root, all(), "true".to_owned()),
    ] {
        assert_told(actor, &sql, request, &condition).await;
    }

    let by_source = summarize(&admin, all()).await.expect("by source");
    let expected = [
        ("GOOGLE", 3, 2),
        ("REFERRAL", 2, 1),
        ("", 1, 0),
        ("DIRECT", 1, 1),
    ];
    assert_eq!(counts(&by_source), expected);
    let assignees = summarize(&admin, by(SummaryGroup::Assignee)).await;
    let assignees = assignees.expect("by assignee");
    assert_eq!(counts(&assignees), [("", 6, 3), (ana.as_str(), 1, 1)]);

    root.undelete(&gone).await.expect("back");
    assert_told(&admin, &sql, all(), &of(&north.id)).await;
    let by_source = summarize(&admin, all()).await.expect("by source");
    assert_eq!(counts(&by_source)[1], ("", 2, 1));
}

#[tokio::test]
async fn a_median_counts_days_to_the_first_time() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let (google, prospect) = (AcquisitionSource::Google, ClientStatus::Prospect);
    let median = async || {
        let rows = summarize(&admin, SummarizeClientsRequest::default()).await;
        rows.expect("a summary")[0].median_days_to_active
    };
    let mut seen = Vec::new();
    for days in [3, 1, 10] {
        let made = admin.create(new(google, prospect)).await.expect("created");
        if days == 3 {
            assert_eq!(median().await, None);
        }
        for status in [
            ClientStatus::Active,
            ClientStatus::Completed,
            ClientStatus::Active,
        ] {
            admin.transition(&made.id, status).await.expect("a step");
        }
        let id = &made.id;
        app.execute(&format!(
            "UPDATE clients SET created_at = (SELECT min(at) FROM client_history
                 WHERE client_id = id AND kind = 'TRANSITIONED') - interval '{days} days'
             WHERE id = '{id}'"
        ))
        .await;
        seen.push(median().await);
    }
    // Of an even number, the middle between the two in the middle.
    assert_eq!(seen, [Some(3.0), Some(2.0), Some(3.0)]);
}
