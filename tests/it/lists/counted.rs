//! What a search has counted is not counted again, and is what there is all the same.

use nvito_clients::grpc::proto::ListClientsRequest;

use super::{ids, listed, within};
use crate::support::{Actor, App, Org};

/// Clients in the order in which they came, half of them called like that.
async fn half_alike(app: &App, org: &Org<'_>) {
    app.execute(&format!(
        "INSERT INTO clients (id, organization_id, name, status, created_at)
         SELECT gen_random_uuid(), '{}', CASE number % 2 WHEN 0 THEN 'Ana Peña ' ELSE 'Eva Ruiz ' END || number,
             (ARRAY['PROSPECT', 'ACTIVE'])[number % 4 / 2 + 1], now() - number * interval '1 minute'
         FROM generate_series(0, 1599) AS number",
        org.id
    ))
    .await;
}

fn alike(org: &Org<'_>) -> ListClientsRequest {
    ListClientsRequest {
        search: "peña".to_owned(),
        limit: 10,
        ..within(&org.id)
    }
}

/// Pages as they are where nothing is known, in SQL.
async fn truth(app: &App, org: &Org<'_>, request: &ListClientsRequest) -> (i64, Vec<String>) {
    let conditions = format!(
        "organization_id = '{}' AND deleted_at IS NULL AND search_text LIKE '%pena%' AND {}",
        org.id,
        if request.status == 0 {
            "true"
        } else {
            "status = 'ACTIVE'"
        }
    );
    let total = format!("SELECT count(*) FROM clients WHERE {conditions}");
    let order = match request.order_by.as_str() {
        "" => "created_at DESC, id DESC".to_owned(),
        "name desc" => "name DESC, id DESC".to_owned(),
        key => format!("{key}, id"),
    };
    let offset = (request.page.max(1) - 1) * request.limit;
    let page = format!(
        "SELECT id::text FROM clients WHERE {conditions} ORDER BY {order} LIMIT {} OFFSET {offset}",
        request.limit
    );
    let superuser = app.superuser().await;
    let page = superuser.query(&page, &[]).await.expect("a page");
    (
        app.count(&total).await,
        page.iter().map(|row| row.get(0)).collect(),
    )
}

async fn found(actor: &Actor, request: &ListClientsRequest) -> (i64, Vec<String>) {
    let page = listed(actor, request.clone()).await;
    (page.meta.expect("told").total, ids(&page.clients))
}

