//! Who looks after whom (spec §6).

mod races;

use nvito_clients::grpc::proto::{
    ClientPatch, CreateClientRequest, ReassignClientsRequest, ReassignClientsResponse,
};
use tonic::Code;

use crate::support::{Actor, App, Failure, Org, assert_told, client, nobody};

fn of(assignee: &str) -> CreateClientRequest {
    CreateClientRequest {
        assigned_to_id: Some(assignee.to_owned()),
        ..client("Ana")
    }
}

fn to(assignee: &str) -> ClientPatch {
    ClientPatch {
        assigned_to_id: Some(assignee.to_owned()),
        ..ClientPatch::default()
    }
}

/// From one to another or, where that is empty, to nobody.
fn moving(from: &str, to: &str) -> ReassignClientsRequest {
    ReassignClientsRequest {
        from_user_id: from.to_owned(),
        to_user_id: to.to_owned(),
        unassign: to.is_empty(),
        ..ReassignClientsRequest::default()
    }
}

async fn assigned(org: &Org<'_>, assignee: &str) -> String {
    let made = org.platform_admin().create(of(assignee)).await;
    made.expect("created").id
}

async fn assignee(root: &Actor, id: &str) -> Option<String> {
    let client = root.even_deleted(id).await.expect("found");
    assert_told(&client, &root.history(id).await.expect("told"));
    client.assigned_to.map(|user| user.id)
}

#[track_caller]
fn assert_no_member<T>(answer: Result<T, Failure>, field: &str) {
    const REASON: &str = "ASSIGNEE_NOT_IN_ORGANIZATION";
    let Err(refused) = answer else {
        panic!("{field} was taken");
    };
    refused.is(Code::InvalidArgument, REASON);
    assert_eq!(refused.violations, [(field.to_owned(), REASON.to_owned())]);
}

#[tokio::test]
async fn only_active_members_look_after_clients() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    let held = assigned(&org, &ana).await;
    let (inactive, removed) = (org.member("Luz").await, org.member("Sol").await);
    org.upsert_member(&inactive, "Luz", false).await;
    org.remove_member(&removed).await;
    let foreign = other.member("Paz").await;
    let before = app.contents().await;
    for actor in [org.platform_admin(), app.super_admin()] {
        for user in [&inactive, &removed, &foreign, &nobody()] {
            let organization_id = org.id.clone();
            let new = CreateClientRequest {
                organization_id,
                ..of(user)
            };
            assert_no_member(actor.create(new).await, "assigned_to_id");
            let changed = actor.patch(&held, to(user)).await;
            assert_no_member(changed, "client.assigned_to_id");
            for from in [&ana, &eva, user] {
                let organization_id = org.id.clone();
                let all = ReassignClientsRequest {
                    organization_id,
                    ..moving(from, user)
                };
                assert_no_member(actor.reassign(all).await, "to_user_id");
            }
        }
    }
    assert_eq!(app.contents().await, before);
    let admin = org.platform_admin();
    admin.patch(&held, to(&eva)).await.expect("a member");
    let moved = admin.reassign(moving(&eva, &ana)).await.expect("a member");
    assert_eq!(moved.client_ids, [held.as_str()]);
    // Who comes back may be assigned again.
    org.upsert_member(&inactive, "Luz", true).await;
    admin.patch(&held, to(&inactive)).await.expect("a member");
}

#[tokio::test]
async fn a_reassignment_says_from_whom_and_to_whom_or_nobody() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    assigned(&org, &ana).await;
    let before = app.contents().await;
    let both = ReassignClientsRequest {
        unassign: true,
        ..moving(&ana, &eva)
    };
    let neither = ReassignClientsRequest {
        unassign: false,
        ..moving(&ana, "")
    };
    let wrong = ReassignClientsRequest {
        organization_id: "x".to_owned(),
        request_id: "1".to_owned(),
        ..moving("", "2")
    };
    for (actor, request, violations) in [
        (&admin, both, &[("unassign", "MUTUALLY_EXCLUSIVE")][..]),
        (&admin, neither, &[("to_user_id", "REQUIRED")]),
        (
            &root,
            moving(&ana, &eva),
            &[("organization_id", "REQUIRED")],
        ),
        (
            &admin,
            wrong,
            &[
                ("organization_id", "INVALID_UUID"),
                ("from_user_id", "REQUIRED"),
                ("to_user_id", "INVALID_UUID"),
                ("request_id", "INVALID_UUID"),
            ],
        ),
    ] {
        let refused = actor.reassign(request).await.expect_err("refused");
        refused.violates(violations);
    }
    let elsewhere = ReassignClientsRequest {
        organization_id: app.org("Sur").await.id,
        ..moving(&ana, &eva)
    };
    app.execute("DELETE FROM organizations WHERE name = 'Sur'")
        .await;
    let refused = admin.reassign(elsewhere).await.expect_err("not theirs");
    refused.is(Code::PermissionDenied, "ORGANIZATION_NOT_ALLOWED");
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn a_reassignment_moves_the_live_clients_of_one_organization() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    other.upsert_member(&ana, "Ana", true).await;
    let ids = [assigned(&org, &ana).await, assigned(&org, &ana).await];
    let gone = assigned(&org, &ana).await;
    root.delete(&gone).await.expect("deleted");
    let (theirs, evas) = (assigned(&other, &ana).await, assigned(&org, &eva).await);
    let all = ReassignClientsResponse {
        count: 2,
        client_ids: ids.to_vec(),
    };

    let before = app.contents().await;
    let none = ReassignClientsResponse::default();
    for idle in [
        moving(&ana, &ana),
        moving(&nobody(), &eva),
        moving(&nobody(), ""),
    ] {
        assert_eq!(admin.reassign(idle).await.expect("nothing to do"), none);
    }
    for target in [eva.as_str(), ""] {
        let check = ReassignClientsRequest {
            validate_only: true,
            ..moving(&ana, target)
        };
        assert_eq!(admin.reassign(check).await.expect("it would do"), all);
    }
    assert_eq!(app.contents().await, before);

    let moved = admin.reassign(moving(&ana, &eva)).await;
    assert_eq!(moved.expect("moved"), all);
    for id in ids.iter().chain([&evas]) {
        assert_eq!(assignee(&root, id).await.as_ref(), Some(&eva));
    }
    for spared in [&gone, &theirs] {
        assert_eq!(assignee(&root, spared).await.as_ref(), Some(&ana));
    }
    let again = admin.reassign(moving(&ana, &eva)).await;
    assert_eq!(again.expect("nothing left"), none);

    let named = ReassignClientsRequest {
        organization_id: org.id.clone(),
        ..moving(&eva, "")
    };
    let freed = root.reassign(named).await.expect("moved");
    assert_eq!(freed.count, 3);
    for id in ids.iter().chain([&evas]) {
        assert_eq!(assignee(&root, id).await, None);
    }
    // A deleted client is still its assignee's when it comes back.
    assert_eq!(
        root.undelete(&gone)
            .await
            .expect("back")
            .assigned_to
            .expect("kept")
            .id,
        ana
    );
}
