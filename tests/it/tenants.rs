//! Two walls around a tenant: either holds alone, and without both there is a
//! leak to be seen.

use nvito_clients::domain::principal::Policy;
use nvito_clients::grpc::proto::{CreateClientRequest, ListClientsRequest};
use tokio_postgres::Client as Sql;
use tonic::Code;

use crate::support::{Actor, App, Cluster, client, connect, nobody};

/// Takes the wall in Rust away: views in the place of tables, and the search,
/// claim that every row belongs to whoever asks, so that no filter of the
/// service's finds anything to hold back. What is left are the policies on the
/// tables behind, and what the search itself reads.
const WITHOUT_RUST: &str = "
    ALTER TABLE clients RENAME TO clients_behind;
    CREATE VIEW clients WITH (security_invoker = true) AS
        SELECT id, nullif(current_setting('app.organization_id', true), '')::uuid AS organization_id,
            name, email, phone, phone_e164, type, status, rfc, business_name, billing_address,
            acquisition_source, acquisition_detail, notes, assigned_to_id, created_by, created_at,
            updated_at, deleted_at, version, search_text
        FROM clients_behind;
    ALTER VIEW clients OWNER TO nvito_clients;
    GRANT SELECT, INSERT, UPDATE ON clients TO nvito_clients_tenant, nvito_clients_platform;
    ALTER TABLE client_totals RENAME TO client_totals_behind;
    CREATE VIEW client_totals WITH (security_invoker = true) AS
        SELECT nullif(current_setting('app.organization_id', true), '')::uuid AS organization_id,
            grain, assigned, assigned_to_id, deleted, status, type, change, mark
        FROM client_totals_behind;
    ALTER VIEW client_totals OWNER TO nvito_clients;
    GRANT SELECT ON client_totals TO nvito_clients_tenant, nvito_clients_platform;
    DO $$ BEGIN
        EXECUTE replace(replace(pg_get_functiondef('search_clients(text, text)'::regprocedure),
            'public.clients ', 'public.clients_behind '),
            'client.id, client.organization_id,', 'client.id, tenant,');
    END $$;";

/// Takes the wall in SQL away: no policies, and a search that filters nothing.
const WITHOUT_SQL: &str = "
    DO $$ DECLARE one text; BEGIN
        FOR one IN SELECT relname FROM pg_class
            WHERE relrowsecurity AND relnamespace = 'public'::regnamespace LOOP
            EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', one);
            EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', one);
        END LOOP;
    END $$;
    CREATE OR REPLACE FUNCTION search_clients(fragment text, digits text)
        RETURNS TABLE (id uuid, organization_id uuid, deleted_at timestamptz, status text, type text,
            assigned_to_id uuid, created_at timestamptz, updated_at timestamptz, name varchar)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
        AS 'SELECT id, organization_id, deleted_at, status, type, assigned_to_id, created_at, updated_at, name
            FROM clients WHERE search_text LIKE search_pattern(fragment)';";

/// The same for reads by key, whose wall in SQL is the function that they call:
/// without it every row is whose it is asked for, and without the one in Rust
/// the row says so too.
fn read_by_key(rust: bool, sql: bool) -> String {
    let table = if rust { "clients" } else { "clients_behind" };
    let (of, says) = match (rust, sql) {
        (true, true) => unreachable!("nothing is taken away"),
        (true, false) => ("true", "row.organization_id"),
        (false, true) => ("row.organization_id = organizations[n]", "organizations[n]"),
        (false, false) => ("true", "organizations[n]"),
    };
    format!(
        "DROP FUNCTION clients_by_key;
         CREATE FUNCTION clients_by_key(organizations uuid[], ids uuid[], with_deleted boolean[],
                 with_events boolean[], most_events bigint)
             RETURNS TABLE (place bigint, client {table}, first_name text, last_name text,
                 event_count bigint, latest_events by_key.event_summary[])
             LANGUAGE plpgsql SECURITY DEFINER AS $$
         DECLARE row {table};
         BEGIN
             FOR n IN 1 .. cardinality(ids) LOOP
                 SELECT * INTO row FROM {table} WHERE id = ids[n];
                 CONTINUE WHEN NOT FOUND OR NOT ({of});
                 row.organization_id := {says};
                 place := n; client := row; event_count := 0;
                 RETURN NEXT;
             END LOOP;
         END $$"
    )
}

