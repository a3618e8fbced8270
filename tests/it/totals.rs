//! What lists say in all is kept, not counted: it has to be what a count says,
//! at every moment and through every filter.

mod storm;

use diesel_migrations::MigrationHarness;
use nvito_clients::grpc::proto::ReassignClientsRequest;
use nvito_clients::repository::{Database, migrations};
use tokio_postgres::Client as Sql;

use crate::support::{App, Cluster, client, until};

/// How many kinds of clients there are whose noted number is not their number,
/// by assignee or whoever that is.
const WRONG: &str = "
    WITH counted AS (
        SELECT organization_id, grain, deleted_at IS NOT NULL, status, type,
            CASE grain WHEN 'ASSIGNEE' THEN assigned_to_id END, count(*)
        FROM clients, unnest(ARRAY['ASSIGNEE', 'ALL']) AS grain
        GROUP BY 1, 2, 3, 4, 5, 6),
    noted AS (
        SELECT organization_id, kind, deleted, status, type,
            CASE WHEN kind = 'ASSIGNEE' AND assigned THEN assigned_to_id END, sum(change)
        FROM client_totals, unnest(ARRAY['ASSIGNEE', 'ALL']) AS kind
        WHERE grain IN ('WRITE', kind)
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0)
    SELECT count(*) FROM (
        (TABLE counted EXCEPT TABLE noted) UNION ALL (TABLE noted EXCEPT TABLE counted)) AS wrong";

/// How many rows have not been added up, or could be to fewer.
const CROWDED: &str = "
    SELECT count(*) - count(DISTINCT (organization_id, grain, assigned, assigned_to_id, deleted, status, type))
        + count(*) FILTER (WHERE grain = 'WRITE')
    FROM client_totals";

/// How many clients the totals know of.
const KNOWN: &str = "SELECT sum(change) FROM client_totals WHERE grain IN ('WRITE', 'ALL')";

/// What tells one set of writes from another.
const MARK: &str = "
    SELECT coalesce(bit_xor(mark), 0) FROM client_totals WHERE grain IN ('WRITE', 'ALL')";

async fn number(sql: &Sql, query: &str) -> i64 {
    sql.query_one(query, &[]).await.expect("a number").get(0)
}

#[tokio::test]
async fn totals_follow_whatever_writes() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (id, other, member) = (&org.id, &other.id, org.member("Ana").await);
    let statements = [
        format!(
            "INSERT INTO clients (id, organization_id, name, assigned_to_id, deleted_at)
             SELECT gen_random_uuid(), '{id}', 'Ana', CASE WHEN number % 2 = 0 THEN '{member}'::uuid END,
                    CASE WHEN number % 5 = 0 THEN now() END
             FROM generate_series(1, 300) AS number"
        ),
        "UPDATE clients SET status = 'ACTIVE', type = 'COMPANY' WHERE assigned_to_id IS NULL".to_owned(),
        // The foreign key clears what the member looked after.
        format!("DELETE FROM organization_members WHERE user_id = '{member}'"),
        format!("UPDATE clients SET organization_id = '{other}' WHERE status = 'ACTIVE'"),
        "DELETE FROM clients WHERE deleted_at IS NOT NULL".to_owned(),
        "BEGIN; DELETE FROM clients; ROLLBACK".to_owned(),
        "BEGIN; UPDATE clients SET deleted_at = now(); SAVEPOINT one; UPDATE clients SET status = 'INACTIVE';
         ROLLBACK TO one; COMMIT"
            .to_owned(),
        // What a search looks in: no total, but another state.
        "UPDATE clients SET name = 'Eva', email = 'eva' || id".to_owned(),
        "SELECT fold_client_totals()".to_owned(),
    ];
    for statement in statements {
        let before = app.count(MARK).await;
        app.execute(&statement).await;
        assert_eq!(app.count(WRONG).await, 0, "{statement}");
        let writes = !statement.ends_with("ROLLBACK") && !statement.contains("fold");
        assert_eq!(app.count(MARK).await != before, writes, "{statement}");
    }
    assert_eq!(app.count(CROWDED).await, 0);
    assert_eq!(app.count(KNOWN).await, 240);

    // What is not counted is not noted either.
    let rows = "SELECT count(*) FROM client_totals";
    let before = app.count(rows).await;
    app.execute("UPDATE clients SET notes = 'x', rfc = 'XAXX010101000'")
        .await;
    assert_eq!(app.count(rows).await, before);

    // The control: without its trigger a change goes unnoticed, and is seen here.
    app.execute("ALTER TABLE clients DISABLE TRIGGER count_changed")
        .await;
    app.execute("UPDATE clients SET status = 'COMPLETED'").await;
    assert_ne!(app.count(WRONG).await, 0);
}

