//! What cannot be linked.

use tonic::Code;

use crate::support::{App, client, nobody};

#[tokio::test]
async fn what_a_caller_does_not_see_cannot_be_linked() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let own = admin.create(client("Ana")).await.expect("created").id;
    let gone = admin.create(client("Luz")).await.expect("created").id;
    root.delete(&gone).await.expect("deleted");
    let foreign = other.platform_admin().create(client("Eva")).await;
    let foreign = foreign.expect("created").id;
    let (party, theirs) = (org.event("Boda").await, other.event("Cena").await);
    let before = app.contents().await;
    for (actor, event, client, reason) in [
        (&admin, &nobody(), &own, "EVENT_NOT_FOUND"),
        (&admin, &theirs, &own, "EVENT_NOT_FOUND"),
        (&admin, &theirs, &foreign, "EVENT_NOT_FOUND"),
        (&root, &nobody(), &own, "EVENT_NOT_FOUND"),
        (&admin, &party, &nobody(), "CLIENT_NOT_FOUND"),
        (&admin, &party, &gone, "CLIENT_NOT_FOUND"),
        (&admin, &party, &foreign, "CLIENT_NOT_FOUND"),
        (&root, &party, &nobody(), "CLIENT_NOT_FOUND"),
        (&root, &party, &gone, "CLIENT_NOT_FOUND"),
    ] {
        let refused = actor.link(event, client).await.expect_err(reason);
        refused.is(Code::NotFound, reason);
        let id = [client, event][usize::from(reason.starts_with("EVENT"))];
        let resource = refused.details.resource_info().expect("a resource");
        assert_eq!(&resource.resource_name, id);
    }
    for (event, client) in [(&party, &foreign), (&theirs, &own)] {
        let refused = root.link(event, client).await.expect_err("apart");
        refused.is(Code::InvalidArgument, "ORGANIZATION_MISMATCH");
        let violation = ("client_id".to_owned(), "ORGANIZATION_MISMATCH".to_owned());
        assert_eq!(refused.violations, [violation]);
    }
    for id in [&theirs, &nobody()] {
        let got = admin.event(id).await.expect_err("not there");
        got.is(Code::NotFound, "EVENT_NOT_FOUND");
        let unlinked = admin.unlink(id).await.expect_err("not there");
        unlinked.is(Code::NotFound, "EVENT_NOT_FOUND");
    }
    let malformed = admin.link("1", "").await.expect_err("malformed");
    malformed.violates(&[("event_id", "INVALID_UUID"), ("client_id", "REQUIRED")]);
    let refused = admin.link("", "x").await.expect_err("malformed");
    refused.violates(&[("event_id", "REQUIRED"), ("client_id", "INVALID_UUID")]);
    for (id, reason) in [("", "REQUIRED"), ("1", "INVALID_UUID")] {
        let got = admin.event(id).await.expect_err("malformed");
        got.violates(&[("id", reason)]);
        let unlinked = admin.unlink(id).await.expect_err("malformed");
        unlinked.violates(&[("event_id", reason)]);
    }
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn no_statement_links_across_organizations() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let own = org
        .platform_admin()
        .create(client("Ana"))
        .await
        .expect("created")
        .id;
    let party = other.event("Cena").await;
    let sql = app.superuser().await;
    let link = format!("UPDATE events SET client_id = '{own}' WHERE id = '{party}'");
    for role in ["RESET ROLE", "SET ROLE nvito_clients_platform"] {
        sql.batch_execute(role).await.expect("a role");
        let error = sql.batch_execute(&link).await.expect_err("apart");
        let error = error.as_db_error().expect("of PostgreSQL");
        assert_eq!(
            (error.code().code(), error.constraint()),
            ("23503", Some("events_client_fkey"))
        );
    }
    let tenant = format!(
        "SET ROLE nvito_clients_tenant; SET app.organization_id = '{}'",
        org.id
    );
    sql.batch_execute(&tenant).await.expect("a tenant");
    assert_eq!(sql.execute(&link, &[]).await.expect("no such event"), 0);
    for denied in ["UPDATE events SET name = 'x'", "DELETE FROM events"] {
        let error = sql.batch_execute(denied).await.expect_err("not a tenant's");
        assert_eq!(error.code().expect("a state").code(), "42501", "{denied}");
    }
    // The control: it is the foreign key that holds.
    app.execute("ALTER TABLE events DROP CONSTRAINT events_client_fkey")
        .await;
    sql.batch_execute("SET ROLE nvito_clients_platform")
        .await
        .expect("a role");
    assert_eq!(sql.execute(&link, &[]).await.expect("nothing holds"), 1);
}
