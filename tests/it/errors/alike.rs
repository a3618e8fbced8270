//! What a caller may not see answers as what is not there, byte for byte.

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{
    ClientPatch, CreateClientRequest, DeleteClientRequest, UpdateClientRequest,
};
use tonic::Code;

use crate::support::{Actor, App, Failure, client, nobody};

/// All that reaches a caller: code, message, details, metadata.
type Seen = (Code, String, Vec<u8>, Vec<(String, Vec<u8>)>);

fn seen(failure: &Failure) -> Seen {
    let headers = failure.status.metadata().clone().into_headers();
    let mut headers: Vec<_> = headers
        .iter()
        .filter(|(key, _)| *key != "date")
        .map(|(key, value)| (key.to_string(), value.as_bytes().to_vec()))
        .collect();
    headers.sort();
    let details = failure.status.details().to_vec();
    (failure.code, failure.message.clone(), details, headers)
}

/// What every way to reach one client answers.
async fn every_way(actor: &Actor, id: &str) -> Vec<Seen> {
    let patch = |patch: ClientPatch| UpdateClientRequest {
        id: id.to_owned(),
        client: Some(patch),
        ..UpdateClientRequest::default()
    };
    let notes = ClientPatch {
        notes: Some("visto".to_owned()),
        ..ClientPatch::default()
    };
    let leap = ClientPatch {
        status: Some(3),
        ..ClientPatch::default()
    };
    let updates = [
        patch(notes.clone()),
        patch(ClientPatch::default()),
        patch(leap),
        UpdateClientRequest {
            etag: "00000009".to_owned(),
            validate_only: true,
            ..patch(notes.clone())
        },
        UpdateClientRequest {
            request_id: nobody(),
            ..patch(notes)
        },
    ];
    let delete = DeleteClientRequest {
        id: id.to_owned(),
        etag: "00000009".to_owned(),
        ..DeleteClientRequest::default()
    };
    let deleted = actor.clients().delete_client(delete).await.map(drop);
    let mut all = vec![
        seen(&actor.get(id).await.expect_err("not found")),
        seen(&deleted.map_err(Failure::from).expect_err("not found")),
        seen(&actor.delete(id).await.expect_err("not found")),
    ];
    for update in updates {
        all.push(seen(&actor.update(update).await.expect_err("not found")));
    }
    all
}

async fn insert(app: &App, id: &str, organization: &str) {
    let insert = format!(
        "INSERT INTO clients (id, organization_id, name, email, status)
         VALUES ('{id}', '{organization}', 'canario', 'canario@example.com', 'PROSPECT')"
    );
    app.superuser()
        .await
        .batch_execute(&insert)
        .await
        .expect("inserted");
}

#[tokio::test]
async fn a_foreign_client_is_no_client() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let id = nobody();
    let actor = own.platform_admin().saying("x-request-id", "same");
    let absent = every_way(&actor, &id).await;
    insert(&app, &id, &other.id).await;
    let before = app.contents().await;
    assert_eq!(every_way(&actor, &id).await, absent);
    assert_eq!(app.contents().await, before);

    // Its own people find it: the row is there to be found.
    let theirs = other.platform_admin().saying("x-request-id", "same");
    theirs.get(&id).await.expect("found");
    app.super_admin().delete(&id).await.expect("deleted");
    let deleted = theirs.get(&id).await.expect_err("deleted");
    assert_eq!(seen(&deleted), absent[0]);
    assert_eq!(every_way(&actor, &id).await, absent);
}

#[tokio::test]
async fn a_deleted_client_is_no_client() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let id = nobody();
    let root = app.super_admin().saying("x-request-id", "same");
    let absent = every_way(&root, &id).await;
    assert!(absent.iter().all(|(code, ..)| *code == Code::NotFound));
    insert(&app, &id, &own.id).await;
    root.delete(&id).await.expect("deleted");
    assert_eq!(every_way(&root, &id).await, absent);
}

#[tokio::test]
async fn a_foreign_member_and_an_inactive_one_are_nobody() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let user = nobody();
    let actor = own.platform_admin().saying("x-request-id", "same");
    let assigned = async || {
        let new = CreateClientRequest {
            assigned_to_id: Some(user.clone()),
            ..client("Ana")
        };
        actor.create(new).await
    };
    let refused = async || seen(&assigned().await.expect_err("nobody"));
    let absent = refused().await;
    other.upsert_member(&user, "Ana", true).await;
    assert_eq!(refused().await, absent);
    own.upsert_member(&user, "Ana", false).await;
    assert_eq!(refused().await, absent);
    own.upsert_member(&user, "Ana", true).await;
    assigned().await.expect("one of us now");
}

#[tokio::test]
async fn a_foreign_organization_is_refused_whether_it_exists_or_not() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let actor = own
        .actor(Role::PlatformAdmin)
        .saying("x-request-id", "same");
    let mut answers = Vec::new();
    for organization_id in [other.id.clone(), nobody()] {
        let new = CreateClientRequest {
            organization_id,
            ..client("Ana")
        };
        answers.push(seen(&actor.create(new).await.expect_err("not ours")));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, Code::PermissionDenied);
}
