//! `PurgeClient`: the client goes, its events stay.

use nvito_clients::domain::principal::{Policy, Role};
use nvito_clients::repository::migrations;
use tonic::Code;

use crate::support::{App, Cluster, assert_whole, changes, client, nobody};

#[tokio::test]
async fn only_a_deleted_client_is_purged_and_only_once() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let id = admin.create(client("Ana")).await.expect("created").id;
    let before = app.contents().await;
    for (language, message) in [
        (
            "es",
            "Solo se puede purgar un cliente eliminado; elimínalo primero.",
        ),
        (
            "en",
            "Only a deleted client can be purged; delete it first.",
        ),
    ] {
        let root = app.super_admin().saying("accept-language", language);
        let refused = root.purge(&id).await.expect_err("lives");
        refused.is(Code::FailedPrecondition, "CLIENT_NOT_DELETED");
        let failure = refused.details.precondition_failure().expect("a failure");
        assert_eq!(failure.violations[0].subject, "client.deleted_at");
        assert_eq!(failure.violations[0].description, message);
    }
    for (id, reason) in [("", "REQUIRED"), ("1", "INVALID_UUID")] {
        let refused = root.purge(id).await.expect_err("refused");
        refused.violates(&[("id", reason)]);
    }
    assert_eq!(app.contents().await, before);

    root.delete(&id).await.expect("deleted");
    root.purge(&id).await.expect("purged");
    assert_eq!(app.count("SELECT count(*) FROM clients").await, 0);
    for id in [&id, &nobody()] {
        let refused = root.purge(id).await.expect_err("gone");
        refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
        root.undelete(id).await.expect_err("gone");
        root.even_deleted(id).await.expect_err("gone");
    }
}

#[tokio::test]
async fn events_outlive_their_client() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let ana = admin.create(client("Ana")).await.expect("created").id;
    let eva = admin.create(client("Eva")).await.expect("created").id;
    let (boda, cena, otra) = (
        org.event("Boda").await,
        org.event("Cena").await,
        org.event("Otra").await,
    );
    for (event, client) in [(&boda, &ana), (&cena, &ana), (&otra, &eva)] {
        admin.link(event, client).await.expect("linked");
    }
    root.delete(&ana).await.expect("deleted");
    root.purge(&ana).await.expect("purged");
    for event in [&boda, &cena] {
        assert_eq!(admin.event(event).await.expect("found").client, None);
        admin.link(event, &eva).await.expect("free again");
    }
    assert_eq!(admin.get(&eva).await.expect("found").event_count, 3);

    // It is the foreign key that lets them go, whoever deletes.
    app.execute(&format!("DELETE FROM clients WHERE id = '{eva}'"))
        .await;
    let orphans =
        "SELECT count(*) FROM events WHERE client_id IS NULL AND organization_id IS NOT NULL";
    assert_eq!(app.count(orphans).await, 3);
    for event in [&boda, &cena, &otra] {
        assert_eq!(admin.event(event).await.expect("found").client, None);
    }
}

/// However many events a client had, its history stays an answer that any caller takes.
#[tokio::test]
async fn of_a_thousand_events_and_more_the_first_are_named_and_all_counted() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    for (events, named, counted) in [(1000, 1000, None), (1003, 1000, Some("1003"))] {
        let id = admin.create(client("Ana")).await.expect("created").id;
        app.execute(&format!(
            "INSERT INTO events (id, organization_id, name, client_id)
             SELECT gen_random_uuid(), '{}', 'Boda', '{id}' FROM generate_series(1, {events})",
            org.id
        ))
        .await;
        let first = format!(
            "SELECT id::text FROM events WHERE client_id = '{id}' ORDER BY id LIMIT {named}"
        );
        let rows = app.superuser().await.query(&first, &[]).await;
        let ids: Vec<String> = rows.expect("ids").iter().map(|row| row.get(0)).collect();
        root.delete(&id).await.expect("deleted");
        root.purge(&id).await.expect("purged");

        let history = root.history(&id).await.expect("told");
        assert_whole(&history);
        let unlinked = ids.iter().map(|id| ("event_id", Some(id.as_str()), None));
        let count = counted.map(|count| ("event_count", Some(count), None));
        let told: Vec<_> = unlinked.chain(count).collect();
        assert_eq!(changes(&history[0]), told, "{events}");
    }
    let linked = "SELECT count(client_id) FROM events";
    assert_eq!(app.count(linked).await, 0);
}

/// Spec §5: the events that are there keep working without a client.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_before_there_were_clients_go_on() {
    let cluster = Cluster::get();
    let database = cluster.empty_database().await;
    let settings = cluster.service(&database);
    cluster.migrate_to(&database, "0006").await;
    let sql = cluster.superuser(&database).await;
    let (org, boda, cena) = (nobody(), nobody(), nobody());
    sql.batch_execute(&format!(
        "INSERT INTO organizations VALUES ('{org}', 'Norte');
         INSERT INTO events VALUES ('{boda}', '{org}', 'Boda', '2026-05-01'), ('{cena}', '{org}', 'Cena', NULL)"
    ))
    .await
    .expect("events without a client");
    let rest = migrations::run(&settings).await.expect("the rest");
    assert_eq!(rest[0], "0007");

    let app = App::on(database, Policy::default()).await;
    let (admin, root) = (
        app.actor(Role::PlatformAdmin, Some(&org)),
        app.super_admin(),
    );
    let old = admin.event(&boda).await.expect("found");
    assert_eq!((old.name.as_str(), &old.client), ("Boda", &None));
    let ana = admin.create(client("Ana")).await.expect("created").id;
    let linked = admin.link(&boda, &ana).await.expect("linked");
    assert_eq!(linked.client.expect("a card").id, ana);
    root.delete(&ana).await.expect("deleted");
    root.purge(&ana).await.expect("purged");
    assert_eq!(admin.event(&boda).await.expect("found"), old);
    assert_eq!(admin.event(&cena).await.expect("found").client, None);
    assert_eq!(app.count("SELECT count(*) FROM events").await, 2);
}