/// However often one kind comes and goes, few rows are left to be summed.
#[tokio::test]
async fn writes_add_up_what_they_have_noted() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let insert = format!(
        "DO $$ BEGIN FOR number IN 1..3000 LOOP
             INSERT INTO clients (id, organization_id, name) VALUES (gen_random_uuid(), '{}', 'Ana');
             COMMIT;
         END LOOP; END $$",
        org.id
    );
    app.execute(&insert).await;
    assert_eq!(app.count(WRONG).await, 0);
    let rows = app.count("SELECT count(*) FROM client_totals").await;
    assert!(rows < 2000, "{rows}");

    let (ana, admin) = (org.member("Ana").await, org.platform_admin());
    app.execute(&format!("UPDATE clients SET assigned_to_id = '{ana}'"))
        .await;
    let moved = admin
        .reassign(ReassignClientsRequest {
            from_user_id: ana,
            unassign: true,
            ..ReassignClientsRequest::default()
        })
        .await;
    assert_eq!(moved.expect("moved").count, 3000);
    assert_eq!(app.count(CROWDED).await, 0);
    assert_eq!(app.count(WRONG).await, 0);
}

/// Two who add up the same tenant at once: neither waits, nothing is lost.
#[tokio::test]
async fn nobody_waits_for_who_adds_up() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let insert = format!(
        "INSERT INTO clients (id, organization_id, name) VALUES (gen_random_uuid(), '{}', 'Ana')",
        org.id
    );
    let (one, two) = (app.superuser().await, app.superuser().await);
    for sql in [&one, &two] {
        // No write of theirs adds up by chance.
        let folded = "SET app.totals_folded = 'on'";
        sql.batch_execute(folded).await.expect("set");
    }
    for _ in 0..5 {
        one.batch_execute(&insert).await.expect("inserted");
    }
    let fold = format!("SELECT fold_client_totals('{}')::bigint", org.id);
    one.batch_execute("BEGIN").await.expect("begun");
    // One by assignee, one whoever that is.
    assert_eq!(number(&one, &fold).await, 2);
    two.batch_execute("SET lock_timeout = 1")
        .await
        .expect("set");
    assert_eq!(number(&two, &fold).await, 0);
    two.batch_execute(&insert).await.expect("inserted");
    assert_eq!(number(&two, WRONG).await, 0);
    one.batch_execute("COMMIT").await.expect("committed");
    assert_eq!(number(&two, WRONG).await, 0);
    assert_eq!(number(&two, &fold).await, 2);
    assert_eq!(number(&two, "SELECT count(*) FROM client_totals").await, 2);
    // A snapshot of before adds nothing up.
    one.batch_execute(&insert).await.expect("inserted");
    one.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .await
        .expect("begun");
    assert_eq!(number(&one, &fold).await, 0);
}

#[tokio::test]
async fn a_tenant_reads_its_totals_and_makes_none_up() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    for org in [&org, &other] {
        let made = org.platform_admin().create(client("Ana")).await;
        made.expect("created");
    }
    let sql = app.superuser().await;
    let tenant = format!(
        "SET ROLE nvito_clients_tenant; SET app.organization_id = '{}'",
        org.id
    );
    sql.batch_execute(&tenant).await.expect("a tenant");
    assert_eq!(number(&sql, KNOWN).await, 1);
    for statement in [
        "INSERT INTO client_totals (organization_id, grain, assigned, assigned_to_id, deleted, status, type, change)
         SELECT organization_id, grain, assigned, assigned_to_id, deleted, status, type, 7 FROM client_totals",
        "UPDATE client_totals SET change = 7",
        "DELETE FROM client_totals",
        "SELECT fold_client_totals()",
    ] {
        let error = sql.batch_execute(statement).await.expect_err(statement);
        assert_eq!(
            error.code().expect("a state").code(),
            "42501",
            "{statement}"
        );
    }
}

