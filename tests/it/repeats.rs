//! `request_id`: a call that is made twice is carried out once.

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{
    Client, ClientPatch, CreateClientRequest, CreateClientResponse, DeleteClientRequest,
    UpdateClientRequest,
};
use prost::Message;
use tonic::Code;

use crate::layers::waiting;
use crate::support::{Actor, App, Failure, at_once, client, nobody, patiently};

const TWINS: usize = 64;

fn creation(name: &str, request_id: &str) -> CreateClientRequest {
    CreateClientRequest {
        email: Some(format!("{name}@example.com")),
        request_id: request_id.to_owned(),
        ..client(name)
    }
}

fn change(id: &str, notes: &str, request_id: &str) -> UpdateClientRequest {
    UpdateClientRequest {
        id: id.to_owned(),
        client: Some(ClientPatch {
            notes: Some(notes.to_owned()),
            ..ClientPatch::default()
        }),
        request_id: request_id.to_owned(),
        ..UpdateClientRequest::default()
    }
}

fn deletion(id: &str, request_id: &str) -> DeleteClientRequest {
    DeleteClientRequest {
        id: id.to_owned(),
        request_id: request_id.to_owned(),
        ..DeleteClientRequest::default()
    }
}

async fn delete(actor: &Actor, request: DeleteClientRequest) -> Result<Client, Failure> {
    let answer = actor.clients().delete_client(request).await?;
    Ok(answer.into_inner().client.expect("a client"))
}

/// Asserts that a request id stood for another call before.
#[track_caller]
fn assert_reused(answer: Result<Client, Failure>) {
    let refused = answer.expect_err("reused");
    refused.is(Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(refused.violations[0].0, "request_id");
}

#[tokio::test]
async fn a_repeated_creation_is_answered_as_the_first() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let id = nobody();
    let first = admin.create(creation("ana", &id)).await.expect("created");
    admin
        .update(change(&first.id, "visto", ""))
        .await
        .expect("changed meanwhile");
    let before = app.contents().await;
    let again = admin.create(creation("ana", &id)).await;
    assert_eq!(again.expect("the first answer"), first);
    assert_eq!(app.contents().await, before);
    let kept = app.superuser().await;
    let kept = kept.query_one("SELECT answer FROM idempotent_requests", &[]);
    let kept: Vec<u8> = kept.await.expect("one answer").get(0);
    let told = CreateClientResponse {
        client: Some(first),
    };
    assert_eq!(kept, told.encode_to_vec());
}

#[tokio::test]
async fn a_repeated_change_and_deletion_are_answered_as_the_first() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let (id, etag) = (nobody(), made.etag.clone());
    let request = UpdateClientRequest {
        etag,
        ..change(&made.id, "primera", &id)
    };
    let first = admin.update(request.clone()).await.expect("changed");
    let last = admin.update(change(&made.id, "segunda", "")).await;
    let last = last.expect("changed again");
    assert_eq!(admin.update(request).await.expect("repeated"), first);
    assert_eq!(admin.get(&made.id).await.expect("found"), last);

    let gone = delete(&root, deletion(&made.id, &id))
        .await
        .expect("deleted");
    let again = delete(&root, deletion(&made.id, &id)).await;
    assert_eq!(again.expect("repeated"), gone);
    let anew = delete(&root, deletion(&made.id, &nobody())).await;
    anew.expect_err("deleted")
        .is(Code::NotFound, "CLIENT_NOT_FOUND");
}

#[tokio::test]
async fn a_request_id_stands_for_one_body() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    let id = nobody();
    let made = admin.create(creation("ana", &id)).await.expect("created");
    let before = app.contents().await;
    assert_reused(admin.create(creation("eva", &id)).await);
    let other = CreateClientRequest {
        validate_only: true,
        ..creation("ana", &id)
    };
    assert_reused(admin.create(other).await);
    assert_reused(admin.update(change(&made.id, "visto", &id)).await);
    assert_eq!(app.contents().await, before);

    let spare = admin.create(client("eva")).await.expect("created");
    let id = nobody();
    delete(&root, deletion(&made.id, &id))
        .await
        .expect("deleted");
    assert_reused(delete(&root, deletion(&spare.id, &id)).await);
    assert_eq!(admin.get(&spare.id).await.expect("found"), spare);
}

#[tokio::test]
async fn a_request_id_is_its_actors_own() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let id = nobody();
    let new = || CreateClientRequest {
        request_id: id.clone(),
        ..client("Ana")
    };
    let (first, second) = (org.platform_admin(), org.platform_admin());
    let one = first.create(new()).await.expect("created");
    let two = second.create(new()).await.expect("created as well");
    assert_ne!(one.id, two.id);
    assert_eq!(first.create(new()).await.expect("repeated"), one);
    assert_eq!(second.create(new()).await.expect("repeated"), two);
}

