//! The wall in SQL around a transaction of several callers.

use super::made;
use crate::support::App;

/// The role of such a transaction sees what is of the organizations that it has named,
/// and may change neither history nor answers.
#[tokio::test]
async fn the_role_of_a_group_has_walls_of_its_own() {
    let app = App::start().await;
    let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
    let third = app.org("Tercera").await;
    for org in [&own, &other, &third] {
        made(&org.platform_admin(), "Ana").await;
        org.member("Eva").await;
    }
    let sql = app.superuser().await;
    let enter = format!(
        "SET ROLE nvito_clients_group; SET app.organization_ids = '{},{}'",
        own.id, other.id
    );
    sql.batch_execute(&enter).await.expect("a role");
    let count = async |table: &str| -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        let row = sql.query_one(&query, &[]).await;
        row.expect("a count").get(0)
    };
    for table in ["clients", "organizations", "organization_members", "users"] {
        assert_eq!(count(table).await, 2, "{table}");
    }
    assert_eq!(count("idempotent_requests").await, 0);
    let changed = sql.execute("UPDATE clients SET notes = 'de todas'", &[]);
    assert_eq!(changed.await.expect("changed"), 2);
    let into_third = format!(
        "INSERT INTO clients (id, organization_id, name) VALUES (gen_random_uuid(), '{}', 'Ana')",
        third.id
    );
    let moved = format!("UPDATE clients SET organization_id = '{}'", third.id);
    let told = format!(
        "INSERT INTO client_history (organization_id, client_id, version, at, actor_id, kind, request_id, changes)
         VALUES ('{}', gen_random_uuid(), 1, now(), gen_random_uuid(), 'CREATED', '', '[]')",
        third.id
    );
    let kept = "INSERT INTO idempotent_requests (actor_id, request_id, fingerprint)
                VALUES (gen_random_uuid(), gen_random_uuid(), sha256(''))";
    for refused in [
        into_third.as_str(),
        &moved,
        &told,
        kept,
        "DELETE FROM clients",
        "SELECT FROM client_history",
        "UPDATE client_history SET kind = 'CREATED'",
        "UPDATE idempotent_requests SET answer = ''",
        "UPDATE organization_members SET user_id = gen_random_uuid()",
        "SELECT FROM client_totals",
        "SELECT FROM clients_by_key('{}', '{}', '{}', '{}', 1)",
        "SELECT FROM events_by_key('{}', '{}')",
        "SELECT FROM by_key.clients",
    ] {
        let error = sql.batch_execute(refused).await.expect_err(refused);
        assert_eq!(error.code().expect("a state").code(), "42501", "{refused}");
    }
    // Without its settings it sees nothing.
    let forgotten = "RESET app.organization_ids; RESET app.actor_ids";
    sql.batch_execute(forgotten).await.expect("forgotten");
    for table in ["clients", "organizations", "organization_members", "users"] {
        assert_eq!(count(table).await, 0, "{table}");
    }
}