/// Who adds up does so behind the wall, by the role that was taken: what settings are
/// left of another role opens nothing.
#[tokio::test]
async fn totals_are_added_up_by_who_may_see_them() {
    let app = App::start().await;
    let (own, other) = (app.org("Norte").await, app.org("Sur").await);
    let (root, sql) = (app.superuser().await, app.superuser().await);
    // A group adds up by its writes alone; here it is asked as well.
    root.batch_execute(
        "SET app.totals_folded = 'on';
         GRANT EXECUTE ON FUNCTION fold_client_totals(uuid) TO nvito_clients_group",
    )
    .await
    .expect("set");
    let insert = format!(
        "INSERT INTO clients (id, organization_id, name)
         VALUES (gen_random_uuid(), '{}', 'Ana'), (gen_random_uuid(), '{}', 'Eva')",
        own.id, other.id
    );
    let one = |id: &str| format!("SET app.organization_id = '{id}'");
    let several = |ids: &str| format!("SET app.organization_ids = '{ids}'");
    let (tenant, group) = ("nvito_clients_tenant", "nvito_clients_group");
    let both = format!("{},{}", own.id, other.id);
    for (role, settings, sees) in [
        (tenant, vec![one(&own.id)], [true, false]),
        (tenant, vec![one(&own.id), several(&both)], [true, false]),
        (tenant, vec![one("")], [false, false]),
        (tenant, vec![several(&both)], [false, false]),
        (group, vec![several(&both)], [true, true]),
        (group, vec![several(&own.id), one(&other.id)], [true, false]),
        (group, vec![several("")], [false, false]),
        (group, vec![], [false, false]),
        ("nvito_clients_platform", vec![], [true, true]),
        ("nvito_clients_platform", vec![one(&own.id)], [true, true]),
    ] {
        root.batch_execute(&insert).await.expect("noted");
        let enter = format!(
            "RESET ROLE; RESET ALL; SET ROLE {role}; {}",
            settings.join("; ")
        );
        sql.batch_execute(&enter).await.expect("a role");
        for (org, seen) in [&own, &other].into_iter().zip(sees) {
            let fold = format!("SELECT fold_client_totals('{}')::bigint", org.id);
            let rows = if seen { 2 } else { 0 };
            assert_eq!(number(&sql, &fold).await, rows, "{enter}");
            let noted = format!(
                "SELECT count(*) FROM client_totals WHERE grain = 'WRITE' AND organization_id = '{}'",
                org.id
            );
            assert_eq!(number(&root, &noted).await == 0, seen, "{enter}");
        }
    }
    assert_eq!(number(&root, WRONG).await, 0);

    // By so many writes somebody adds up for certain, whoever writes.
    for (role, setting) in [(tenant, one(&own.id)), (group, several(&own.id))] {
        let enter = format!("SET ROLE {role}; {setting}");
        sql.batch_execute(&enter).await.expect("a role");
        let many = format!(
            "INSERT INTO clients (id, organization_id, name)
             SELECT gen_random_uuid(), '{}', 'Ana' FROM generate_series(1, 3000)",
            own.id
        );
        sql.batch_execute(&many).await.expect("made");
        assert_eq!(number(&root, CROWDED).await, 0, "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_before_are_counted() {
    let cluster = Cluster::get();
    let database = cluster.empty_database().await;
    cluster.migrate_to(&database, "0011").await;
    let sql = cluster.superuser(&database).await;
    sql.batch_execute(
        "INSERT INTO organizations SELECT gen_random_uuid(), 'Una' FROM generate_series(1, 2);
         INSERT INTO clients (id, organization_id, name, status, deleted_at)
         SELECT gen_random_uuid(), id, 'Ana', (ARRAY['ACTIVE', 'INACTIVE'])[number % 2 + 1],
                CASE WHEN number % 3 = 0 THEN now() END
         FROM organizations, generate_series(1, 10) AS number",
    )
    .await
    .expect("clients");
    let settings = cluster.service(&database);
    migrations::run(&settings).await.expect("up");
    assert_eq!(number(&sql, WRONG).await, 0);
    assert_eq!(number(&sql, KNOWN).await, 20);

    // What the service does once an hour.
    sql.batch_execute(
        "INSERT INTO clients (id, organization_id, name)
         SELECT gen_random_uuid(), id, 'Eva' FROM organizations, generate_series(1, 2);
         INSERT INTO clients (id, organization_id, name)
         SELECT gen_random_uuid(), id, 'Eva' FROM organizations",
    )
    .await
    .expect("clients");
    let pool = Database::new(settings, 1);
    until(async || {
        pool.fold_totals().await.expect("added up");
        number(&sql, CROWDED).await == 0
    })
    .await;
    assert_eq!(number(&sql, WRONG).await, 0);
    pool.close().await;
}

/// Who holds a table for long, as a dump does, is waited for without others having to wait
/// behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_has_to_wait_stands_in_nobodys_way() {
    let cluster = Cluster::get();
    let database = cluster.empty_database().await;
    cluster.migrate_to(&database, "0033").await;
    let (dump, sql) = (
        cluster.superuser(&database).await,
        cluster.superuser(&database).await,
    );
    let hold = "INSERT INTO organizations SELECT gen_random_uuid(), 'Una';
        BEGIN; LOCK TABLE client_totals IN ACCESS SHARE MODE";
    dump.batch_execute(hold).await.expect("held");
    let settings = cluster.service(&database);
    let migrating = tokio::spawn(async move { migrations::run(&settings).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    until(async || number(&sql, waits).await > 0).await;
    sql.batch_execute(
        "SET lock_timeout = '2s';
         INSERT INTO clients (id, organization_id, name) SELECT gen_random_uuid(), id, 'Ana' FROM organizations",
    )
    .await
    .expect("a writer need not wait for the dump");
    dump.batch_execute("COMMIT").await.expect("done");
    let migrated = migrating.await.expect("no panic").expect("up");
    assert!(!migrated.is_empty());
}

/// Migration 0034: whoever reads a list goes on beside it, and a step back leaves no row
/// of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn marks_come_beside_readers_and_go_without_a_trace() {
    let cluster = Cluster::get();
    let database = cluster.empty_database().await;
    cluster.migrate_to(&database, "0033").await;
    let (reader, sql) = (
        cluster.superuser(&database).await,
        cluster.superuser(&database).await,
    );
    let read = "BEGIN; SET LOCAL lock_timeout = '5s'; SELECT FROM clients";
    reader.batch_execute(read).await.expect("a reader");
    let settings = cluster.service(&database);
    let migrating = tokio::spawn(async move { migrations::run(&settings).await });
    // It holds what it takes of clients and is about to take, or has, the totals.
    until(async || {
        let held = "SELECT count(*) FROM pg_locks
            WHERE relation = 'clients'::regclass AND mode = 'ShareRowExclusiveLock' AND granted
            UNION ALL SELECT count(*) FROM pg_attribute
            WHERE attrelid = 'client_totals'::regclass AND attname = 'mark' ORDER BY 1 DESC LIMIT 1";
        number(&sql, held).await > 0
    })
    .await;
    reader
        .batch_execute("SELECT FROM client_totals; COMMIT")
        .await
        .expect("nobody waits for it in a ring");
    let migrated = migrating.await.expect("no panic").expect("up");
    assert!(!migrated.is_empty());

    sql.batch_execute(
        "INSERT INTO organizations SELECT gen_random_uuid(), 'Una';
         INSERT INTO clients (id, organization_id, name) SELECT gen_random_uuid(), id, 'Ana' FROM organizations;
         SELECT fold_client_totals();
         SET app.totals_folded = 'on';
         UPDATE clients SET name = 'Eva'",
    )
    .await
    .expect("written");
    let nothing = "SELECT count(*) FROM client_totals WHERE change = 0";
    assert_eq!(number(&sql, nothing).await, 1);
    let mut harness = cluster.harness(&database).await;
    tokio::task::block_in_place(|| {
        let mut back = || {
            let back = harness.revert_last_migration(migrations::MIGRATIONS);
            back.expect("down").to_string()
        };
        while back() != "0034" {}
    });
    assert_eq!(number(&sql, nothing).await, 0);
    assert_eq!(number(&sql, WRONG).await, 0);
}
