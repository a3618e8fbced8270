//! Deleted clients: hidden, brought back, removed for good.

mod purge;

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::ClientHistoryKind as Kind;
use nvito_clients::grpc::proto::{
    Client, CreateClientRequest, GetClientRequest, ListClientsRequest,
};
use tokio::join;
use tonic::Code;

use crate::support::{App, assert_told, client, kinds, nobody};

fn with_email(name: &str, email: &str) -> CreateClientRequest {
    CreateClientRequest {
        email: Some(email.to_owned()),
        ..client(name)
    }
}

#[tokio::test]
async fn a_client_comes_back_with_its_assignee_and_its_events() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let new = CreateClientRequest {
        assigned_to_id: Some(org.member("Eva").await),
        ..with_email("Ana", "ana@norte.mx")
    };
    let id = admin.create(new).await.expect("created").id;
    let party = org.event("Boda").await;
    let shown = admin.link(&party, &id).await.expect("linked");
    let before = admin.get(&id).await.expect("found");
    assert_eq!(before.events.len(), 1);

    let deleted = root.delete(&id).await.expect("deleted");
    admin.get(&id).await.expect_err("deleted");
    for actor in [&admin, &root] {
        let event = actor.event(&party).await.expect("found");
        assert_eq!(event.client, None);
        assert_eq!(event.name, "Boda");
    }
    let back = root.undelete(&id).await.expect("back");
    assert!(deleted.etag < back.etag);
    let now = admin.get(&id).await.expect("found");
    let expected = Client {
        etag: back.etag.clone(),
        updated_at: back.updated_at,
        ..before
    };
    assert_eq!(now, expected);
    assert_eq!(
        Client {
            events: Vec::new(),
            ..now.clone()
        },
        back
    );
    assert_eq!(admin.event(&party).await.expect("found"), shown);
    let history = admin.history(&id).await.expect("told");
    assert_told(&now, &history);
    let all = [
        Kind::Created,
        Kind::EventLinked,
        Kind::Deleted,
        Kind::Undeleted,
    ];
    assert_eq!(kinds(&history), all);

    let before = app.contents().await;
    assert_eq!(root.undelete(&id).await.expect("lives"), back);
    for (id, reason) in [("", "REQUIRED"), ("1", "INVALID_UUID")] {
        let refused = root.undelete(id).await.expect_err("refused");
        refused.violates(&[("id", reason)]);
    }
    let absent = root.undelete(&nobody()).await.expect_err("absent");
    absent.is(Code::NotFound, "CLIENT_NOT_FOUND");
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn an_email_taken_meanwhile_stands_in_the_way() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let gone = admin
        .create(with_email("Ana", "ana@norte.mx"))
        .await
        .expect("created");
    root.delete(&gone.id).await.expect("deleted");
    let elsewhere = with_email("Ana", "ana@norte.mx");
    let elsewhere = app
        .org("Sur")
        .await
        .platform_admin()
        .create(elsewhere)
        .await;
    elsewhere.expect("another organization's");
    let holder = admin
        .create(with_email("Eva", "ANA@Norte.mx"))
        .await
        .expect("created");
    let before = app.contents().await;
    let refused = root.undelete(&gone.id).await.expect_err("taken");
    refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    assert_eq!(refused.metadata["conflicting_client_id"], holder.id);
    assert_eq!(app.contents().await, before);
    root.delete(&holder.id).await.expect("deleted");
    root.undelete(&gone.id).await.expect("free again");
    let refused = root.undelete(&holder.id).await.expect_err("taken");
    assert_eq!(refused.metadata["conflicting_client_id"], gone.id);
}

#[tokio::test]
async fn who_left_meanwhile_does_not_come_back() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    for removed in [true, false] {
        let person = org.member("Eva").await;
        let new = CreateClientRequest {
            assigned_to_id: Some(person.clone()),
            ..client("Ana")
        };
        let id = admin.create(new).await.expect("created").id;
        root.delete(&id).await.expect("deleted");
        if removed {
            org.remove_member(&person).await;
        } else {
            org.upsert_member(&person, "Eva", false).await;
        }
        // Not even who is a member again by then.
        org.upsert_member(&person, "Eva", true).await;
        let back = root.undelete(&id).await.expect("back");
        assert_eq!(back.assigned_to, None);
        let history = admin.history(&id).await.expect("told");
        assert_told(&back, &history);
        let all = [
            Kind::Created,
            Kind::Deleted,
            Kind::AssigneeLeft,
            Kind::Undeleted,
        ];
        assert_eq!(kinds(&history), all);
    }
}

#[tokio::test]
async fn a_super_admin_alone_sees_and_brings_back() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let live = admin.create(client("Ana")).await.expect("created").id;
    let gone = admin.create(client("Eva")).await.expect("created").id;
    let deleted = root.delete(&gone).await.expect("deleted");
    let list = |show_deleted| ListClientsRequest {
        show_deleted,
        order_by: "name".to_owned(),
        ..ListClientsRequest::default()
    };
    let seen = async |show_deleted| {
        let list = root.list(list(show_deleted)).await.expect("listed");
        list.clients
            .into_iter()
            .map(|client| client.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(false).await, [live.as_str()]);
    assert_eq!(seen(true).await, [live, gone.clone()]);
    assert_eq!(root.even_deleted(&gone).await.expect("found"), deleted);
    root.get(&gone).await.expect_err("deleted");
    let before = app.contents().await;
    for role in [Role::PlatformAdmin, Role::OrgOwner, Role::OrgAdmin] {
        let actor = org.actor(role);
        let request = GetClientRequest {
            id: gone.clone(),
            show_deleted: true,
        };
        let got = actor.clients().get_client(request).await.map(drop);
        for answer in [
            got.map_err(Into::into),
            actor.list(list(true)).await.map(drop),
            actor.undelete(&gone).await.map(drop),
            actor.purge(&gone).await,
        ] {
            let refused = answer.expect_err("not theirs");
            refused.is(Code::PermissionDenied, "ROLE_REQUIRED");
        }
    }
    assert_eq!(app.contents().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_return_and_creation_gets_the_email() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    for round in 0..20 {
        let email = format!("r{round}@norte.mx");
        let gone = admin
            .create(with_email("Ana", &email))
            .await
            .expect("created")
            .id;
        root.delete(&gone).await.expect("deleted");
        let rival = with_email("Eva", &email.to_uppercase());
        let (back, made) = join!(root.undelete(&gone), admin.create(rival));
        match (back, made) {
            (Ok(back), Err(refused)) => {
                refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
                assert_eq!(refused.metadata["conflicting_client_id"], back.id);
            }
            (Err(refused), Ok(made)) => {
                refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
                assert_eq!(refused.metadata["conflicting_client_id"], made.id);
            }
            both => panic!("one of the two: {both:#?}"),
        }
    }
    let live = "SELECT count(*) FROM clients WHERE deleted_at IS NULL";
    assert_eq!(app.count(live).await, 20);
}
