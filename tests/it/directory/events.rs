//! Events: what changes, what stays, and when they may start.

use nvito_clients::grpc::proto::{Client, ClientHistoryKind, UpsertEventRequest};
use prost_types::Timestamp;

use super::{event, put_event, remove_event};
use crate::support::{App, assert_told, changes, client, nobody};

#[tokio::test]
async fn an_event_keeps_its_organization_and_its_client() {
    let app = App::start().await;
    let root = app.super_admin();
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let admin = org.platform_admin();
    let host = admin.create(client("Juan")).await.expect("created");
    let party = nobody();
    put_event(&root, event(&party, &org.id, "Boda"))
        .await
        .expect("upserted");
    app.execute(&format!("UPDATE events SET client_id = '{}'", host.id))
        .await;
    let before = app.contents().await;
    let moved = put_event(&root, event(&party, &other.id, "Otra")).await;
    moved
        .expect_err("immutable")
        .violates(&[("organization_id", "IMMUTABLE")]);
    assert_eq!(app.contents().await, before);

    put_event(&root, event(&party, &org.id, "Boda civil"))
        .await
        .expect("renamed");
    let found = admin.get(&host.id).await.expect("found");
    assert_eq!(found.events[0].name, "Boda civil");
    assert_eq!(found.etag, host.etag);
    remove_event(&root, &party).await.expect("removed");
    let after = admin.get(&host.id).await.expect("found");
    let history = admin.history(&host.id).await.expect("told");
    assert_told(&after, &history);
    assert_eq!(history[0].kind(), ClientHistoryKind::EventUnlinked);
    assert_eq!(changes(&history[0]), [("event_id", Some(&*party), None)]);
    let expected = Client {
        etag: after.etag.clone(),
        updated_at: after.updated_at,
        ..host
    };
    assert_eq!(after, expected);
}

#[tokio::test]
async fn an_event_starts_between_the_years_1_and_9999() {
    let app = App::start().await;
    let root = app.super_admin();
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let host = admin.create(client("Juan")).await.expect("created");
    let party = nobody();
    let put = async |seconds, nanos| {
        let request = UpsertEventRequest {
            starts_at: Some(Timestamp { seconds, nanos }),
            ..event(&party, &org.id, "Boda")
        };
        put_event(&root, request).await
    };
    put(0, 0).await.expect("upserted");
    app.execute(&format!("UPDATE events SET client_id = '{}'", host.id))
        .await;
    for (seconds, nanos, kept) in [
        (-62_135_596_800, 0, 0),
        (253_402_300_799, 999_999_999, 999_999_000),
        (-1, 999_999_999, 999_999_000),
        (1_772_388_000, 123_456_789, 123_456_000),
    ] {
        let kept = Some(Timestamp {
            seconds,
            nanos: kept,
        });
        assert_eq!(put(seconds, nanos).await.expect("upserted").starts_at, kept);
        let found = admin.get(&host.id).await.expect("found");
        assert_eq!(found.events[0].starts_at, kept);
    }
    let before = app.contents().await;
    for (seconds, nanos) in [
        (-62_135_596_801, 0),
        (253_402_300_800, 0),
        (i64::MIN, 0),
        (0, -1),
        (0, 1_000_000_000),
    ] {
        let refused = put(seconds, nanos).await.expect_err("refused");
        refused.violates(&[("starts_at", "INVALID_TIMESTAMP")]);
    }
    assert_eq!(app.contents().await, before);
    put_event(&root, event(&party, &org.id, "Boda"))
        .await
        .expect("no date again");
    let found = admin.get(&host.id).await.expect("found");
    assert_eq!(found.events[0].starts_at, None);
}
