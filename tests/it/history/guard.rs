//! What holds a history together: PostgreSQL, not good manners.

use std::fmt::Debug;

use nvito_clients::grpc::proto::{
    ClientPatch, ClientStatus, ReassignClientsRequest, RemoveEventRequest, RemoveMemberRequest,
    UpsertMemberRequest, User,
};
use tokio_postgres::Client as Sql;
use tonic::Code;

use super::full;
use crate::support::{App, Cluster, Failure, client, connect, nobody};

/// What a statement answers in a transaction that begins as the service's do
/// and leaves nothing.
async fn tried(sql: &Sql, role: &str, organization: &str, statement: &str) -> Result<u64, String> {
    let begin = format!(
        "BEGIN; SET LOCAL ROLE {role}; SET LOCAL app.organization_id = '{organization}';
         SET LOCAL app.actor_id = '{organization}'"
    );
    sql.batch_execute(&begin).await.expect("a role");
    let answer = sql.execute(statement, &[]).await;
    sql.batch_execute("ROLLBACK").await.expect("the end");
    answer.map_err(|error| {
        error
            .as_db_error()
            .expect("of PostgreSQL")
            .message()
            .to_owned()
    })
}

#[tokio::test]
async fn no_role_of_the_service_changes_what_was_told() {
    const REFUSED: &str = "permission denied for table client_history";
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    org.platform_admin()
        .create(client("Ana"))
        .await
        .expect("created");
    let service = connect(&Cluster::get().service(&app.database)).await;
    let insert = |organization: &str| {
        let id = nobody();
        format!(
            "INSERT INTO client_history VALUES ('{organization}', '{id}', 1, now(), '{id}', 'CREATED', NULL, '-', '[]')"
        )
    };
    let rewrites = [
        "UPDATE client_history SET reason = 'otra'",
        "UPDATE client_history SET actor_id = client_id",
        "DELETE FROM client_history",
        "TRUNCATE client_history",
    ];
    let roles = ["nvito_clients_tenant", "nvito_clients_platform"];
    for role in roles {
        for rewrite in rewrites {
            let answer = tried(&service, role, &org.id, rewrite).await;
            assert_eq!(answer, Err(REFUSED.to_owned()), "{role}: {rewrite}");
        }
        let seen = tried(&service, role, &org.id, "SELECT * FROM client_history").await;
        assert_eq!(seen, Ok(1), "{role}");
        assert_eq!(
            tried(&service, role, &org.id, &insert(&org.id)).await,
            Ok(1),
            "{role}"
        );
    }
    let foreign = tried(&service, roles[0], &org.id, &insert(&other.id)).await;
    let policy = "new row violates row-level security policy for table \"client_history\"";
    assert_eq!(foreign, Err(policy.to_owned()));
    let foreign = tried(
        &service,
        roles[0],
        &other.id,
        "SELECT * FROM client_history",
    )
    .await;
    assert_eq!(foreign, Ok(0));

    // The control: it is the grants that hold.
    app.execute("GRANT ALL ON client_history TO nvito_clients_tenant, nvito_clients_platform")
        .await;
    for role in roles {
        for rewrite in rewrites {
            let answer = tried(&service, role, &org.id, rewrite).await;
            assert!(answer.is_ok(), "{role}: {rewrite}");
        }
    }
}

/// Asserts that a write failed for a reason of ours.
#[track_caller]
fn assert_failed<T: Debug>(what: &str, answer: Result<T, impl Into<Failure>>) {
    let Err(failure) = answer else {
        panic!("{what} went unheard");
    };
    failure.into().is(Code::Internal, "INTERNAL");
}

#[tokio::test]
async fn a_write_that_cannot_be_told_is_none() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    let id = admin.create(full(&ana)).await.expect("created").id;
    let gone = admin.create(client("Luz")).await.expect("created").id;
    root.delete(&gone).await.expect("deleted");
    let (party, dinner) = (org.event("Boda").await, org.event("Cena").await);
    admin.link(&party, &id).await.expect("linked");
    let patch = ClientPatch {
        notes: Some("otra".to_owned()),
        ..ClientPatch::default()
    };
    let move_all = ReassignClientsRequest {
        from_user_id: ana.clone(),
        to_user_id: eva,
        ..ReassignClientsRequest::default()
    };
    let remove = RemoveMemberRequest {
        organization_id: org.id.clone(),
        user_id: ana.clone(),
    };
    let user = User {
        id: ana.clone(),
        first_name: "Otro nombre".to_owned(),
        ..User::default()
    };
    let deactivate = UpsertMemberRequest {
        organization_id: org.id.clone(),
        user: Some(user),
        active: Some(false),
    };
    let forget = RemoveEventRequest { id: party.clone() };

    app.execute("ALTER TABLE client_history ADD CONSTRAINT shut CHECK (false) NOT VALID")
        .await;
    let before = app.contents().await;
    assert_failed("a creation", admin.create(client("Sol")).await);
    assert_failed("a change", admin.patch(&id, patch.clone()).await);
    let step = admin.transition(&id, ClientStatus::Completed).await;
    assert_failed("a step", step);
    assert_failed("a deletion", root.delete(&id).await);
    assert_failed("a return", root.undelete(&gone).await);
    assert_failed("a purge", root.purge(&gone).await);
    assert_failed("a link", admin.link(&dinner, &id).await);
    assert_failed("an unlink", admin.unlink(&party).await);
    assert_failed("a reassignment", admin.reassign(move_all.clone()).await);
    let mut directory = root.directory();
    assert_failed("a removal", directory.remove_member(remove.clone()).await);
    assert_failed("a leave", directory.upsert_member(deactivate).await);
    assert_failed(
        "an event's end",
        directory.remove_event(forget.clone()).await,
    );
    assert_eq!(app.contents().await, before);

    // The control: nothing else kept them from being written.
    app.execute("ALTER TABLE client_history DROP CONSTRAINT shut")
        .await;
    admin.create(client("Sol")).await.expect("created");
    admin.patch(&id, patch).await.expect("changed");
    admin.reassign(move_all).await.expect("moved");
    directory.remove_member(remove).await.expect("removed");
    directory.remove_event(forget).await.expect("removed");
    root.purge(&gone).await.expect("purged");
    root.delete(&id).await.expect("deleted");
}
