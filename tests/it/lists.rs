//! `ListClients`: which clients, in which order and on which page.

mod counted;
mod orders;
mod pages;
mod search;
mod tokens;
mod trigrams;

use nvito_clients::grpc::proto::{
    Client, CreateClientRequest, ListClientsRequest, ListClientsResponse, PageMeta,
};
use tonic::Code;

use crate::support::{Actor, App, Org, client, nobody};

/// Every order there is.
const ORDERS: [&str; 7] = [
    "",
    "created_at",
    "createdAt desc",
    "updated_at asc",
    "updatedAt desc",
    "name",
    "name desc",
];

fn all() -> ListClientsRequest {
    ListClientsRequest {
        limit: 100,
        ..ListClientsRequest::default()
    }
}

fn within(organization: &str) -> ListClientsRequest {
    ListClientsRequest {
        organization_id: organization.to_owned(),
        ..all()
    }
}

fn ordered(order_by: &str) -> ListClientsRequest {
    ListClientsRequest {
        order_by: order_by.to_owned(),
        ..all()
    }
}

async fn listed(actor: &Actor, request: ListClientsRequest) -> ListClientsResponse {
    actor.list(request).await.expect("listed")
}

async fn names(actor: &Actor, request: ListClientsRequest) -> Vec<String> {
    let clients = listed(actor, request).await.clients;
    clients.into_iter().map(|client| client.name).collect()
}

async fn sorted_names(actor: &Actor, request: ListClientsRequest) -> Vec<String> {
    let mut names = names(actor, request).await;
    names.sort();
    names
}

fn ids(clients: &[Client]) -> Vec<String> {
    clients.iter().map(|client| client.id.clone()).collect()
}

/// `number` clients past the service, all made at one moment and called
/// alike; their ids come in no order.
async fn bulk(app: &App, org: &Org<'_>, number: usize, name: &str) {
    let id = &org.id;
    app.execute(&format!(
        "INSERT INTO clients (id, organization_id, name)
         SELECT gen_random_uuid(), '{id}', '{name}' FROM generate_series(1, {number})"
    ))
    .await;
}

#[tokio::test]
async fn the_newest_ten_come_first() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let empty = listed(&admin, ListClientsRequest::default()).await;
    let meta = |total, page, limit, total_pages| PageMeta {
        total,
        page,
        limit,
        total_pages,
    };
    let expected = ListClientsResponse {
        meta: Some(meta(0, 1, 10, 0)),
        ..ListClientsResponse::default()
    };
    assert_eq!(empty, expected);

    let mut made = Vec::new();
    for number in 0..23 {
        let new = client(&format!("Cliente {number}"));
        made.insert(0, admin.create(new).await.expect("created"));
    }
    for (page, limit, size, expected) in [
        (0, 0, 10, meta(23, 1, 10, 3)),
        (1, 10, 10, meta(23, 1, 10, 3)),
        (3, 0, 3, meta(23, 3, 10, 3)),
        (2, 23, 0, meta(23, 2, 23, 1)),
        (4, 10, 0, meta(23, 4, 10, 3)),
        (1, 101, 23, meta(23, 1, 100, 1)),
        (0, i32::MAX, 23, meta(23, 1, 100, 1)),
    ] {
        let request = ListClientsRequest {
            page,
            limit,
            ..ListClientsRequest::default()
        };
        let list = listed(&admin, request).await;
        let begin = usize::try_from((expected.page - 1) * expected.limit).expect("small");
        let end = (begin + size).min(made.len());
        assert_eq!(list.clients, made[begin.min(end)..end]);
        assert_eq!(list.meta, Some(expected));
        let more = end < made.len() && size > 0;
        assert_eq!(list.next_page_token.is_empty(), !more);
    }
}