/// Two organizations with a client each, and somebody of the first.
struct Tenants {
    database: String,
    own: String,
    own_client: String,
    foreign: String,
    foreign_client: String,
}

impl Tenants {
    async fn new() -> Self {
        let mut app = App::start().await;
        let (own, foreign) = (app.org("Propia").await.id, app.org("Ajena").await.id);
        let mut ids = Vec::new();
        for organization in [&own, &foreign] {
            let request = CreateClientRequest {
                organization_id: organization.clone(),
                ..client("Núñez")
            };
            ids.push(app.super_admin().create(request).await.expect("created").id);
        }
        app.stop().await;
        let (foreign_client, own_client) = (ids.remove(1), ids.remove(0));
        Self {
            database: app.database.clone(),
            own,
            own_client,
            foreign,
            foreign_client,
        }
    }

    async fn sql(&self) -> Sql {
        Cluster::get().superuser(&self.database).await
    }

    /// The service on the database as it is now, and somebody of the first
    /// organization.
    async fn app(&self) -> (App, Actor) {
        let app = App::on(self.database.clone(), Policy::default()).await;
        let actor = app.actor(
            nvito_clients::domain::principal::Role::PlatformAdmin,
            Some(&self.own),
        );
        (app, actor)
    }
}

/// What the first organization can see of all clients: by list, by search, how
/// many there are in all, one by one.
async fn seen(actor: &Actor, tenants: &Tenants) -> Vec<(&'static str, String)> {
    let mut seen = Vec::new();
    for (how, search) in [("list", ""), ("search", "nunez")] {
        let request = ListClientsRequest {
            search: search.to_owned(),
            ..ListClientsRequest::default()
        };
        let list = actor.list(request).await.expect("a list");
        seen.extend(list.clients.into_iter().map(|client| (how, client.id)));
        seen.push((how, format!("{} in all", list.meta.expect("meta").total)));
    }
    for id in [&tenants.own_client, &tenants.foreign_client] {
        match actor.get(id).await {
            Ok(client) => seen.push(("get", client.id)),
            Err(failure) => assert_eq!(failure.code, Code::NotFound),
        }
    }
    seen.sort();
    seen
}

fn only_own(tenants: &Tenants) -> Vec<(&'static str, String)> {
    let own = ["get", "list", "search"].map(|how| (how, tenants.own_client.clone()));
    let totals = ["list", "search"].map(|how| (how, "1 in all".to_owned()));
    let mut only: Vec<_> = own.into_iter().chain(totals).collect();
    only.sort();
    only
}

#[tokio::test]
async fn both_walls_up() {
    let tenants = Tenants::new().await;
    let (_app, actor) = tenants.app().await;
    assert_eq!(seen(&actor, &tenants).await, only_own(&tenants));
}

#[tokio::test]
async fn the_wall_in_sql_holds_alone() {
    let tenants = Tenants::new().await;
    let sql = tenants.sql().await;
    sql.batch_execute(WITHOUT_RUST).await.expect("the view");
    let read = read_by_key(false, true);
    sql.batch_execute(&read).await.expect("the function");
    let (_app, actor) = tenants.app().await;
    assert_eq!(seen(&actor, &tenants).await, only_own(&tenants));
    let patch = nvito_clients::grpc::proto::ClientPatch {
        notes: Some("de otro".into()),
        ..Default::default()
    };
    let refused = actor
        .patch(&tenants.foreign_client, patch)
        .await
        .expect_err("not theirs");
    refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
}

