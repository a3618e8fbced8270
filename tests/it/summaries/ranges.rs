//! The time a summary spans, and whose clients it counts.

use nvito_clients::grpc::proto::{SummarizeClientsRequest, SummaryGroup};
use tonic::Code;

use super::{assert_told, by, counts, summarize};
use crate::support::{App, client, nobody};

fn between(from: Option<&str>, to: Option<&str>) -> SummarizeClientsRequest {
    let moment = |text: &str| text.parse().expect("a moment");
    SummarizeClientsRequest {
        from: from.map(moment),
        to: to.map(moment),
        ..by(SummaryGroup::Month)
    }
}

#[tokio::test]
async fn a_month_begins_in_mexico_city() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    for moment in [
        "2026-03-01T05:59:59.999999Z",
        "2026-03-01T06:00:00Z",
        "2026-04-01T05:59:59Z",
        "2026-12-31T23:59:59Z",
        "2027-01-01T06:00:00Z",
    ] {
        let id = admin.create(client("Ana")).await.expect("created").id;
        let set = format!("UPDATE clients SET created_at = '{moment}' WHERE id = '{id}'");
        app.execute(&set).await;
    }
    let months = async |from, to| {
        let rows = summarize(&admin, between(from, to)).await;
        let rows = rows.expect("a summary");
        let rows = counts(&rows).into_iter();
        rows.map(|(month, total, _)| format!("{month} {total}"))
            .collect::<Vec<_>>()
    };
    let first = Some("2026-03-01T06:00:00Z");
    let later = Some("2026-03-01T06:00:00.000001Z");
    let last = Some("2026-04-01T05:59:59Z");
    let all = ["2026-02 1", "2026-03 2", "2026-12 1", "2027-01 1"];
    assert_eq!(months(None, None).await, all);
    // The first moment belongs to a range, the last one does not.
    assert_eq!(months(first, None).await, all[1..]);
    assert_eq!(months(None, first).await, all[..1]);
    assert_eq!(months(first, last).await, ["2026-03 1"]);
    assert_eq!(months(first, later).await, ["2026-03 1"]);
    assert_eq!(months(later, last).await, [""; 0]);

    let sql = app.superuser().await;
    let condition = "created_at >= '2026-03-01T06:00:00Z' AND created_at < '2026-04-01T05:59:59Z'";
    assert_told(&admin, &sql, between(first, last), condition).await;
}

#[tokio::test]
async fn a_range_ends_after_it_begins() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let (early, late) = (Some("2026-03-01T00:00:00Z"), Some("2026-03-02T00:00:00Z"));
    for request in [between(late, late), between(late, early)] {
        let refused = summarize(&admin, request).await.expect_err("no range");
        refused.violates(&[("to", "INVALID_RANGE")]);
    }
    let unknown = SummarizeClientsRequest {
        organization_id: "x".to_owned(),
        group_by: 99,
        ..between(late, early)
    };
    let refused = summarize(&app.super_admin(), unknown).await;
    refused.expect_err("three violations").violates(&[
        ("organization_id", "INVALID_UUID"),
        ("group_by", "INVALID_ENUM"),
        ("to", "INVALID_RANGE"),
    ]);
}

#[tokio::test]
async fn a_summary_stays_in_its_organization() {
    let app = App::start().await;
    let (north, south, empty) = (
        app.org("Norte").await,
        app.org("Sur").await,
        app.org("Vacía").await,
    );
    let (admin, root) = (north.platform_admin(), app.super_admin());
    admin.create(client("Ana")).await.expect("created");
    for name in ["Eva", "Luz"] {
        let made = south.platform_admin().create(client(name)).await;
        made.expect("created");
    }
    let of = |organization: &str| SummarizeClientsRequest {
        organization_id: organization.to_owned(),
        ..SummarizeClientsRequest::default()
    };
    let total = async |actor, request| {
        let rows = summarize(actor, request).await.expect("a summary");
        rows.iter().map(|row| row.total).sum::<i64>()
    };
    assert_eq!(total(&admin, of("")).await, 1);
    assert_eq!(total(&root, of("")).await, 3);
    assert_eq!(total(&root, of(&south.id)).await, 2);
    for (actor, request) in [
        (&empty.platform_admin(), of("")),
        (&root, of(&empty.id)),
        (&root, of(&nobody())),
    ] {
        let rows = summarize(actor, request).await.expect("a summary");
        assert_eq!(rows, []);
    }
    for foreign in [south.id.clone(), nobody()] {
        let refused = summarize(&admin, of(&foreign)).await.expect_err("foreign");
        refused.is(Code::PermissionDenied, "ORGANIZATION_NOT_ALLOWED");
    }
}