#[tokio::test]
async fn filters_hold_together() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    for number in 0..24 {
        let assignee = [None, Some(&ana), Some(&eva)][number % 3];
        let new = CreateClientRequest {
            status: [1, 2, 3, 4][number / 3 % 4],
            r#type: [1, 2][number / 12],
            assigned_to_id: assignee.cloned(),
            ..client(&format!("Cliente {number}"))
        };
        admin.create(new).await.expect("created");
    }
    let stranger = app.org("Sur").await.platform_admin();
    stranger.create(client("Ajena")).await.expect("created");

    let everybody = listed(&admin, all()).await.clients;
    assert_eq!(everybody.len(), 24);
    for status in 0..=4 {
        for r#type in 0..=2 {
            for (assignee, unassigned) in [("", false), ("", true), (&ana, false), (&eva, false)] {
                let fits = |client: &&Client| {
                    let held = client.assigned_to.as_ref().map(|user| user.id.as_str());
                    (status == 0 || client.status == status)
                        && (r#type == 0 || client.r#type == r#type)
                        && (assignee.is_empty() || held == Some(assignee))
                        && (!unassigned || held.is_none())
                };
                let expected: Vec<_> = everybody.iter().filter(fits).cloned().collect();
                for (actor, organization_id) in [(&admin, ""), (&root, org.id.as_str())] {
                    let request = ListClientsRequest {
                        status,
                        r#type,
                        assigned_to_id: assignee.to_owned(),
                        unassigned,
                        ..within(organization_id)
                    };
                    let list = listed(actor, request).await;
                    assert_eq!(list.clients, expected);
                    let total = i64::try_from(expected.len()).expect("small");
                    assert_eq!(list.meta.expect("meta").total, total);
                }
            }
        }
    }
    let nobodys = ListClientsRequest {
        assigned_to_id: nobody(),
        ..all()
    };
    assert!(listed(&admin, nobodys).await.clients.is_empty());
}

#[tokio::test]
async fn a_super_admin_sees_all_and_narrows() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let root = app.super_admin();
    for (org, name) in [(&org, "a"), (&other, "b"), (&org, "c"), (&other, "d")] {
        let made = org.platform_admin().create(client(name)).await;
        made.expect("created");
    }
    assert_eq!(names(&root, all()).await.concat(), "dcba");
    assert_eq!(names(&root, within(&org.id)).await.concat(), "ca");
    assert_eq!(names(&root, within(&other.id)).await.concat(), "db");
    assert_eq!(names(&org.platform_admin(), all()).await.concat(), "ca");
    assert!(names(&root, within(&nobody())).await.is_empty());
}

#[tokio::test]
async fn only_a_super_admin_lists_deleted_clients() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    for name in ["Viva", "Borrada"] {
        admin.create(client(name)).await.expect("created");
    }
    let newest = listed(&admin, all()).await.clients[0].id.clone();
    let deleted = root.delete(&newest).await.expect("deleted");
    let with_deleted = |organization: &str, search: &str| ListClientsRequest {
        show_deleted: true,
        search: search.to_owned(),
        ..within(organization)
    };
    for organization in ["", &org.id] {
        let list = listed(&root, with_deleted(organization, "")).await;
        assert_eq!(list.clients[0], deleted);
        assert_eq!(list.meta.expect("meta").total, 2);
        let found = names(&root, with_deleted(organization, "borrada")).await;
        assert_eq!(found, ["Borrada"]);
        assert_eq!(names(&root, within(organization)).await, ["Viva"]);
    }
    let refused = admin.list(with_deleted("", "")).await.expect_err("refused");
    refused.is(Code::PermissionDenied, "ROLE_REQUIRED");
}

#[tokio::test]
async fn a_malformed_list_tells_every_violation() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let request = ListClientsRequest {
        page: -1,
        limit: -1,
        search: "ñ".repeat(101),
        status: 5,
        r#type: -1,
        assigned_to_id: "ana".to_owned(),
        unassigned: true,
        organization_id: "norte".to_owned(),
        order_by: "email".to_owned(),
        ..ListClientsRequest::default()
    };
    let refused = admin.list(request).await.expect_err("refused");
    refused.violates(&[
        ("page", "OUT_OF_RANGE"),
        ("limit", "OUT_OF_RANGE"),
        ("organization_id", "INVALID_UUID"),
        ("assigned_to_id", "INVALID_UUID"),
        ("unassigned", "MUTUALLY_EXCLUSIVE"),
        ("search", "TOO_LONG"),
        ("status", "INVALID_ENUM"),
        ("type", "INVALID_ENUM"),
        ("order_by", "INVALID_ORDER_BY"),
    ]);
    for order in ["name, id", "name down", "NAME", "name;--", "id", "notes"] {
        let refused = admin.list(ordered(order)).await.expect_err(order);
        refused.violates(&[("order_by", "INVALID_ORDER_BY")]);
    }
}

/// A read is no write: however long its statement takes, nothing was to be saved.
#[tokio::test]
async fn a_list_that_takes_long_is_answered() {
    let app = App::start().await;
    let admin = app.org("Propia").await.platform_admin();
    admin.create(client("Ana")).await.expect("created");
    app.execute(
        "CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(6); RETURN true; END $$;
         CREATE POLICY slow ON clients AS RESTRICTIVE FOR SELECT USING (slow())",
    )
    .await;
    let listed = admin.list(all()).await.expect("listed");
    assert_eq!(listed.clients.len(), 1);
}
