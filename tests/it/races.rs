//! Callers who want the same thing at the same moment: exactly one gets it.

use nvito_clients::grpc::proto::{
    Client, ClientPatch, CreateClientRequest, RemoveMemberRequest, UpdateClientRequest,
    UpsertMemberRequest, User,
};
use tokio::join;
use tonic::Code;

use crate::support::{Actor, App, Failure, Org, at_once, client, patiently};

/// Assignments that name somebody who cannot be assigned.
const ASTRAY: &str = "SELECT count(*) FROM clients AS client
    LEFT JOIN organization_members AS member
        ON member.organization_id = client.organization_id AND user_id = assigned_to_id
    WHERE assigned_to_id IS NOT NULL AND active IS NOT TRUE";

/// The one who won and all who did not.
#[track_caller]
fn one_winner(answers: Vec<Result<Client, Failure>>) -> (Client, Vec<Failure>) {
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let lost: Vec<_> = lost.into_iter().filter_map(Result::err).collect();
    assert_eq!(won.len(), 1, "{lost:#?}");
    let winner = won.into_iter().find_map(Result::ok).expect("a winner");
    (winner, lost)
}

fn to_email(email: &str) -> ClientPatch {
    ClientPatch {
        email: Some(email.to_owned()),
        ..ClientPatch::default()
    }
}

/// One email in as many spellings as there are numbers.
fn spelled(number: usize) -> String {
    let raise = |(index, c): (usize, char)| {
        if number >> (index % 5) & 1 == 1 {
            c.to_ascii_uppercase()
        } else {
            c
        }
    };
    "garza@example.com".chars().enumerate().map(raise).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creations_gets_the_email() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let calls = (0..32).map(|number| {
        let (admin, name) = (admin.clone(), format!("Cliente {number}"));
        async move {
            let new = CreateClientRequest {
                email: Some(spelled(number)),
                ..client(&name)
            };
            patiently(|| admin.create(new.clone())).await
        }
    });
    let (winner, lost) = one_winner(at_once(calls).await);
    for refused in lost {
        refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
        assert_eq!(refused.metadata["conflicting_client_id"], winner.id);
    }
    assert_eq!(app.count("SELECT count(*) FROM clients").await, 1);
    assert_eq!(admin.get(&winner.id).await.expect("found"), winner);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_changes_gets_the_etag() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let calls = (0..16).map(|number| {
        let (admin, made) = (admin.clone(), made.clone());
        async move {
            let patch = ClientPatch {
                notes: Some(format!("nota {number}")),
                ..ClientPatch::default()
            };
            let request = UpdateClientRequest {
                id: made.id,
                client: Some(patch),
                etag: made.etag,
                ..UpdateClientRequest::default()
            };
            patiently(|| admin.update(request.clone())).await
        }
    });
    let (winner, lost) = one_winner(at_once(calls).await);
    for refused in lost {
        refused.is(Code::Aborted, "ETAG_MISMATCH");
        assert_eq!(refused.metadata["current_etag"], winner.etag);
    }
    assert_eq!(admin.get(&made.id).await.expect("found"), winner);
    assert_eq!(app.count("SELECT version FROM clients").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_changes_gets_the_email() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let ana = admin.create(client("Ana")).await.expect("created");
    let eva = admin.create(client("Eva")).await.expect("created");
    for round in 0..20 {
        let (one, two) = join!(
            admin.patch(&ana.id, to_email(&format!("r{round}@example.com"))),
            admin.patch(&eva.id, to_email(&format!("R{round}@EXAMPLE.com"))),
        );
        let (winner, lost) = one_winner(vec![one, two]);
        lost[0].is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
        assert_eq!(lost[0].metadata["conflicting_client_id"], winner.id);
    }
    assert_eq!(
        app.count("SELECT sum(version)::bigint FROM clients").await,
        22
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_and_a_change_come_one_after_the_other() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let root = app.super_admin();
    for _ in 0..20 {
        let made = admin.create(client("Ana")).await.expect("created");
        let (deleted, changed) = join!(
            root.delete(&made.id),
            admin.patch(&made.id, to_email("ana@example.com")),
        );
        let deleted = deleted.expect("deleted");
        match changed {
            Ok(changed) => assert_eq!(deleted.email, changed.email),
            Err(refused) => {
                refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
                assert_eq!(deleted.email, None);
            }
        }
    }
    assert_eq!(
        app.count("SELECT count(*) FROM clients WHERE deleted_at IS NULL")
            .await,
        0
    );
}

/// How a member leaves.
#[derive(Clone, Copy)]
enum Leave {
    Removed,
    Deactivated,
}

async fn leave(root: &Actor, org: &Org<'_>, id: &str, how: Leave) -> Result<(), Failure> {
    let (mut directory, organization_id) = (root.directory(), org.id.clone());
    match how {
        Leave::Removed => {
            let request = RemoveMemberRequest {
                organization_id,
                user_id: id.to_owned(),
            };
            directory.remove_member(request).await.map(drop)?;
        }
        Leave::Deactivated => {
            let user = User {
                id: id.to_owned(),
                first_name: "Ana".to_owned(),
                ..User::default()
            };
            let request = UpsertMemberRequest {
                organization_id,
                user: Some(user),
                active: Some(false),
            };
            directory.upsert_member(request).await.map(drop)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_assigned_to_a_member_who_leaves() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let idle = admin.create(client("Ana")).await.expect("created");
    let (mut assigned, mut refused) = (0, 0);
    for (round, how) in [Leave::Removed, Leave::Deactivated]
        .iter()
        .cycle()
        .take(30)
        .enumerate()
    {
        let person = org.member("Ana").await;
        let new = CreateClientRequest {
            assigned_to_id: Some(person.clone()),
            ..client("Eva")
        };
        let patch = ClientPatch {
            assigned_to_id: Some(person.clone()),
            ..ClientPatch::default()
        };
        let (made, changed, left) = if round % 4 < 2 {
            join!(
                admin.create(new),
                admin.patch(&idle.id, patch),
                leave(&root, &org, &person, *how),
            )
        } else {
            let (left, changed, made) = join!(
                leave(&root, &org, &person, *how),
                admin.patch(&idle.id, patch),
                admin.create(new),
            );
            (made, changed, left)
        };
        left.expect("gone");
        for answer in [made, changed] {
            match answer {
                Ok(_) => assigned += 1,
                Err(failure) => {
                    failure.is(Code::InvalidArgument, "ASSIGNEE_NOT_IN_ORGANIZATION");
                    refused += 1;
                }
            }
        }
        assert_eq!(
            app.count(ASTRAY).await,
            0,
            "{assigned} assigned, {refused} refused"
        );
    }
    assert_eq!(assigned + refused, 60);
    let held = org.member("Ana").await;
    let new = CreateClientRequest {
        assigned_to_id: Some(held),
        ..client("Eva")
    };
    admin.create(new).await.expect("created");
    app.execute("UPDATE organization_members SET active = false")
        .await;
    assert_eq!(app.count(ASTRAY).await, 1, "the control");
}
