//! Pages by number and by token: the whole list, once each, whatever happens
//! in between.

use nvito_clients::grpc::proto::{Client, ListClientsRequest};
use tonic::Code;

use super::{ORDERS, all, bulk, ids, listed, ordered};
use crate::support::{Actor, App, client};

/// The clients of one list, read page after page by token.
async fn walk(actor: &Actor, list: &ListClientsRequest, limits: &[i32]) -> Vec<Client> {
    let mut seen = Vec::new();
    let mut page_token = String::new();
    for (limit, number) in limits.iter().cycle().zip(1..) {
        let request = ListClientsRequest {
            limit: *limit,
            page_token,
            ..list.clone()
        };
        let page = listed(actor, request).await;
        assert_eq!(page.meta.expect("meta").page, number);
        seen.extend(page.clients);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    seen
}

/// The clients of one list, read page after page by number.
async fn leaf(actor: &Actor, list: &ListClientsRequest, limit: i32) -> Vec<Client> {
    let mut seen = Vec::new();
    for page in 1.. {
        let request = ListClientsRequest {
            page,
            limit,
            ..list.clone()
        };
        let found = listed(actor, request).await.clients;
        if found.is_empty() {
            break;
        }
        seen.extend(found);
    }
    seen
}

#[tokio::test]
async fn both_ways_through_a_list_read_all_of_it() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let ana = org.member("Ana").await;
    bulk(&app, &org, 13, "Igual").await;
    bulk(&app, &org, 9, "ñandú").await;
    bulk(&app, &org, 9, "Ñandú").await;
    bulk(&app, &app.org("Sur").await, 9, "Igual").await;
    app.execute(&format!(
        "UPDATE clients SET status = 'ACTIVE' WHERE id::text > '6';
         UPDATE clients SET type = 'COMPANY' WHERE id::text > 'a';
         UPDATE clients SET assigned_to_id = '{ana}'
             WHERE id::text < '8' AND organization_id = '{}';
         UPDATE clients SET created_at = '2026-01-01' WHERE id::text > '4'",
        org.id
    ))
    .await;
    let filters: [fn(&mut ListClientsRequest, &str); 7] = [
        |_, _| {},
        |list, _| list.status = 2,
        |list, _| list.r#type = 2,
        |list, ana| list.assigned_to_id = ana.to_owned(),
        |list, _| list.unassigned = true,
        |list, _| list.search = "NANDU".to_owned(),
        |list, _| (list.search, list.status) = ("igu".to_owned(), 1),
    ];
    for (actor, order) in ORDERS
        .iter()
        .flat_map(|order| [(&admin, order), (&root, order)])
    {
        for filter in filters {
            let mut list = ordered(order);
            filter(&mut list, &ana);
            let whole = listed(actor, list.clone()).await;
            assert!(whole.next_page_token.is_empty());
            let whole = ids(&whole.clients);
            assert!(!whole.is_empty());
            assert_eq!(ids(&walk(actor, &list, &[6]).await), whole, "{order}");
            assert_eq!(ids(&walk(actor, &list, &[1, 7, 200]).await), whole);
            assert_eq!(ids(&leaf(actor, &list, 6).await), whole, "{order}");
        }
    }
}

#[tokio::test]
async fn clients_that_come_and_go_move_no_page() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    bulk(&app, &org, 20, "Igual").await;
    bulk(&app, &org, 10, "Otra").await;
    for order in ORDERS {
        let list = ordered(order);
        let before = ids(&listed(&admin, list.clone()).await.clients);
        let mut seen = Vec::new();
        let mut request = ListClientsRequest { limit: 7, ..list };
        loop {
            let page = listed(&admin, request.clone()).await;
            seen.extend(ids(&page.clients));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
            for name in ["Abeja", "Igual", "Zorro"] {
                admin.create(client(name)).await.expect("created");
            }
            let behind = seen.last().expect("seen");
            root.delete(behind).await.expect("deleted");
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{order}: none twice");
        seen.retain(|id| before.contains(id));
        assert_eq!(seen, before, "{order}: none left out");
        app.execute("DELETE FROM clients").await;
        bulk(&app, &org, 20, "Igual").await;
        bulk(&app, &org, 10, "Otra").await;
    }
}

#[tokio::test]
async fn page_numbers_reach_ten_thousand_rows() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    bulk(&app, &org, 10_001, "Igual").await;
    let page = |page, limit| ListClientsRequest {
        page,
        limit,
        ..all()
    };
    for (number, limit) in [(100, 100), (1000, 0), (100, 500), (10_000, 1)] {
        let list = listed(&admin, page(number, limit)).await;
        let meta = list.meta.expect("meta");
        assert_eq!(
            i64::from(meta.limit),
            i64::try_from(list.clients.len()).expect("small")
        );
        let rest = ListClientsRequest {
            page_token: list.next_page_token,
            ..page(0, limit)
        };
        let rest = listed(&admin, rest).await;
        assert_eq!(rest.clients.len(), 1, "the row beyond");
        assert_eq!(rest.meta.expect("meta").page, number + 1);
    }
    for (number, limit) in [(101, 100), (1001, 0), (10_001, 1), (i32::MAX, i32::MAX)] {
        let refused = admin.list(page(number, limit)).await.expect_err("deep");
        refused.is(Code::InvalidArgument, "PAGE_TOO_DEEP");
        assert_eq!(refused.violations[0].0, "page");
        assert!(refused.message.contains("page_token"));
        assert!(refused.localized().1.contains("page_token"));
    }
}
