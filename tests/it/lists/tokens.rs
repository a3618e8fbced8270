//! `page_token`: good for its own list and for no other.

use nvito_clients::grpc::proto::ListClientsRequest;
use tonic::Code;

use super::{all, bulk, ids, listed, within};
use crate::support::{Actor, App, nobody};

/// A list of several pages.
fn list() -> ListClientsRequest {
    ListClientsRequest {
        limit: 2,
        search: "igual".to_owned(),
        ..all()
    }
}

async fn token(actor: &Actor, request: ListClientsRequest) -> String {
    let token = listed(actor, request).await.next_page_token;
    assert!(!token.is_empty());
    token
}

async fn assert_refused(actor: &Actor, token: &str, request: ListClientsRequest) {
    let request = ListClientsRequest {
        page_token: token.to_owned(),
        ..request
    };
    let refused = actor.list(request.clone()).await;
    let Err(refused) = refused else {
        panic!("{request:?} was answered");
    };
    refused.is(Code::InvalidArgument, "INVALID_PAGE_TOKEN");
    let violation = ("page_token".to_owned(), "INVALID_PAGE_TOKEN".to_owned());
    assert_eq!(refused.violations, [violation]);
}

#[tokio::test]
async fn a_token_is_of_its_filters_and_order() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    bulk(&app, &org, 9, "Igual").await;
    let token = token(&admin, list()).await;
    let others: [fn(&mut ListClientsRequest); 9] = [
        |list| list.search = String::new(),
        |list| list.search = "gual".to_owned(),
        |list| list.status = 1,
        |list| list.r#type = 1,
        |list| list.assigned_to_id = nobody(),
        |list| list.unassigned = true,
        |list| list.order_by = "created_at asc".to_owned(),
        |list| list.order_by = "updated_at desc".to_owned(),
        |list| list.order_by = "name".to_owned(),
    ];
    for change in others {
        let mut other = list();
        change(&mut other);
        listed(&admin, other.clone()).await;
        assert_refused(&admin, &token, other).await;
    }
    let second = ListClientsRequest { page: 2, ..list() };
    let second = listed(&admin, second).await;
    for (page, limit) in [(0, 2), (1, 2), (0, 1), (0, 7)] {
        for actor in [&admin, &org.platform_admin()] {
            let next = ListClientsRequest {
                page,
                limit,
                page_token: token.clone(),
                ..list()
            };
            let next = listed(actor, next).await;
            assert_eq!(ids(&next.clients)[0], second.clients[0].id);
            assert_eq!(next.meta.expect("meta").total, 9);
        }
    }
}

#[tokio::test]
async fn a_token_is_of_its_organization() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let root = app.super_admin();
    let (admin, stranger) = (org.platform_admin(), other.platform_admin());
    for org in [&org, &other] {
        bulk(&app, org, 9, "Igual").await;
    }
    let narrowed = |organization_id: &str| ListClientsRequest {
        organization_id: organization_id.to_owned(),
        ..list()
    };
    let own = token(&admin, list()).await;
    assert_refused(&stranger, &own, list()).await;
    assert_refused(&root, &own, list()).await;
    let whole = token(&root, list()).await;
    assert_refused(&admin, &whole, list()).await;
    assert_refused(&root, &whole, narrowed(&org.id)).await;
    let narrow = token(&root, narrowed(&org.id)).await;
    assert_refused(&root, &narrow, narrowed(&other.id)).await;
    assert_refused(&root, &narrow, list()).await;
    for (actor, token, request) in [
        (&admin, own, list()),
        (&root, whole, list()),
        (&root, narrow, narrowed(&org.id)),
    ] {
        let request = ListClientsRequest {
            page_token: token,
            ..request
        };
        assert_eq!(listed(actor, request).await.clients.len(), 2);
    }
    assert_eq!(listed(&root, within(&other.id)).await.clients.len(), 9);
}

#[tokio::test]
async fn a_broken_token_is_refused() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    bulk(&app, &org, 9, "Igual").await;
    for order in ["", "name"] {
        let request = ListClientsRequest {
            order_by: order.to_owned(),
            ..list()
        };
        let good = token(&admin, request.clone()).await;
        let middle = good.len() / 4;
        let swapped = if good.as_bytes()[middle] == b'A' {
            "B"
        } else {
            "A"
        };
        let mut changed = good.clone();
        changed.replace_range(middle..=middle, swapped);
        for broken in [
            &good[1..],
            &good[..20],
            &good[..49],
            &changed,
            &format!("{good}="),
            &format!(" {good}"),
            "x",
            "ñ",
            "%%%",
            "' OR 1 = 1 --",
            &"A".repeat(20_000),
        ] {
            assert_refused(&admin, broken, request.clone()).await;
        }
        let next = ListClientsRequest {
            page_token: good,
            ..request
        };
        assert_eq!(listed(&admin, next).await.clients.len(), 2);
    }
}

#[tokio::test]
async fn a_token_and_a_page_number_exclude_each_other() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    bulk(&app, &org, 9, "Igual").await;
    let request = ListClientsRequest {
        page: 2,
        page_token: token(&admin, list()).await,
        ..list()
    };
    let refused = admin.list(request).await.expect_err("refused");
    refused.violates(&[("page", "MUTUALLY_EXCLUSIVE")]);
}
