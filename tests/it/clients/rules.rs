//! The rules that `UpdateClient` keeps between a client's fields, and between
//! clients.

use nvito_clients::grpc::proto::{
    ClientPatch, ClientStatus, ClientType, CreateClientRequest, UpdateClientRequest,
};
use tonic::Code;

use super::{assert_changed, assert_no_assignee, assert_taken_by, full, patch, with_email};
use crate::support::{App, client, nobody};

fn to_email(email: &str) -> ClientPatch {
    patch(|p| p.email = Some(email.to_owned()))
}

#[tokio::test]
async fn a_refused_step_refuses_the_whole_change() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let both = |to: ClientStatus| {
        patch(|p| {
            p.notes = Some("visto".to_owned());
            p.status = Some(to.into());
        })
    };
    let refused = admin.patch(&made.id, both(ClientStatus::Completed)).await;
    refused
        .expect_err("no step")
        .is(Code::FailedPrecondition, "CLIENT_TRANSITION_NOT_ALLOWED");
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
    let changed = admin.patch(&made.id, both(ClientStatus::Active)).await;
    assert_eq!(changed.expect("a step").notes.as_deref(), Some("visto"));
}

#[tokio::test]
async fn type_and_rfc_fit_each_other_whichever_changes() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(full("Juan")).await.expect("created");
    let (person, other) = (Some(ClientType::Individual.into()), Some("CACX7605101P8"));
    let rfc = |rfc: Option<&str>| rfc.map(str::to_owned);
    let only_type = patch(|p| p.r#type = person);
    let only_rfc = patch(|p| p.rfc = rfc(other));
    for (change, path) in [(only_type.clone(), "client.type"), (only_rfc, "client.rfc")] {
        let refused = admin.patch(&made.id, change).await.expect_err("no fit");
        refused.violates(&[(path, "RFC_TYPE_MISMATCH")]);
    }
    assert_eq!(admin.get(&made.id).await.expect("found"), made);

    let both = patch(|p| (p.r#type, p.rfc) = (person, rfc(other)));
    let both = admin.patch(&made.id, both).await.expect("they fit");
    assert_changed(&made, &both, |client| {
        (client.r#type, client.rfc) = (ClientType::Individual.into(), rfc(other));
    });
    let company = Some(ClientType::Company.into());
    for free in ["", "XAXX010101000"] {
        let loose = patch(|p| (p.r#type, p.rfc) = (company, rfc(Some(free))));
        admin.patch(&made.id, loose).await.expect("no rule");
        let moved = admin.patch(&made.id, only_type.clone()).await;
        assert_eq!(moved.expect("no rule").r#type(), ClientType::Individual);
    }
}

#[tokio::test]
async fn an_email_of_another_live_client_is_refused() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let admin = org.platform_admin();
    let create = async |name: &str, email: &str| {
        let made = admin.create(with_email(name, email)).await;
        made.expect("created")
    };
    let ana = create("Ana", "ana@example.com").await;
    let eva = create("Eva", "eva@example.com").await;
    let elsewhere = with_email("Luz", "luz@example.com");
    let elsewhere = other.platform_admin().create(elsewhere).await;
    elsewhere.expect("created");

    let refused = admin.patch(&eva.id, to_email(" ANA@example.com ")).await;
    assert_taken_by(&ana, &refused.expect_err("taken"));
    assert_eq!(admin.get(&eva.id).await.expect("found"), eva);

    let own = admin.patch(&eva.id, to_email("EVA@Example.com")).await;
    let own = own.expect("its own");
    assert_changed(&eva, &own, |client| {
        client.email = Some("EVA@Example.com".to_owned());
    });
    let foreign = admin.patch(&eva.id, to_email("luz@example.com")).await;
    foreign.expect("another organization's");
    app.super_admin().delete(&ana.id).await.expect("deleted");
    let freed = admin.patch(&eva.id, to_email("ana@example.com")).await;
    assert_eq!(
        freed.expect("free").email.as_deref(),
        Some("ana@example.com")
    );
}

#[tokio::test]
async fn whoever_is_no_active_member_cannot_be_assigned() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (inactive, removed) = (org.member("Eva").await, org.member("Luz").await);
    let foreign = other.member("Sol").await;
    org.upsert_member(&inactive, "Eva", false).await;
    org.remove_member(&removed).await;
    let (first, second) = (org.member("Ana").await, org.member("Ana").await);
    let to = |user: &str| patch(|p| p.assigned_to_id = Some(user.to_owned()));
    let new = CreateClientRequest {
        assigned_to_id: Some(first),
        ..client("Juan")
    };
    let mut before = org.platform_admin().create(new).await.expect("created");
    for actor in [org.platform_admin(), app.super_admin()] {
        let actor = actor.saying("x-request-id", "uno");
        let mut answers = Vec::new();
        for user in [&nobody(), &foreign, &inactive, &removed] {
            let refused = actor.patch(&before.id, to(user)).await;
            let refused = refused.expect_err("refused");
            assert_no_assignee(&refused, "client.assigned_to_id");
            answers.push((refused.message, refused.status.details().to_vec()));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1);
        assert_eq!(actor.get(&before.id).await.expect("found"), before);
        let after = actor.patch(&before.id, to(&second)).await;
        let after = after.expect("assigned");
        assert_eq!(after.assigned_to.as_ref().expect("assigned").id, second);
        before = actor.patch(&after.id, to("")).await.expect("nobody");
        assert_changed(&after, &before, |client| client.assigned_to = None);
    }
}

#[tokio::test]
async fn an_absent_or_malformed_id_changes_nothing() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let notes = || patch(|p| p.notes = Some("visto".to_owned()));
    let refused = admin.patch(&nobody(), notes()).await.expect_err("absent");
    refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
    for (id, reason) in [("", "REQUIRED"), ("1", "INVALID_UUID")] {
        let refused = admin.patch(id, notes()).await.expect_err("refused");
        refused.violates(&[("id", reason)]);
    }
    let nothing = UpdateClientRequest {
        id: made.id.clone(),
        ..UpdateClientRequest::default()
    };
    assert_eq!(admin.update(nothing).await.expect("nothing to do"), made);
}