#[tokio::test]
async fn a_search_that_is_made_again_finds_what_there_is() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    half_alike(&app, &org).await;
    half_alike(&app, &other).await;
    let (admin, active) = (org.platform_admin(), 2);
    let requests = [
        alike(&org),
        ListClientsRequest {
            page: 3,
            ..alike(&org)
        },
        ListClientsRequest {
            page: 79,
            ..alike(&org)
        },
        ListClientsRequest {
            page: 80,
            ..alike(&org)
        },
        ListClientsRequest {
            page: 81,
            ..alike(&org)
        },
        ListClientsRequest {
            limit: 100,
            ..alike(&org)
        },
        ListClientsRequest {
            order_by: "created_at".to_owned(),
            ..alike(&org)
        },
        ListClientsRequest {
            order_by: "name".to_owned(),
            ..alike(&org)
        },
        ListClientsRequest {
            order_by: "name desc".to_owned(),
            ..alike(&org)
        },
        ListClientsRequest {
            order_by: "updated_at".to_owned(),
            ..alike(&org)
        },
        ListClientsRequest {
            status: active,
            ..alike(&org)
        },
        ListClientsRequest {
            status: active,
            order_by: "name".to_owned(),
            ..alike(&org)
        },
    ];
    let one = format!(
        "organization_id = '{}' AND id = (SELECT id FROM clients
        WHERE organization_id = '{0}' AND name LIKE",
        org.id
    );
    for write in [
        "SELECT".to_owned(),
        format!("UPDATE clients SET name = 'Eva' WHERE {one} '%Peña%' LIMIT 1)"),
        format!("UPDATE clients SET name = 'Eva Peña' WHERE {one} '%Ruiz%' LIMIT 1)"),
        format!("UPDATE clients SET email = 'pena@example.com' WHERE {one} '%Ruiz%' LIMIT 1)"),
        format!("UPDATE clients SET deleted_at = now() WHERE {one} '%Peña%' LIMIT 1)"),
        format!("UPDATE clients SET deleted_at = NULL WHERE organization_id = '{}'", org.id),
        format!("UPDATE clients SET status = 'COMPLETED' WHERE {one} '%Peña%' AND status = 'ACTIVE' LIMIT 1)"),
        format!("UPDATE clients SET organization_id = '{}' WHERE {one} '%Peña%' LIMIT 1)", other.id),
        format!("UPDATE clients SET organization_id = '{}' WHERE organization_id = '{}' AND name LIKE '%Peña%'
            AND created_at > now() - interval '1 hour'", org.id, other.id),
        format!("DELETE FROM clients WHERE {one} '%Peña%' LIMIT 1)"),
        format!("INSERT INTO clients (id, organization_id, name) VALUES (gen_random_uuid(), '{}', 'Peña')", org.id),
        format!("BEGIN; DELETE FROM clients WHERE {one} '%Peña%' LIMIT 1); ROLLBACK"),
        format!("SELECT fold_client_totals('{}')", org.id),
        // All but the oldest: a page is not among the newest any more.
        format!("UPDATE clients SET name = 'Eva' WHERE organization_id = '{}' AND name LIKE '%Peña%'
            AND created_at > now() - interval '1000 minutes'", org.id),
    ] {
        app.execute(&write).await;
        for request in &requests {
            let expected = truth(&app, &org, request).await;
            for time in 1..=3 {
                let found = found(&admin, request).await;
                assert_eq!(found, expected, "{write}: {request:?}: time {time}");
            }
        }
    }
    let others = truth(&app, &other, &alike(&other)).await;
    assert_eq!(found(&other.platform_admin(), &alike(&other)).await, others);
}

#[tokio::test]
async fn pages_by_token_follow_what_is_written_between_them() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    half_alike(&app, &org).await;
    let admin = org.platform_admin();
    let everybody = ListClientsRequest {
        limit: 10_000,
        ..alike(&org)
    };
    let (_, mut left) = truth(&app, &org, &everybody).await;
    let (mut read, mut request, mut total) = (Vec::new(), alike(&org), 800);
    loop {
        let page = listed(&admin, request.clone()).await;
        assert_eq!(page.meta.expect("told").total, total, "{} read", read.len());
        read.extend(ids(&page.clients));
        if page.next_page_token.is_empty() {
            break;
        }
        if read.len() % 300 == 0 {
            let gone = left.pop().expect("not read yet");
            app.execute(&format!(
                "UPDATE clients SET name = 'Eva' WHERE id = '{gone}'"
            ))
            .await;
            total -= 1;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!((read, total), (left, 798));
}

/// Whatever is typed: what is read from where the list begins is what the index finds.
#[tokio::test]
async fn both_ways_find_the_same() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    app.execute(&format!(
        "INSERT INTO clients (id, organization_id, name, phone, phone_e164, created_at)
         SELECT gen_random_uuid(), '{}', CASE number % 2 WHEN 0 THEN E'Ána 100%_\\\\ße' ELSE 'Ruiz' END || number,
             '(55) 1234-' || 1000 + number, '+52551234' || 1000 + number, now() - number * interval '1 minute'
         FROM generate_series(0, 999) AS number",
        org.id
    ))
    .await;
    let admin = org.platform_admin();
    for (text, total) in [
        ("%", 500),
        ("0%_", 500),
        ("_\\", 500),
        ("\\", 500),
        ("a", 500),
        ("áN", 500),
        ("１００％", 500),
        ("\u{301}", 1000),
        ("SSE", 500),
        ("55 1234", 1000),
        ("5) 12", 1000),
        ("+52 55 12", 1000),
        ("34-1", 1000),
        ("12341", 1000),
    ] {
        let request = ListClientsRequest {
            search: text.to_owned(),
            ..within(&org.id)
        };
        let first = listed(&admin, request.clone()).await;
        let again = listed(&admin, request).await;
        assert_eq!(again, first, "{text}");
        assert_eq!(first.meta.expect("told").total, total, "{text}");
    }
}

/// The control: what nobody has noted is not seen where it is not counted again, until
/// somebody notes something.
#[tokio::test]
async fn what_was_counted_is_not_counted_again() {
    let app = App::start().await;
    let (org, few) = (app.org("Norte").await, app.org("Sur").await);
    half_alike(&app, &org).await;
    app.execute(&format!(
        "INSERT INTO clients (id, organization_id, name)
         SELECT gen_random_uuid(), '{}', 'Ana Peña' FROM generate_series(1, 200)",
        few.id
    ))
    .await;
    let (admin, of_few) = (org.platform_admin(), few.platform_admin());
    let total = async |actor: &Actor, org: &Org<'_>| found(actor, &alike(org)).await.0;
    assert_eq!(total(&admin, &org).await, 800);
    assert_eq!(total(&of_few, &few).await, 200);
    app.execute(
        "SET session_replication_role = 'replica';
         UPDATE clients SET name = 'Eva', search_text = 'eva' WHERE id IN (
             SELECT DISTINCT ON (organization_id) id FROM clients
             WHERE name LIKE '%Peña%' ORDER BY organization_id, created_at)",
    )
    .await;
    assert_eq!(total(&admin, &org).await, 800, "as it is known");
    assert_eq!(total(&of_few, &few).await, 199, "so few are counted");
    app.execute(&format!(
        "UPDATE clients SET name = 'Inés' WHERE id = (SELECT id FROM clients
         WHERE organization_id = '{}' AND name LIKE '%Ruiz%' LIMIT 1)",
        org.id
    ))
    .await;
    assert_eq!(total(&admin, &org).await, 799, "something was noted");
}
