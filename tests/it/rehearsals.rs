//! `validate_only`: every check, and not a row written.

use nvito_clients::grpc::proto::{
    Client, ClientPatch, ClientStatus, CreateClientRequest, DeleteClientRequest,
    UpdateClientRequest,
};
use tonic::Code;

use crate::support::{Actor, App, Failure, client, nobody};

mod moves;

fn creation(name: &str) -> CreateClientRequest {
    CreateClientRequest {
        email: Some(format!("{name}@example.com")),
        validate_only: true,
        ..client(name)
    }
}

fn change(id: &str, change: impl FnOnce(&mut ClientPatch)) -> UpdateClientRequest {
    let mut patch = ClientPatch::default();
    change(&mut patch);
    UpdateClientRequest {
        id: id.to_owned(),
        client: Some(patch),
        validate_only: true,
        ..UpdateClientRequest::default()
    }
}

fn deletion(id: &str) -> DeleteClientRequest {
    DeleteClientRequest {
        id: id.to_owned(),
        validate_only: true,
        ..DeleteClientRequest::default()
    }
}

async fn delete(actor: &Actor, request: DeleteClientRequest) -> Result<Client, Failure> {
    let answer = actor.clients().delete_client(request).await?;
    Ok(answer.into_inner().client.expect("a client"))
}

#[tokio::test]
async fn a_rehearsed_creation_writes_nothing() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, ana) = (org.platform_admin(), org.member("Ana").await);
    let request = CreateClientRequest {
        assigned_to_id: Some(ana.clone()),
        request_id: nobody(),
        ..creation("juan")
    };
    let before = app.contents().await;
    let rehearsed = admin.create(request.clone()).await.expect("fine");
    assert_eq!(app.contents().await, before);
    let absent = admin.get(&rehearsed.id).await.expect_err("not written");
    absent.is(Code::NotFound, "CLIENT_NOT_FOUND");

    let request = CreateClientRequest {
        validate_only: false,
        ..request
    };
    let made = admin.create(request).await.expect("the id is not used up");
    assert_ne!(app.contents().await, before);
    let expected = Client {
        id: rehearsed.id.clone(),
        created_at: rehearsed.created_at,
        updated_at: rehearsed.updated_at,
        ..made
    };
    assert_eq!(rehearsed, expected);
}

#[tokio::test]
async fn a_rehearsed_creation_fails_as_a_real_one() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let holder = admin.create(CreateClientRequest {
        validate_only: false,
        ..creation("ana")
    });
    let holder = holder.await.expect("created");
    let before = app.contents().await;
    let taken = admin.create(creation("ana")).await.expect_err("taken");
    taken.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    assert_eq!(taken.metadata["conflicting_client_id"], holder.id);
    let assigned = CreateClientRequest {
        assigned_to_id: Some(nobody()),
        ..creation("eva")
    };
    let refused = admin.create(assigned).await.expect_err("nobody");
    refused.is(Code::InvalidArgument, "ASSIGNEE_NOT_IN_ORGANIZATION");
    let elsewhere = CreateClientRequest {
        organization_id: nobody(),
        ..creation("eva")
    };
    let refused = root.create(elsewhere).await.expect_err("nowhere");
    refused.is(Code::InvalidArgument, "ORGANIZATION_NOT_FOUND");
    let refused = admin.create(creation(" ")).await.expect_err("blank");
    refused.violates(&[("name", "REQUIRED"), ("email", "INVALID_EMAIL")]);
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn a_rehearsed_change_writes_nothing_and_fails_as_a_real_one() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let made = admin.create(client("Juan")).await.expect("created");
    let other = CreateClientRequest {
        validate_only: false,
        ..creation("ana")
    };
    admin.create(other).await.expect("created");
    let before = app.contents().await;
    let active = ClientStatus::Active.into();
    let rehearsed = admin.update(change(&made.id, |p| p.status = Some(active)));
    let rehearsed = rehearsed.await.expect("fine");
    assert_eq!(rehearsed.status(), ClientStatus::Active);
    assert_ne!(rehearsed.etag, made.etag);

    let refused = async |request: UpdateClientRequest, code, reason| {
        let refused = admin.update(request).await.expect_err(reason);
        refused.is(code, reason);
    };
    let completed = ClientStatus::Completed.into();
    let step = change(&made.id, |p| p.status = Some(completed));
    refused(
        step,
        Code::FailedPrecondition,
        "CLIENT_TRANSITION_NOT_ALLOWED",
    )
    .await;
    let email = Some("ANA@example.com".to_owned());
    let email = change(&made.id, |p| p.email = email);
    refused(email, Code::AlreadyExists, "CLIENT_EMAIL_TAKEN").await;
    let assigned = change(&made.id, |p| p.assigned_to_id = Some(nobody()));
    refused(
        assigned,
        Code::InvalidArgument,
        "ASSIGNEE_NOT_IN_ORGANIZATION",
    )
    .await;
    let stale = UpdateClientRequest {
        etag: "stale".to_owned(),
        ..change(&made.id, |_| {})
    };
    refused(stale, Code::Aborted, "ETAG_MISMATCH").await;
    let absent = change(&nobody(), |_| {});
    refused(absent, Code::NotFound, "CLIENT_NOT_FOUND").await;
    let blank = change(&made.id, |p| p.name = Some(" ".to_owned()));
    refused(blank, Code::InvalidArgument, "VALIDATION_FAILED").await;
    assert_eq!(app.contents().await, before);

    let real = UpdateClientRequest {
        validate_only: false,
        ..change(&made.id, |p| p.status = Some(active))
    };
    let real = admin.update(real).await.expect("changed");
    assert_ne!(app.contents().await, before);
    let expected = Client {
        updated_at: rehearsed.updated_at,
        ..real
    };
    assert_eq!(rehearsed, expected);
}

#[tokio::test]
async fn a_rehearsed_deletion_writes_nothing_and_fails_as_a_real_one() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    let made = admin.create(client("Juan")).await.expect("created");
    let before = app.contents().await;
    let rehearsed = delete(&root, deletion(&made.id)).await.expect("fine");
    assert!(rehearsed.deleted_at.is_some());
    let stale = DeleteClientRequest {
        etag: "stale".to_owned(),
        ..deletion(&made.id)
    };
    let refused = delete(&root, stale).await.expect_err("stale");
    refused.is(Code::Aborted, "ETAG_MISMATCH");
    let refused = delete(&root, deletion(&nobody()))
        .await
        .expect_err("absent");
    refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
    let refused = delete(&admin, deletion(&made.id)).await.expect_err("role");
    refused.is(Code::PermissionDenied, "ROLE_REQUIRED");
    assert_eq!(app.contents().await, before);
    assert_eq!(admin.get(&made.id).await.expect("found"), made);

    let real = DeleteClientRequest {
        validate_only: false,
        ..deletion(&made.id)
    };
    delete(&root, real).await.expect("deleted");
    let refused = delete(&root, deletion(&made.id)).await.expect_err("gone");
    refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
}
