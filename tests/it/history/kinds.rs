//! Every kind of write, and what it tells.

use nvito_clients::grpc::proto::ClientHistoryKind as Kind;
use nvito_clients::grpc::proto::{
    ClientHistoryEntry, ClientPatch, CreateClientRequest, ReassignClientsRequest,
    RemoveEventRequest, RemoveMemberRequest,
};
use prost_types::Timestamp;

use super::{assert_last, full, named};
use crate::support::{App, assert_told, assert_whole, changes, client};

fn last(mut history: Vec<ClientHistoryEntry>) -> ClientHistoryEntry {
    history.remove(0)
}

#[tokio::test]
async fn deletion_and_return_are_told() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = named(app.super_admin());
    let id = admin.create(client("Ana")).await.expect("created").id;
    root.delete(&id).await.expect("deleted");
    assert_last(&root, &root, &id, Kind::Deleted, &[]).await;
    root.undelete(&id).await.expect("back");
    assert_last(&root, &root, &id, Kind::Undeleted, &[]).await;
    let deleted = root.delete(&id).await.expect("deleted");
    root.purge(&id).await.expect("purged");
    let history = root.history(&id).await.expect("told");
    assert_whole(&history);
    let purged = last(history);
    assert_eq!((purged.id.as_str(), purged.kind()), ("5", Kind::Purged));
    assert_eq!(
        (&purged.actor_id, &purged.request_id),
        (&root.user_id(), &root.user_id())
    );
    assert!(purged.changes.is_empty());
    let time = |time: Option<Timestamp>| time.map(|time| (time.seconds, time.nanos));
    assert!(time(purged.at) > time(deleted.updated_at));
}

#[tokio::test]
async fn who_looks_after_a_client_is_told() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (named(org.platform_admin()), named(app.super_admin()));
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    let live = admin.create(full(&ana)).await.expect("created").id;
    let new = CreateClientRequest {
        email: None,
        ..full(&ana)
    };
    let deleted = admin.create(new).await.expect("created").id;

    let to = |from: &str, to: &str| ReassignClientsRequest {
        from_user_id: from.to_owned(),
        to_user_id: to.to_owned(),
        unassign: to.is_empty(),
        ..ReassignClientsRequest::default()
    };
    let moved = |before, after| [("assigned_to_id", before, after)];
    admin.reassign(to(&ana, &eva)).await.expect("moved");
    let told = moved(Some(&*ana), Some(&*eva));
    for id in [&live, &deleted] {
        assert_last(&admin, &root, id, Kind::Reassigned, &told).await;
    }
    root.delete(&deleted).await.expect("deleted");
    let remove = RemoveMemberRequest {
        organization_id: org.id.clone(),
        user_id: eva.clone(),
    };
    root.directory()
        .remove_member(remove)
        .await
        .expect("removed");
    let told = moved(Some(&*eva), None);
    for id in [&live, &deleted] {
        assert_last(&root, &root, id, Kind::AssigneeLeft, &told).await;
    }
    let again = ClientPatch {
        assigned_to_id: Some(ana.clone()),
        ..ClientPatch::default()
    };
    admin.patch(&live, again.clone()).await.expect("assigned");
    org.upsert_member(&ana, "Ana", false).await;
    let history = root.history(&live).await.expect("told");
    assert_told(&root.get(&live).await.expect("found"), &history);
    let entry = last(history);
    assert_eq!(entry.kind(), Kind::AssigneeLeft);
    assert_eq!(changes(&entry), moved(Some(&*ana), None));

    org.upsert_member(&ana, "Ana", true).await;
    admin.patch(&live, again).await.expect("assigned");
    admin.reassign(to(&ana, "")).await.expect("moved");
    let told = moved(Some(&*ana), None);
    assert_last(&admin, &root, &live, Kind::Reassigned, &told).await;
}

#[tokio::test]
async fn events_that_come_and_go_are_told() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (named(org.platform_admin()), named(app.super_admin()));
    let ana = admin.create(client("Ana")).await.expect("created").id;
    let eva = admin.create(client("Eva")).await.expect("created").id;
    let party = org.event("Boda").await;
    let (linked, unlinked) = (
        [("event_id", None, Some(&*party))],
        [("event_id", Some(&*party), None)],
    );
    admin.link(&party, &ana).await.expect("linked");
    assert_last(&admin, &root, &ana, Kind::EventLinked, &linked).await;
    admin.link(&party, &eva).await.expect("moved");
    assert_last(&admin, &root, &ana, Kind::EventUnlinked, &unlinked).await;
    assert_last(&admin, &root, &eva, Kind::EventLinked, &linked).await;
    admin.unlink(&party).await.expect("unlinked");
    assert_last(&admin, &root, &eva, Kind::EventUnlinked, &unlinked).await;

    admin.link(&party, &ana).await.expect("linked");
    root.delete(&ana).await.expect("deleted");
    admin.link(&party, &eva).await.expect("moved");
    assert_last(&admin, &root, &ana, Kind::EventUnlinked, &unlinked).await;
    let request = RemoveEventRequest { id: party.clone() };
    root.directory()
        .remove_event(request)
        .await
        .expect("removed");
    assert_last(&root, &root, &eva, Kind::EventUnlinked, &unlinked).await;
}
