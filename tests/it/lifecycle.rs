//! Where a client may go (spec §3), by both ways that lead there.

mod pairs;

use nvito_clients::grpc::proto::ClientStatus::{self, Active, Completed, Inactive, Prospect};
use nvito_clients::grpc::proto::{
    BatchGetClientsRequest, CreateClientRequest, ListClientsRequest, TransitionClientRequest,
};
use tonic::Code;

use crate::support::{App, client, nobody};

const STATUSES: [ClientStatus; 4] = [Prospect, Active, Completed, Inactive];

/// Where a client may go: the table of spec §3.
fn allowed(from: ClientStatus) -> &'static [ClientStatus] {
    match from {
        ClientStatus::Unspecified => &[],
        Prospect => &[Active, Inactive],
        Active => &[Completed, Inactive],
        Completed => &[Active],
        Inactive => &[Prospect],
    }
}

fn step(id: &str, to: i32) -> TransitionClientRequest {
    TransitionClientRequest {
        id: id.to_owned(),
        target_status: to,
        ..TransitionClientRequest::default()
    }
}

fn standing(at: ClientStatus) -> CreateClientRequest {
    CreateClientRequest {
        status: at.into(),
        ..client("Ana")
    }
}

#[tokio::test]
async fn a_step_needs_a_status_there_is() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let before = app.contents().await;
    for (to, reason) in [
        (0, "REQUIRED"),
        (5, "INVALID_ENUM"),
        (-1, "INVALID_ENUM"),
        (i32::MAX, "INVALID_ENUM"),
    ] {
        let refused = admin.step(step(&made.id, to)).await.expect_err("no status");
        refused.violates(&[("target_status", reason)]);
    }
    let wrong = TransitionClientRequest {
        reason: "ñ".repeat(501),
        request_id: "1".to_owned(),
        ..step("1", 9)
    };
    let refused = admin.step(wrong).await.expect_err("all wrong");
    refused.violates(&[
        ("id", "INVALID_UUID"),
        ("target_status", "INVALID_ENUM"),
        ("reason", "TOO_LONG"),
        ("request_id", "INVALID_UUID"),
    ]);
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn the_reason_of_a_step_is_kept() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let most = "ñ🎉".repeat(250);
    for (to, reason, kept) in [
        (Active, most.as_str(), Some(most.as_str())),
        (Inactive, "  Canceló la boda ", Some("Canceló la boda")),
        (Prospect, " ", None),
    ] {
        let request = TransitionClientRequest {
            reason: reason.to_owned(),
            ..step(&made.id, to.into())
        };
        admin.step(request).await.expect("a step");
        let history = admin.history(&made.id).await.expect("told");
        assert_eq!(history[0].reason.as_deref(), kept);
    }
    // A step that is none leaves nothing, its reason neither.
    let still = TransitionClientRequest {
        reason: "sin cambio".to_owned(),
        ..step(&made.id, Prospect.into())
    };
    admin.step(still).await.expect("nothing to do");
    assert_eq!(admin.history(&made.id).await.expect("told").len(), 4);
}

#[tokio::test]
async fn a_step_is_taken_from_what_was_read_by_who_may_see_it() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let stranger = app.org("Sur").await.platform_admin();
    let root = app.super_admin();
    let read = admin.create(client("Ana")).await.expect("created");
    let written = admin.transition(&read.id, Active).await.expect("a step");
    let stale = |etag: &str| TransitionClientRequest {
        etag: etag.to_owned(),
        ..step(&read.id, Completed.into())
    };
    let refused = admin.step(stale(&read.etag)).await.expect_err("stale");
    refused.is(Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(refused.metadata["current_etag"], written.etag);
    let fresh = stale(&written.etag);
    let check = TransitionClientRequest {
        validate_only: true,
        ..fresh.clone()
    };
    let would = admin.step(check).await.expect("it would do");
    assert_eq!(would.status(), Completed);
    assert_eq!(admin.get(&read.id).await.expect("found"), written);
    admin.step(fresh).await.expect("a step");

    let deleted = admin.create(client("Eva")).await.expect("created").id;
    root.delete(&deleted).await.expect("deleted");
    let before = app.contents().await;
    for (actor, id) in [
        (&stranger, &read.id),
        (&admin, &deleted),
        (&root, &deleted),
        (&root, &nobody()),
    ] {
        for to in [Prospect, Active, Completed] {
            let refused = actor.transition(id, to).await.expect_err("not there");
            refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
        }
    }
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn every_answer_says_where_a_client_may_go() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    for status in STATUSES {
        let made = admin.create(standing(status)).await.expect("created");
        let id = &made.id;
        let batch = BatchGetClientsRequest {
            ids: vec![id.clone()],
        };
        let batch = admin.clients().batch_get_clients(batch).await;
        let list = ListClientsRequest {
            status: status.into(),
            ..ListClientsRequest::default()
        };
        let mut answers = admin.list(list).await.expect("listed").clients;
        answers.extend(batch.expect("found").into_inner().clients);
        answers.push(admin.get(id).await.expect("found"));
        answers.push(root.delete(id).await.expect("deleted"));
        answers.push(root.even_deleted(id).await.expect("found"));
        answers.push(root.undelete(id).await.expect("back"));
        answers.push(made);
        assert_eq!(answers.len(), 7);
        for answer in answers {
            let next: Vec<_> = answer.allowed_transitions().collect();
            assert_eq!((answer.status(), &*next), (status, allowed(status)));
        }
    }
}
