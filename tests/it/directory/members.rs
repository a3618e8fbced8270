//! Members: who may be assigned, and what becomes of their clients.

use nvito_clients::grpc::proto::{
    Client, CreateClientRequest, GetClientRequest, ListMembersRequest, UpsertMemberRequest, User,
};

use super::{member, members, put_member, remove_member, user};
use crate::support::{Actor, App, Failure, Org, client, nobody};

/// The first names of the active members that are found, and how many there are.
async fn found(actor: &Actor, request: ListMembersRequest) -> Result<(String, i64), Failure> {
    let answer = actor.directory().list_members(request).await?.into_inner();
    let name = |user: Option<User>| user.expect("a user").first_name;
    let names: Vec<_> = answer.members.into_iter().map(|m| name(m.user)).collect();
    Ok((names.join(" "), answer.meta.expect("meta").total))
}

async fn deactivate(actor: &Actor, organization: &str, id: &str) {
    let request = UpsertMemberRequest {
        active: Some(false),
        ..member(organization, user(id, "Ana", "García", ""))
    };
    let made = put_member(actor, request).await.expect("upserted");
    assert!(!made.active);
}

/// A client of an organization that `user` looks after.
async fn assigned(org: &Org<'_>, name: &str, user: &str) -> Client {
    let new = CreateClientRequest {
        assigned_to_id: Some(user.to_owned()),
        notes: Some("visto".to_owned()),
        ..client(name)
    };
    org.platform_admin().create(new).await.expect("created")
}

async fn even_deleted(actor: &Actor, client: &Client) -> Client {
    let request = GetClientRequest {
        id: client.id.clone(),
        show_deleted: true,
    };
    let answer = actor.clients().get_client(request).await;
    answer
        .expect("found")
        .into_inner()
        .client
        .expect("a client")
}

#[tokio::test]
async fn active_members_are_listed_by_name_in_pages() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let root = app.super_admin();
    for (first, last, email) in [
        ("Ñoño", "Peña", "n@sur.mx"),
        ("Oscar", "Ruiz", ""),
        ("Álvaro", "Zea", ""),
        ("Alvaro", "Ávila", "100%@norte.mx"),
        ("Nora", "Ibáñez", "nora@norte.mx"),
    ] {
        let person = user(&nobody(), first, last, email);
        put_member(&root, member(&org.id, person))
            .await
            .expect("upserted");
    }
    let away = org.member("Inactiva").await;
    deactivate(&root, &org.id, &away).await;
    org.remove_member(&org.member("Removida").await).await;
    app.org("Sur").await.member("Ajena").await;
    for (search, page, limit, names, total) in [
        ("", 0, 0, "Alvaro Álvaro Nora Ñoño Oscar", 5),
        ("", 2, 2, "Nora Ñoño", 5),
        ("", 4, 2, "", 5),
        ("ALVARO", 0, 0, "Alvaro Álvaro", 2),
        ("pena", 0, 0, "Ñoño", 1),
        ("ñora ibanez", 0, 0, "Nora", 1),
        ("NORTE.mx", 0, 0, "Alvaro Nora", 2),
        ("100%", 0, 0, "Alvaro", 1),
        ("%a", 0, 0, "", 0),
        ("_", 0, 0, "", 0),
        ("inactiva", 0, 0, "", 0),
    ] {
        let request = |organization_id: &str| ListMembersRequest {
            organization_id: organization_id.to_owned(),
            search: search.to_owned(),
            page,
            limit,
        };
        let expected = (names.to_owned(), total);
        let seen = found(&root, request(&org.id)).await.expect("listed");
        assert_eq!(seen, expected, "{search}");
        let seen = found(&org.platform_admin(), request("")).await;
        assert_eq!(seen.expect("listed"), expected, "{search}");
    }
    let request = ListMembersRequest {
        search: "ñ".repeat(101),
        page: -1,
        limit: -1,
        ..ListMembersRequest::default()
    };
    let refused = found(&root, request).await.expect_err("refused");
    refused.violates(&[
        ("organization_id", "REQUIRED"),
        ("search", "TOO_LONG"),
        ("page", "OUT_OF_RANGE"),
        ("limit", "OUT_OF_RANGE"),
    ]);
}

#[tokio::test]
async fn a_user_works_for_two_organizations() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let root = app.super_admin();
    let person = org.member("Ana").await;
    other.upsert_member(&person, "Ana", true).await;
    let (here, there) = (
        assigned(&org, "a", &person).await,
        assigned(&other, "b", &person).await,
    );

    let renamed = user(&person, "Anna", "Garza", "anna@norte.mx");
    put_member(&root, member(&org.id, renamed.clone()))
        .await
        .expect("renamed");
    for organization in [&org.id, &other.id] {
        let listed = members(&root, organization).await.members;
        assert_eq!(listed[0].user.as_ref(), Some(&renamed));
    }
    let card = other.platform_admin().get(&there.id).await.expect("found");
    assert_eq!(card.assigned_to.expect("assigned").last_name, "Garza");
    assert_eq!(card.etag, there.etag);

    deactivate(&root, &org.id, &person).await;
    assert!(members(&root, &org.id).await.members.is_empty());
    assert_eq!(members(&root, &other.id).await.members.len(), 1);
    assert_eq!(even_deleted(&root, &here).await.assigned_to, None);
    assert!(even_deleted(&root, &there).await.assigned_to.is_some());
}

#[tokio::test]
async fn who_comes_back_may_be_assigned_again() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let root = app.super_admin();
    let person = org.member("Ana").await;
    for removed in [true, false] {
        let held = assigned(&org, "a", &person).await;
        if removed {
            remove_member(&root, &org.id, &person)
                .await
                .expect("removed");
        } else {
            deactivate(&root, &org.id, &person).await;
        }
        let again = put_member(&root, member(&org.id, user(&person, "Ana", "", ""))).await;
        assert!(again.expect("upserted").active);
        assert_eq!(even_deleted(&root, &held).await.assigned_to, None);
    }
}

#[tokio::test]
async fn who_leaves_looks_after_nobody() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let root = app.super_admin();
    for removed in [true, false] {
        let (person, colleague) = (org.member("Ana").await, org.member("Eva").await);
        other.upsert_member(&person, "Ana", true).await;
        let mut held = [
            assigned(&org, "a", &person).await,
            assigned(&org, "b", &person).await,
        ];
        held[1] = root.delete(&held[1].id).await.expect("deleted");
        let spared = [
            assigned(&org, "c", &colleague).await,
            assigned(&other, "d", &person).await,
        ];
        if removed {
            remove_member(&root, &org.id, &person)
                .await
                .expect("removed");
        } else {
            deactivate(&root, &org.id, &person).await;
        }
        for before in &held {
            let after = even_deleted(&root, before).await;
            assert_ne!(after.etag, before.etag);
            assert_ne!(after.updated_at, before.updated_at);
            let expected = Client {
                assigned_to: None,
                etag: after.etag.clone(),
                updated_at: after.updated_at,
                ..before.clone()
            };
            assert_eq!(after, expected);
        }
        for before in &spared {
            assert_eq!(&even_deleted(&root, before).await, before);
        }
        let settled = app.contents().await;
        if !removed {
            deactivate(&root, &org.id, &person).await;
            assert_eq!(app.contents().await, settled);
        }
    }
}

#[tokio::test]
async fn who_created_a_client_stays_known_after_leaving() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    org.upsert_member(&admin.user_id(), "Ana", true).await;
    let made = admin.create(client("Juan")).await.expect("created");
    assert_eq!(made.created_by, Some(admin.user_id()));
    org.remove_member(&admin.user_id()).await;
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
}
