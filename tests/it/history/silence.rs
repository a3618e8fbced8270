//! Calls that change nothing, or fail, leave nothing in a history.

use nvito_clients::grpc::proto::{
    ClientPatch, ClientStatus, CreateClientRequest, DeleteClientRequest, ReassignClientsRequest,
    TransitionClientRequest, UndeleteClientRequest, UpdateClientRequest,
};
use tonic::Code;

use super::full;
use crate::support::{App, assert_told, client, kinds, nobody};

fn notes(id: &str, notes: &str) -> UpdateClientRequest {
    UpdateClientRequest {
        id: id.to_owned(),
        client: Some(ClientPatch {
            notes: Some(notes.to_owned()),
            ..ClientPatch::default()
        }),
        ..UpdateClientRequest::default()
    }
}

#[tokio::test]
async fn what_changes_nothing_or_fails_is_not_told() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let ana = org.member("Ana").await;
    let made = admin.create(full(&ana)).await.expect("created");
    let other = admin.create(client("Eva")).await.expect("created");
    let party = org.event("Boda").await;
    admin.link(&party, &made.id).await.expect("linked");
    let before = app.contents().await;

    admin.link(&party, &made.id).await.expect("linked already");
    admin
        .unlink(&org.event("Otra").await)
        .await
        .expect("nobody's");
    app.execute("DELETE FROM events WHERE name = 'Otra'").await;
    root.undelete(&made.id).await.expect("lives");
    admin
        .transition(&made.id, ClientStatus::Active)
        .await
        .expect("stays");
    let same = notes(&made.id, " Llamar por la tarde ");
    admin.update(same).await.expect("nothing to do");
    let stale = UpdateClientRequest {
        etag: made.etag.clone(),
        ..notes(&made.id, "otra")
    };
    let refused = admin.update(stale).await.expect_err("stale");
    refused.is(Code::Aborted, "ETAG_MISMATCH");
    let taken = ClientPatch {
        email: Some("EVENTOS@norte.mx".to_owned()),
        ..ClientPatch::default()
    };
    let refused = admin.patch(&other.id, taken).await.expect_err("taken");
    refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    admin.create(full(&ana)).await.expect_err("taken");
    admin
        .transition(&made.id, ClientStatus::Prospect)
        .await
        .expect_err("no step");
    admin.link(&party, &nobody()).await.expect_err("nobody");
    root.purge(&made.id).await.expect_err("lives");
    let astray = ReassignClientsRequest {
        from_user_id: ana.clone(),
        to_user_id: nobody(),
        ..ReassignClientsRequest::default()
    };
    admin.reassign(astray).await.expect_err("no member");
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn a_check_is_not_told() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let ana = org.member("Ana").await;
    let made = admin.create(full(&ana)).await.expect("created");
    let before = app.contents().await;
    let new = CreateClientRequest {
        validate_only: true,
        ..client("Eva")
    };
    admin.create(new).await.expect("it would do");
    let change = UpdateClientRequest {
        validate_only: true,
        ..notes(&made.id, "otra")
    };
    admin.update(change).await.expect("it would do");
    let step = TransitionClientRequest {
        id: made.id.clone(),
        target_status: ClientStatus::Completed.into(),
        validate_only: true,
        ..TransitionClientRequest::default()
    };
    admin.step(step).await.expect("it would do");
    let unassign = ReassignClientsRequest {
        from_user_id: ana,
        unassign: true,
        validate_only: true,
        ..ReassignClientsRequest::default()
    };
    admin.reassign(unassign).await.expect("it would do");
    let deletion = DeleteClientRequest {
        id: made.id,
        validate_only: true,
        ..DeleteClientRequest::default()
    };
    root.clients()
        .delete_client(deletion)
        .await
        .expect("it would do");
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn a_repetition_is_told_once() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let ana = org.member("Ana").await;
    let new = CreateClientRequest {
        request_id: nobody(),
        ..full(&ana)
    };
    let made = admin.create(new.clone()).await.expect("created");
    let change = UpdateClientRequest {
        request_id: nobody(),
        ..notes(&made.id, "otra")
    };
    let step = TransitionClientRequest {
        id: made.id.clone(),
        target_status: ClientStatus::Completed.into(),
        request_id: nobody(),
        ..TransitionClientRequest::default()
    };
    let unassign = ReassignClientsRequest {
        from_user_id: ana.clone(),
        unassign: true,
        request_id: nobody(),
        ..ReassignClientsRequest::default()
    };
    let deletion = DeleteClientRequest {
        id: made.id.clone(),
        request_id: nobody(),
        ..DeleteClientRequest::default()
    };
    let back = UndeleteClientRequest {
        id: made.id.clone(),
        request_id: nobody(),
    };
    for _ in 0..2 {
        admin.create(new.clone()).await.expect("created");
        admin.update(change.clone()).await.expect("changed");
        admin.step(step.clone()).await.expect("a step");
        let moved = admin.reassign(unassign.clone()).await.expect("moved");
        assert_eq!(moved.client_ids, [made.id.as_str()]);
    }
    for _ in 0..2 {
        let deleted = root.clients().delete_client(deletion.clone()).await;
        deleted.expect("deleted");
    }
    for _ in 0..2 {
        root.clients()
            .undelete_client(back.clone())
            .await
            .expect("back");
    }
    let history = root.history(&made.id).await.expect("told");
    assert_told(&root.get(&made.id).await.expect("found"), &history);
    assert_eq!(kinds(&history).len(), 6);
}
