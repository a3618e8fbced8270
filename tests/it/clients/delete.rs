//! `DeleteClient`.

use nvito_clients::grpc::proto::{
    ClientPatch, CreateClientRequest, DeleteClientRequest, ListClientsRequest,
};
use tonic::Code;

use super::{assert_changed, full, link_event};
use crate::support::{Actor, App, Failure, client, nobody};

async fn delete_at(actor: &Actor, id: &str, etag: &str) -> Result<(), Failure> {
    let request = DeleteClientRequest {
        id: id.to_owned(),
        etag: etag.to_owned(),
        ..DeleteClientRequest::default()
    };
    Ok(actor.clients().delete_client(request).await.map(drop)?)
}

#[tokio::test]
async fn a_deleted_client_keeps_everything_and_is_found_no_more() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let new = CreateClientRequest {
        assigned_to_id: Some(org.member("Ana").await),
        ..full("Juan")
    };
    let made = admin.create(new).await.expect("created");
    let kept = admin.create(client("Juana")).await.expect("created");
    link_event(&app, &made, &nobody(), "Boda", "now()").await;

    let deleted = root.delete(&made.id).await.expect("deleted");
    assert_changed(&made, &deleted, |client| {
        client.deleted_at = Some(deleted.deleted_at.expect("a time"));
        client.event_count = 1;
    });
    let again = root.delete(&made.id).await.expect_err("deleted");
    again.is(Code::NotFound, "CLIENT_NOT_FOUND");
    let patched = admin.patch(&made.id, ClientPatch::default()).await;
    patched
        .expect_err("deleted")
        .is(Code::NotFound, "CLIENT_NOT_FOUND");

    for search in ["", "juan"] {
        for actor in [&admin, &root] {
            let request = ListClientsRequest {
                search: search.to_owned(),
                ..ListClientsRequest::default()
            };
            let list = actor.list(request).await.expect("listed");
            assert_eq!(list.clients, std::slice::from_ref(&kept), "{search}");
            assert_eq!(list.meta.expect("meta").total, 1);
        }
    }
    let linked = "SELECT count(*) FROM clients JOIN events ON client_id = clients.id
                  WHERE deleted_at IS NOT NULL AND assigned_to_id IS NOT NULL";
    assert_eq!(app.count(linked).await, 1);
}

#[tokio::test]
async fn a_client_is_deleted_as_it_was_read_or_not_at_all() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    let read = admin.create(client("Ana")).await.expect("created");
    let patch = ClientPatch {
        notes: Some("visto".to_owned()),
        ..ClientPatch::default()
    };
    let written = admin.patch(&read.id, patch).await.expect("changed");
    let refused = delete_at(&root, &read.id, &read.etag).await;
    let refused = refused.expect_err("stale");
    refused.is(Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(refused.metadata["current_etag"], written.etag);
    assert!(refused.details.retry_info().is_none());
    assert_eq!(admin.get(&read.id).await.expect("still there"), written);
    delete_at(&root, &read.id, &written.etag)
        .await
        .expect("deleted");
    admin.get(&read.id).await.expect_err("deleted");
}

#[tokio::test]
async fn an_absent_or_malformed_id_deletes_nothing() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let refused = root.delete(&nobody()).await.expect_err("absent");
    refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
    for (id, reason) in [("", "REQUIRED"), ("1", "INVALID_UUID")] {
        let refused = root.delete(id).await.expect_err("refused");
        refused.violates(&[("id", reason)]);
    }
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
}