#[tokio::test]
async fn an_answer_stays_in_its_organization() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let user = nobody();
    let within = |organization: &str| {
        app.anonymous()
            .saying("x-user-id", &user)
            .saying("x-role", Role::PlatformAdmin.as_str())
            .saying("x-organization-id", organization)
    };
    let (here, there) = (within(&org.id), within(&other.id));
    let id = nobody();
    let made = here.create(creation("ana", &id)).await.expect("created");
    let told = here.update(change(&made.id, "visto", &user)).await;
    told.expect("changed");
    let before = app.contents().await;
    assert_reused(there.create(creation("ana", &id)).await);
    let foreign = there.update(change(&made.id, "visto", &user)).await;
    assert_reused(foreign);
    assert_eq!(app.contents().await, before);
    assert_eq!(here.create(creation("ana", &id)).await.expect("mine"), made);

    let root = app.super_admin();
    let id = nobody();
    let named = |organization: &str| CreateClientRequest {
        organization_id: organization.to_owned(),
        ..creation("eva", &id)
    };
    root.create(named(&org.id)).await.expect("created");
    assert_reused(root.create(named(&other.id)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_write_once_and_hear_the_same() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    let versions = "SELECT sum(version)::bigint FROM clients";

    let id = nobody();
    let calls = (0..TWINS).map(|_| {
        let (admin, request) = (admin.clone(), creation("ana", &id));
        async move { patiently(|| admin.create(request.clone())).await }
    });
    let made = the_same(at_once(calls).await);
    assert_eq!(app.count("SELECT count(*) FROM clients").await, 1);
    assert_eq!(app.count(versions).await, 1);

    let calls = (0..TWINS).map(|_| {
        let (admin, request) = (admin.clone(), change(&made.id, "visto", &made.id));
        async move { patiently(|| admin.update(request.clone())).await }
    });
    let changed = the_same(at_once(calls).await);
    assert_eq!(changed.notes.as_deref(), Some("visto"));
    assert_eq!(app.count(versions).await, 2);

    let calls = (0..TWINS).map(|_| {
        let (root, request) = (root.clone(), deletion(&made.id, &made.id));
        async move { patiently(|| delete(&root, request.clone())).await }
    });
    let deleted = the_same(at_once(calls).await);
    assert!(deleted.deleted_at.is_some());
    assert_eq!(app.count(versions).await, 3);
}

/// The one answer that all twins heard.
#[track_caller]
fn the_same(answers: Vec<Result<Client, Failure>>) -> Client {
    assert_eq!(answers.len(), TWINS);
    let mut clients: Vec<_> = answers.into_iter().map(|a| a.expect("answered")).collect();
    clients.dedup();
    assert_eq!(clients.len(), 1);
    clients.remove(0)
}

#[tokio::test]
async fn a_failed_call_does_not_use_up_its_request_id() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    let holder = admin.create(creation("ana", "")).await.expect("created");
    let id = nobody();
    let taken = admin.create(creation("ana", &id)).await.expect_err("taken");
    taken.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    let absent = admin.update(change(&id, "visto", &id)).await;
    absent
        .expect_err("absent")
        .is(Code::NotFound, "CLIENT_NOT_FOUND");
    assert_eq!(
        app.count("SELECT count(*) FROM idempotent_requests").await,
        0
    );
    root.delete(&holder.id).await.expect("deleted");
    let made = admin.create(creation("ana", &id)).await.expect("free now");
    let again = admin.create(creation("ana", &id)).await.expect("repeated");
    assert_eq!(again, made);
}

#[tokio::test]
async fn a_malformed_request_id_is_refused() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let before = app.contents().await;
    for bad in ["1", "ñ", &nobody().replace('-', ""), &"a".repeat(36)] {
        for answer in [
            admin.create(creation("eva", bad)).await,
            admin.update(change(&made.id, "visto", bad)).await,
            delete(&root, deletion(&made.id, bad)).await,
        ] {
            let refused = answer.expect_err("refused");
            refused.violates(&[("request_id", "INVALID_UUID")]);
        }
    }
    assert_eq!(app.contents().await, before);
}

/// As a version before 0019 leaves it while it writes: the request is claimed by its row
/// alone, which nobody sees yet.
async fn claimed_by_its_row(app: &App, request_id: &str) -> tokio_postgres::Client {
    let taken = format!(
        "CREATE TABLE taken AS SELECT * FROM idempotent_requests WHERE request_id = '{request_id}';
         DELETE FROM idempotent_requests WHERE request_id = '{request_id}'"
    );
    app.execute(&taken).await;
    let former = app.superuser().await;
    let claim = "BEGIN; INSERT INTO idempotent_requests SELECT * FROM taken";
    former.batch_execute(claim).await.expect("claimed");
    former
}

/// Two versions side by side: a repetition that does not see the claim of the one before
/// waits for what that has written, and then gets its answer.
#[tokio::test]
async fn a_twin_of_the_version_before_is_waited_for() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    for etag in [made.etag.as_str(), ""] {
        let request = UpdateClientRequest {
            etag: etag.to_owned(),
            ..change(&made.id, &nobody(), &nobody())
        };
        let first = admin.update(request.clone()).await.expect("changed");
        let told = admin.history(&made.id).await.expect("a history").len();
        let former = claimed_by_its_row(&app, &request.request_id).await;
        if !etag.is_empty() {
            // It would be refused by its etag.
            let hold = format!("SELECT FROM clients WHERE id = '{}' FOR UPDATE", made.id);
            former.batch_execute(&hold).await.expect("held");
        }
        let (again, ()) = tokio::join!(admin.update(request), async {
            waiting(&app, 1).await;
            former
                .batch_execute("COMMIT; DROP TABLE taken")
                .await
                .expect("done");
        });
        assert_eq!(again.expect("the first answer"), first);
        let history = admin.history(&made.id).await.expect("a history");
        assert_eq!(history.len(), told, "{etag}");
    }
}
