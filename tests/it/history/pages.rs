//! Pages of a history.

use nvito_clients::grpc::proto::{ClientPatch, ListClientHistoryRequest};
use tonic::Code;

use super::of;
use crate::support::{Actor, App, client};

async fn write(actor: &Actor, id: &str, notes: &str) {
    let patch = ClientPatch {
        notes: Some(notes.to_owned()),
        ..ClientPatch::default()
    };
    actor.patch(id, patch).await.expect("changed");
}

/// Writes that nobody made, the versions `2..=last` of every client.
async fn fill(app: &App, last: u32) {
    app.execute(&format!(
        "INSERT INTO client_history (organization_id, client_id, version, at, actor_id, kind, request_id, changes)
         SELECT organization_id, id, number, now(), id, 'UPDATED', '-', '[]'
         FROM clients, generate_series(2, {last}) AS number"
    ))
    .await;
}

#[tokio::test]
async fn pages_hold_every_entry_once_while_others_come() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let id = admin.create(client("Ana")).await.expect("created").id;
    for number in 2..=12 {
        write(&admin, &id, &number.to_string()).await;
    }
    for limit in [1, 5, 6, 12] {
        let expected = admin.history(&id).await.expect("told");
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListClientHistoryRequest {
                limit,
                page_token,
                ..of(&id)
            };
            let page = admin.history_page(request).await.expect("a page");
            assert!(page.entries.len() <= usize::try_from(limit).expect("a limit"));
            assert!(!page.entries.is_empty());
            seen.extend(page.entries);
            assert!(seen.len() <= expected.len(), "{limit} at a time");
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
            write(&admin, &id, &format!("{limit} {}", seen.len())).await;
        }
        assert_eq!(seen, expected, "{limit} at a time");
    }
}

#[tokio::test]
async fn a_page_has_10_entries_or_as_many_as_asked_for_up_to_100() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let id = admin.create(client("Ana")).await.expect("created").id;
    fill(&app, 150).await;
    for (limit, entries) in [(0, 10), (1, 1), (100, 100), (101, 100), (i32::MAX, 100)] {
        let request = ListClientHistoryRequest { limit, ..of(&id) };
        let page = admin.history_page(request.clone()).await.expect("a page");
        assert_eq!((page.entries.len(), &*page.entries[0].id), (entries, "150"));
        assert!(!page.next_page_token.is_empty());
        let request = ListClientHistoryRequest {
            page_token: page.next_page_token,
            ..request
        };
        let next = admin.history_page(request).await.expect("a page");
        assert_eq!(next.entries[0].id, (150 - entries).to_string());
    }
    for (client_id, limit, violations) in [
        (id.as_str(), -1, &[("limit", "OUT_OF_RANGE")][..]),
        ("", 0, &[("client_id", "REQUIRED")]),
        (
            "1",
            i32::MIN,
            &[("client_id", "INVALID_UUID"), ("limit", "OUT_OF_RANGE")],
        ),
    ] {
        let request = ListClientHistoryRequest {
            limit,
            ..of(client_id)
        };
        let refused = admin.history_page(request).await.expect_err("refused");
        refused.violates(violations);
    }
}

#[tokio::test]
async fn a_token_is_of_one_history_as_one_organization_sees_it() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let stranger = app.org("Sur").await.platform_admin();
    let ana = admin.create(client("Ana")).await.expect("created").id;
    let eva = admin.create(client("Eva")).await.expect("created").id;
    let luz = stranger.create(client("Luz")).await.expect("created").id;
    fill(&app, 30).await;
    let token = async |actor: &Actor, id: &str| {
        let page = actor.history_page(of(id)).await.expect("a page");
        page.next_page_token
    };
    let own = token(&admin, &ana).await;
    let with = |id: &str, page_token: &str| ListClientHistoryRequest {
        page_token: page_token.to_owned(),
        ..of(id)
    };
    let colleague = org.platform_admin();
    colleague
        .history_page(with(&ana, &own))
        .await
        .expect("the same history");
    let (all, shortened, doubled) = (token(&root, &ana).await, &own[1..], own.repeat(2));
    for (actor, id, token) in [
        (&admin, &eva, own.as_str()),
        (&admin, &ana, &token(&admin, &eva).await),
        (&admin, &ana, &token(&stranger, &luz).await),
        (&stranger, &luz, &own),
        (&stranger, &ana, &own),
        (&admin, &ana, &all),
        (&root, &ana, &own),
        (&admin, &ana, shortened),
        (&admin, &ana, &doubled),
        (&admin, &ana, "ñ"),
        (&admin, &ana, "AQ"),
        (&admin, &ana, " "),
    ] {
        let refused = actor.history_page(with(id, token)).await;
        let refused = refused.expect_err(token);
        refused.is(Code::InvalidArgument, "INVALID_PAGE_TOKEN");
        assert_eq!(refused.violations[0].0, "page_token");
    }
}
