//! Somebody with ten thousand clients hands them over in one call.

use std::time::{Duration, Instant};

use nvito_clients::grpc::proto::{CreateClientRequest, ListClientsRequest, ReassignClientsRequest};

use crate::support::{App, client};

/// One more than an answer names.
const CLIENTS: i64 = 10_001;

#[tokio::test]
async fn ten_thousand_clients_move_at_once() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    let organization = &org.id;
    app.execute(&format!(
        "INSERT INTO clients (id, organization_id, name, assigned_to_id, deleted_at)
         SELECT gen_random_uuid(), '{organization}', 'Cliente ' || number, '{ana}',
                CASE WHEN number = 0 THEN now() END
         FROM generate_series(0, {CLIENTS}) AS number;
         ANALYZE clients"
    ))
    .await;

    let request = ReassignClientsRequest {
        from_user_id: ana.clone(),
        to_user_id: eva.clone(),
        ..ReassignClientsRequest::default()
    };
    let began = Instant::now();
    let moved = admin.reassign(request).await.expect("moved");
    let took = began.elapsed();
    println!("{CLIENTS} clients moved in {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");

    assert_eq!(i64::from(moved.count), CLIENTS);
    assert_eq!(moved.client_ids.len(), 10_000);
    assert!(moved.client_ids.is_sorted());
    let told = "SELECT count(DISTINCT client_id) FROM client_history
                JOIN clients ON id = client_id AND clients.version = client_history.version
                WHERE kind = 'REASSIGNED' AND at = updated_at AND deleted_at IS NULL";
    assert_eq!(app.count(told).await, CLIENTS);
    assert_eq!(
        app.count("SELECT count(*) FROM client_history").await,
        CLIENTS
    );
    let of = |user: &str| ListClientsRequest {
        assigned_to_id: user.to_owned(),
        ..ListClientsRequest::default()
    };
    for (user, total) in [(&ana, 0), (&eva, CLIENTS)] {
        let found = admin.list(of(user)).await.expect("a page");
        assert_eq!(found.meta.map(|meta| meta.total), Some(total));
    }
    let still = format!("SELECT count(*) FROM clients WHERE assigned_to_id = '{ana}'");
    assert_eq!(app.count(&still).await, 1, "the deleted one stays");
}

/// A hundred thousand take longer than any other call may: by a statement that is slow here.
#[tokio::test]
async fn more_take_longer_and_move_all_the_same() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    let new = CreateClientRequest {
        assigned_to_id: Some(ana.clone()),
        ..client("Cliente")
    };
    let made = admin.create(new).await.expect("created");
    app.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(16); RETURN NULL; END $$;
         CREATE TRIGGER slow AFTER UPDATE ON clients EXECUTE FUNCTION slow()",
    )
    .await;
    let request = ReassignClientsRequest {
        from_user_id: ana,
        to_user_id: eva.clone(),
        ..ReassignClientsRequest::default()
    };
    let moved = admin.reassign(request).await.expect("moved");
    assert_eq!(moved.client_ids, std::slice::from_ref(&made.id));
    app.execute("DROP TRIGGER slow ON clients").await;
    org.remove_member(&eva).await;
    let left = admin.get(&made.id).await.expect("found");
    assert_eq!(left.assigned_to, None);
}
