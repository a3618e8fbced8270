//! `validate_only` of what moves clients: to another status, to somebody else.

use nvito_clients::grpc::proto::{
    Client, ClientStatus, CreateClientRequest, ReassignClientsRequest, ReassignClientsResponse,
    TransitionClientRequest,
};
use tonic::Code;

use crate::support::{Actor, App, Failure, client, nobody};

fn step(id: &str, target: ClientStatus) -> TransitionClientRequest {
    TransitionClientRequest {
        id: id.to_owned(),
        target_status: target.into(),
        reason: "firmó".to_owned(),
        request_id: nobody(),
        validate_only: true,
        ..TransitionClientRequest::default()
    }
}

async fn transition(actor: &Actor, request: TransitionClientRequest) -> Result<Client, Failure> {
    let answer = actor.clients().transition_client(request).await?;
    Ok(answer.into_inner().client.expect("a client"))
}

#[tokio::test]
async fn a_rehearsed_step_writes_nothing_and_fails_as_a_real_one() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Juan")).await.expect("created");
    let before = app.contents().await;
    let request = step(&made.id, ClientStatus::Active);
    let rehearsed = transition(&admin, request.clone()).await.expect("fine");
    assert_eq!(rehearsed.status(), ClientStatus::Active);

    let refused = async |request: TransitionClientRequest, code, reason| {
        let refused = transition(&admin, request).await.expect_err(reason);
        refused.is(code, reason);
    };
    refused(
        step(&made.id, ClientStatus::Completed),
        Code::FailedPrecondition,
        "CLIENT_TRANSITION_NOT_ALLOWED",
    )
    .await;
    let stale = TransitionClientRequest {
        etag: "stale".to_owned(),
        ..request.clone()
    };
    refused(stale, Code::Aborted, "ETAG_MISMATCH").await;
    let absent = step(&nobody(), ClientStatus::Active);
    refused(absent, Code::NotFound, "CLIENT_NOT_FOUND").await;
    let long = TransitionClientRequest {
        reason: "ñ".repeat(501),
        ..step("x", ClientStatus::Unspecified)
    };
    let long = transition(&admin, long)
        .await
        .expect_err("three violations");
    long.violates(&[
        ("id", "INVALID_UUID"),
        ("target_status", "REQUIRED"),
        ("reason", "TOO_LONG"),
    ]);
    assert_eq!(app.contents().await, before);

    let request = TransitionClientRequest {
        validate_only: false,
        ..request
    };
    let real = transition(&admin, request).await;
    let expected = Client {
        updated_at: rehearsed.updated_at,
        ..real.expect("the id is not used up")
    };
    assert_eq!(rehearsed, expected);
    assert_ne!(app.contents().await, before);
}

#[tokio::test]
async fn a_rehearsed_reassignment_writes_nothing_and_fails_as_a_real_one() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let admin = org.platform_admin();
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    let (left, foreign) = (org.member("Luz").await, other.member("Paz").await);
    org.upsert_member(&left, "Luz", false).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let new = CreateClientRequest {
            assigned_to_id: Some(ana.clone()),
            ..client("Juan")
        };
        ids.push(admin.create(new).await.expect("created").id);
    }
    let before = app.contents().await;
    let to = |user: &str| ReassignClientsRequest {
        from_user_id: ana.clone(),
        to_user_id: user.to_owned(),
        request_id: nobody(),
        validate_only: true,
        ..ReassignClientsRequest::default()
    };
    let to_nobody = ReassignClientsRequest {
        unassign: true,
        ..to("")
    };
    for outsider in [&left, &foreign, &nobody()] {
        let refused = admin.reassign(to(outsider)).await.expect_err("no member");
        refused.is(Code::InvalidArgument, "ASSIGNEE_NOT_IN_ORGANIZATION");
        assert_eq!(refused.violations[0].0, "to_user_id");
    }
    let refused = admin.reassign(to("")).await.expect_err("neither");
    refused.violates(&[("to_user_id", "REQUIRED")]);
    let expected = ReassignClientsResponse {
        count: 3,
        client_ids: ids,
    };
    let request = to(&eva);
    for request in [&request, &to_nobody] {
        let rehearsed = admin.reassign(request.clone()).await;
        assert_eq!(rehearsed.expect("fine"), expected);
        assert_eq!(app.contents().await, before);
    }

    let real = ReassignClientsRequest {
        validate_only: false,
        ..request
    };
    let real = admin.reassign(real).await.expect("the id is not used up");
    assert_eq!(real, expected);
    assert_ne!(app.contents().await, before);
}