#[tokio::test]
async fn the_wall_in_rust_holds_alone() {
    let tenants = Tenants::new().await;
    let sql = tenants.sql().await;
    sql.batch_execute(WITHOUT_SQL).await.expect("no policies");
    let read = read_by_key(true, false);
    sql.batch_execute(&read).await.expect("the function");
    let (_app, actor) = tenants.app().await;
    assert_eq!(seen(&actor, &tenants).await, only_own(&tenants));
    // The wall in SQL is really away: the tenant's role sees both.
    let as_tenant = format!(
        "SET ROLE nvito_clients_tenant; SET app.organization_id = '{}'",
        tenants.own
    );
    sql.batch_execute(&as_tenant).await.expect("a tenant");
    let rows = sql
        .query("SELECT id FROM clients", &[])
        .await
        .expect("rows");
    assert_eq!(rows.len(), 2);
}

/// The control of the two tests above: they would see a leak.
#[tokio::test]
async fn without_both_walls_there_is_a_leak() {
    let tenants = Tenants::new().await;
    let sql = tenants.sql().await;
    sql.batch_execute(WITHOUT_RUST).await.expect("the view");
    sql.batch_execute(WITHOUT_SQL).await.expect("no policies");
    let read = read_by_key(false, false);
    sql.batch_execute(&read).await.expect("the function");
    let (_app, actor) = tenants.app().await;
    let seen = seen(&actor, &tenants).await;
    for how in ["get", "list", "search"] {
        assert!(
            seen.contains(&(how, tenants.foreign_client.clone())),
            "{how} of {seen:?}"
        );
    }
    for how in ["list", "search"] {
        assert!(seen.contains(&(how, "2 in all".to_owned())), "{seen:?}");
    }
}

#[tokio::test]
async fn the_roles_see_what_their_policies_say() {
    let tenants = Tenants::new().await;
    let service = connect(&Cluster::get().service(&tenants.database)).await;
    let count = async |setting: &str, table: &str| -> i64 {
        service
            .batch_execute(&format!("BEGIN; {setting}"))
            .await
            .expect("a role");
        let query = format!("SELECT count(*) FROM {table}");
        let count = service
            .query_one(&query, &[])
            .await
            .expect("a count")
            .get(0);
        service.batch_execute("ROLLBACK").await.expect("the end");
        count
    };
    let tenant = format!(
        "SET LOCAL ROLE nvito_clients_tenant; SET LOCAL app.organization_id = '{}'",
        tenants.own
    );
    for table in ["clients", "organizations"] {
        assert_eq!(count(&tenant, table).await, 1, "{table} of one tenant");
        assert_eq!(
            count("SET LOCAL ROLE nvito_clients_platform", table).await,
            2,
            "all {table}"
        );
        // Whoever forgets the setting or the role sees nothing.
        assert_eq!(
            count("SET LOCAL ROLE nvito_clients_tenant", table).await,
            0,
            "{table}"
        );
        assert_eq!(
            count("SELECT 1", table).await,
            0,
            "{table} of the login role"
        );
    }
    let nobody = "SET LOCAL ROLE nvito_clients_tenant; SET LOCAL app.organization_id = ''";
    assert_eq!(count(nobody, "clients").await, 0);
    assert_eq!(count(nobody, "search_clients('nunez', NULL)").await, 0);
    assert_eq!(count(&tenant, "search_clients('nunez', NULL)").await, 1);
}

/// What reads by key have for a wall in SQL: functions that ask each key for its
/// organization, and are the only way to what they read.
#[tokio::test]
async fn what_is_read_by_key_is_its_organizations() {
    let tenants = Tenants::new().await;
    let event = nobody();
    let made = format!(
        "INSERT INTO events (id, organization_id, name) VALUES ('{event}', '{}', 'Boda')",
        tenants.own
    );
    let superuser = tenants.sql().await;
    superuser.batch_execute(&made).await.expect("an event");
    let login = connect(&Cluster::get().service(&tenants.database)).await;
    let client_of = |organization: &str| {
        let id = &tenants.own_client;
        format!("clients_by_key('{{{organization}}}', '{{{id}}}', '{{f}}', '{{f}}', 1)")
    };
    let event_of =
        |organization: &str| format!("events_by_key('{{{organization}}}', '{{{event}}}')");
    for (organization, found) in [(&tenants.own, 1), (&tenants.foreign, 0)] {
        for read in [client_of(organization), event_of(organization)] {
            let rows = login.query(&format!("SELECT FROM {read}"), &[]).await;
            assert_eq!(rows.expect("rows").len(), found, "{read}");
        }
    }
    let tenant = format!(
        "SET LOCAL ROLE nvito_clients_tenant; SET LOCAL app.organization_id = '{}'",
        tenants.own
    );
    let views = ["by_key.clients", "by_key.events", "by_key.users"].map(str::to_owned);
    let functions = [client_of(&tenants.own), event_of(&tenants.own)];
    let behind = [views.as_slice(), &functions].concat();
    for (role, refused) in [("SELECT 1", views.as_slice()), (&tenant, &behind)] {
        for refused in refused {
            let asked = format!("BEGIN; {role}; SELECT FROM {refused}");
            let error = login.batch_execute(&asked).await.expect_err(&asked);
            assert_eq!(error.code().expect("a state").code(), "42501", "{asked}");
            login.batch_execute("ROLLBACK").await.expect("goes on");
        }
    }
}

#[tokio::test]
async fn no_statement_reaches_across_tenants() {
    let tenants = Tenants::new().await;
    let sql = tenants.sql().await;
    let member = nobody();
    let (own, foreign) = (&tenants.own, &tenants.foreign);
    sql.batch_execute(&format!(
        "INSERT INTO users VALUES ('{member}', 'Eva', '', NULL);
         INSERT INTO organization_members VALUES ('{foreign}', '{member}');
         INSERT INTO events VALUES ('{member}', '{foreign}', 'Boda', NULL, NULL)"
    ))
    .await
    .expect("a foreign member and event");
    let (own_client, foreign_client) = (&tenants.own_client, &tenants.foreign_client);
    // Even past row-level security, the keys do not let a row refer to another tenant's.
    let refused = [
        format!("UPDATE clients SET assigned_to_id = '{member}' WHERE id = '{own_client}'"),
        format!("UPDATE events SET client_id = '{own_client}' WHERE id = '{member}'"),
    ];
    for statement in refused {
        let error = sql
            .batch_execute(&statement)
            .await
            .expect_err("across tenants");
        let state = error.code().expect("a state").code();
        assert_eq!(state, "23503", "{statement}");
    }
    // The controls: within one tenant both are fine.
    sql.batch_execute(&format!(
        "UPDATE clients SET assigned_to_id = '{member}' WHERE id = '{foreign_client}';
         UPDATE events SET client_id = '{foreign_client}' WHERE id = '{member}'"
    ))
    .await
    .expect("within one tenant");

    let tenant = format!("SET ROLE nvito_clients_tenant; SET app.organization_id = '{own}'");
    sql.batch_execute(&tenant).await.expect("a tenant");
    let insert = format!(
        "INSERT INTO clients (id, organization_id, name) VALUES (gen_random_uuid(), '{foreign}', 'x')"
    );
    let error = sql
        .batch_execute(&insert)
        .await
        .expect_err("another tenant's row");
    assert_eq!(error.code().expect("a state").code(), "42501");
    for statement in [
        format!("UPDATE clients SET name = 'x' WHERE id = '{foreign_client}'"),
        format!("UPDATE events SET client_id = NULL WHERE id = '{member}'"),
    ] {
        assert_eq!(
            sql.execute(&statement, &[]).await.expect("allowed"),
            0,
            "{statement}"
        );
    }
    for statement in [
        "DELETE FROM clients",
        "DELETE FROM events",
        "INSERT INTO organizations VALUES (gen_random_uuid(), 'x')",
        "UPDATE organizations SET name = 'x'",
    ] {
        let error = sql
            .batch_execute(statement)
            .await
            .expect_err("not a tenant's to do");
        assert_eq!(
            error.code().expect("a state").code(),
            "42501",
            "{statement}"
        );
    }
}
