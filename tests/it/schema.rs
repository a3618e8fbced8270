//! What the database is held to, whatever migrations bring.

use std::collections::{BTreeMap, BTreeSet};

use diesel_migrations::MigrationHarness;
use nvito_clients::repository::migrations::{self, MIGRATIONS};
use regex::Regex;
use tokio_postgres::Client as Sql;

use crate::support::Cluster;

/// Everything the migrations make, as PostgreSQL writes it down.
const DUMP: &str = r"
    SELECT format('%s %s %s %s %s %s %s %s', c.relkind, c.oid::regclass, c.relowner::regrole, CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END, c.relrowsecurity, c.relforcerowsecurity, c.relacl,
            coalesce(obj_description(c.oid, 'pg_class'), obj_description(c.reltype, 'pg_type')))
        FROM pg_class c WHERE c.relnamespace IN ('public'::regnamespace, to_regnamespace('by_key')) AND c.relkind <> 'i' AND c.relname !~ 'diesel'
    UNION ALL SELECT format('column %s.%s %s %s %s %s %s %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
            a.attnotnull, (SELECT collname FROM pg_collation WHERE oid = a.attcollation), a.attacl, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace IN ('public'::regnamespace, to_regnamespace('by_key')) AND c.relkind IN ('r', 'v', 'c') AND a.attnum > 0 AND NOT a.attisdropped AND c.relname !~ 'diesel'
    UNION ALL SELECT format('index %s %s', pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ 'diesel'
    UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ 'diesel'
    UNION ALL SELECT format('policy %s %s %s %s %s %s', tablename, policyname, roles, qual, with_check, obj_description(p.oid))
        FROM pg_policies JOIN pg_policy p ON p.polname = policyname AND p.polrelid = format('%I.%I', schemaname, tablename)::regclass
    UNION ALL SELECT format('trigger %s %s', pg_get_triggerdef(oid), obj_description(oid)) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('function %s %s %s %s', pg_get_functiondef(p.oid), p.proowner::regrole, p.proacl, obj_description(p.oid))
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL SELECT format('collation %s %s %s', collname, collprovider, obj_description(oid)) FROM pg_collation WHERE collnamespace = 'public'::regnamespace
    UNION ALL SELECT format('schema %s %s %s %s', nspname, nspowner::regrole, nspacl, obj_description(oid)) FROM pg_namespace
        WHERE nspname IN ('public', 'by_key')
    ORDER BY 1";

async fn strings(sql: &Sql, query: &str) -> Vec<String> {
    let rows = sql
        .query(query, &[])
        .await
        .expect("a query of the catalogue");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn migrated() -> Sql {
    let cluster = Cluster::get();
    cluster.superuser(&cluster.database().await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn up_down_up_leaves_the_same_schema() {
    let cluster = Cluster::get();
    let database = cluster.empty_database().await;
    let settings = cluster.service(&database);
    let sql = cluster.superuser(&database).await;
    let run = migrations::run(&settings).await.expect("up");
    assert!(run.len() >= 8);
    let first = strings(&sql, DUMP).await;
    assert!(first.len() > 100, "{} objects", first.len());
    assert_eq!(
        migrations::run(&settings).await.expect("nothing to do"),
        Vec::<String>::new()
    );

    migrations::revert(&settings).await.expect("down");
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
                  AND relkind = 'r' AND relname !~ 'diesel'";
    assert_eq!(strings(&sql, tables).await, Vec::<String>::new());

    migrations::run(&settings).await.expect("up again");
    let again = strings(&sql, DUMP).await;
    let changed: Vec<_> = first.iter().filter(|line| !again.contains(line)).collect();
    assert_eq!((changed, again.len()), (Vec::new(), first.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_back_leaves_what_was_before() {
    let cluster = Cluster::get();
    let database = cluster.empty_database().await;
    let sql = cluster.superuser(&database).await;
    let mut harness = cluster.harness(&database).await;
    let mut steps = 0;
    while harness
        .has_pending_migration(MIGRATIONS)
        .expect("the migrations are there")
    {
        let before = strings(&sql, DUMP).await;
        let run = harness.run_next_migration(MIGRATIONS).expect("up");
        let run = run.to_string();
        harness.revert_last_migration(MIGRATIONS).expect("down");
        assert_eq!(strings(&sql, DUMP).await, before, "{run}");
        harness.run_next_migration(MIGRATIONS).expect("up again");
        steps += 1;
    }
    assert!(steps >= 17, "{steps}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_at_once_migrate_once() {
    let cluster = Cluster::get();
    let settings = cluster.service(&cluster.empty_database().await);
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { migrations::run(&settings).await.expect("migrated").len() })
        })
        .collect();
    let mut run = Vec::new();
    for start in starts {
        run.push(start.await.expect("no panic"));
    }
    run.sort_unstable();
    assert_eq!(run[..3], [0, 0, 0]);
    assert!(run[3] >= 8, "{run:?}");
}

#[tokio::test]
async fn schema_rs_is_what_the_database_says() {
    let sql = migrated().await;
    let query = "SELECT table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable
                 FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name !~ 'diesel'";
    let database: BTreeSet<String> = strings(&sql, query).await.into_iter().collect();

    let text = include_str!("../../src/repository/schema.rs");
    let table = Regex::new(r"^    (\w+) \([\w, ]+\) \{$").expect("a pattern");
    let column = Regex::new(r"^        (\w+) -> (Nullable<)?(\w+)>?,$").expect("a pattern");
    let renamed = Regex::new(r#"^        #\[sql_name = "(\w+)"\]$"#).expect("a pattern");
    let types = BTreeMap::from([
        ("Uuid", "uuid"),
        ("Varchar", "varchar"),
        ("Text", "text"),
        ("Bool", "bool"),
        ("Int4", "int4"),
        ("Int8", "int8"),
        ("Bytea", "bytea"),
        ("Jsonb", "jsonb"),
        ("Timestamptz", "timestamptz"),
    ]);
    let (mut current, mut name) = (String::new(), None);
    let mut file = BTreeSet::new();
    for line in text.lines() {
        if let Some(found) = table.captures(line) {
            found[1].clone_into(&mut current);
        } else if let Some(found) = renamed.captures(line) {
            name = Some(found[1].to_owned());
        } else if let Some(found) = column.captures(line) {
            let name = name.take().unwrap_or_else(|| found[1].to_owned());
            let nullable = if found.get(2).is_some() { "YES" } else { "NO" };
            file.insert(format!("{current}.{name} {} {nullable}", types[&found[3]]));
        }
    }
    assert_eq!(file, database);
}

#[tokio::test]
async fn every_table_is_behind_the_wall() {
    let sql = migrated().await;
    let open = "SELECT relname::text FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname !~ 'diesel'
                  AND NOT (relrowsecurity AND relforcerowsecurity)";
    assert_eq!(strings(&sql, open).await, Vec::<String>::new());

    let tenantless = "SELECT table_name::text FROM information_schema.columns
                      WHERE table_schema = 'public' AND column_name = 'organization_id'
                        AND is_nullable = 'YES'";
    assert_eq!(strings(&sql, tenantless).await, Vec::<String>::new());

    let not_leading = "
        SELECT a.attrelid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attname = 'organization_id' AND c.relkind = 'r' AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum)";
    assert_eq!(strings(&sql, not_leading).await, Vec::<String>::new());

    // Between two tables that both have a tenant, every reference carries it.
    let loose = "
        SELECT conname::text FROM pg_constraint k
        WHERE k.contype = 'f'
          AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = k.conrelid AND attname = 'organization_id')
          AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = k.confrelid AND attname = 'organization_id')
          AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = k.conrelid
                            AND attname = 'organization_id' AND attnum = ANY (k.conkey))";
    assert_eq!(strings(&sql, loose).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_foreign_key_has_an_index() {
    let sql = migrated().await;
    let bare = "
        SELECT k.conrelid::regclass || ' ' || k.conname FROM pg_constraint k
        WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
              AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)";
    assert_eq!(strings(&sql, bare).await, Vec::<String>::new());
    // The control: the query does see one without.
    sql.batch_execute("DROP INDEX clients_created_by_idx")
        .await
        .expect("dropped");
    assert_eq!(
        strings(&sql, bare).await,
        ["clients clients_created_by_fkey"]
    );
}

/// Whatever of ours can have a comment. Of constraints, and indexes that they make, the
/// name and the definition say all; roles are not the database's but the cluster's.
const SILENT: &str = r"
    WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'),
    relations AS (SELECT c.oid, c.relkind FROM pg_class c
        WHERE c.relnamespace IN (TABLE ours) AND c.relname !~ 'diesel'),
    things (class, object, part) AS (
        SELECT 'pg_namespace'::regclass, oid, 0 FROM ours
        UNION ALL SELECT 'pg_class'::regclass, oid, 0 FROM relations WHERE relkind NOT IN ('i', 'I', 'c')
            OR relkind IN ('i', 'I') AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = relations.oid)
                AND NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = relations.oid AND indrelid NOT IN (SELECT oid FROM relations))
        UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum FROM pg_attribute a JOIN relations ON relations.oid = a.attrelid
            WHERE relkind NOT IN ('i', 'I', 'S') AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT 'pg_policy'::regclass, oid, 0 FROM pg_policy WHERE polrelid IN (SELECT oid FROM relations)
        UNION ALL SELECT 'pg_trigger'::regclass, oid, 0 FROM pg_trigger
            WHERE tgrelid IN (SELECT oid FROM relations) AND NOT tgisinternal
        UNION ALL SELECT 'pg_proc'::regclass, oid, 0 FROM pg_proc WHERE pronamespace IN (TABLE ours)
        -- Not the types of rows and of arrays, which come with others.
        UNION ALL SELECT 'pg_type'::regclass, oid, 0 FROM pg_type WHERE typnamespace IN (TABLE ours) AND typelem = 0
            AND (typrelid = 0 OR typrelid IN (SELECT oid FROM relations WHERE relkind = 'c'))
        UNION ALL SELECT 'pg_collation'::regclass, oid, 0 FROM pg_collation WHERE collnamespace IN (TABLE ours)
        UNION ALL SELECT 'pg_ts_config'::regclass, oid, 0 FROM pg_ts_config WHERE cfgnamespace IN (TABLE ours)
        UNION ALL SELECT 'pg_ts_dict'::regclass, oid, 0 FROM pg_ts_dict WHERE dictnamespace IN (TABLE ours)
        UNION ALL SELECT 'pg_ts_parser'::regclass, oid, 0 FROM pg_ts_parser WHERE prsnamespace IN (TABLE ours)
        UNION ALL SELECT 'pg_ts_template'::regclass, oid, 0 FROM pg_ts_template WHERE tmplnamespace IN (TABLE ours))
    SELECT pg_describe_object(class, object, part) FROM things
    WHERE NOT EXISTS (SELECT FROM pg_description WHERE (classoid, objoid, objsubid) = (class, object, part))
        AND NOT EXISTS (SELECT FROM pg_depend WHERE (classid, objid, deptype) = (class, object, 'e'))
    ORDER BY 1";

#[tokio::test]
async fn everything_says_what_it_is() {
    let sql = migrated().await;
    assert_eq!(strings(&sql, SILENT).await, Vec::<String>::new());
    // The control: the query does see what is new and says nothing.
    sql.batch_execute(
        "CREATE SCHEMA silent;
         CREATE TABLE silent.tables (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
         CREATE INDEX names ON silent.tables (name);
         CREATE VIEW silent.views AS SELECT name FROM silent.tables;
         CREATE POLICY policies ON silent.tables;
         CREATE FUNCTION silent.functions() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER triggers AFTER DELETE ON silent.tables EXECUTE FUNCTION silent.functions();
         CREATE TYPE silent.rows AS (name text);
         CREATE DOMAIN silent.domains AS text;
         CREATE COLLATION silent.collations FROM spanish;
         CREATE TEXT SEARCH CONFIGURATION silent.configurations (COPY = pg_catalog.simple);
         CREATE TEXT SEARCH DICTIONARY silent.dictionaries (TEMPLATE = pg_catalog.simple)",
    )
    .await
    .expect("things without a comment");
    let seen = [
        "collation silent.collations",
        "column id of table silent.tables",
        "column name of composite type silent.rows",
        "column name of table silent.tables",
        "column name of view silent.views",
        "function silent.functions()",
        "index silent.names",
        "policy policies on table silent.tables",
        "schema silent",
        "sequence silent.tables_id_seq",
        "table silent.tables",
        "text search configuration silent.configurations",
        "text search dictionary silent.dictionaries",
        "trigger triggers on table silent.tables",
        "type silent.domains",
        "type silent.rows",
        "view silent.views",
    ];
    assert_eq!(strings(&sql, SILENT).await, seen);
}

#[tokio::test]
async fn the_database_holds_the_bounds_too() {
    let sql = migrated().await;
    let organization = uuid::Uuid::now_v7();
    sql.batch_execute(&format!(
        "INSERT INTO organizations VALUES ('{organization}', 'Una')"
    ))
    .await
    .expect("one");
    let insert = async |column: &str, value: &str| {
        let statement = format!(
            "INSERT INTO clients (id, organization_id, name, {column})
             VALUES (gen_random_uuid(), '{organization}', 'Ana', '{value}')"
        );
        let statement = if column == "name" {
            format!(
                "INSERT INTO clients (id, organization_id, name)
                 VALUES (gen_random_uuid(), '{organization}', '{value}')"
            )
        } else {
            statement
        };
        sql.batch_execute(&statement)
            .await
            .map_err(|error| error.code().expect("a state").code().to_owned())
    };
    let bounds = [
        ("name", 255),
        ("email", 255),
        ("phone", 20),
        ("rfc", 13),
        ("business_name", 255),
        ("billing_address", 500),
        ("acquisition_detail", 255),
        ("notes", 2000),
    ];
    for (column, most) in bounds {
        insert(column, &"ñ".repeat(most))
            .await
            .unwrap_or_else(|state| panic!("{column}: {state}"));
        let refused = insert(column, &"ñ".repeat(most + 1))
            .await
            .expect_err(column);
        assert!(
            ["22001", "23514"].contains(&refused.as_str()),
            "{column}: {refused}"
        );
    }
    for (column, value) in [
        ("name", "  "),
        ("type", "PERSONA"),
        ("status", "prospect"),
        ("acquisition_source", "TV"),
    ] {
        assert_eq!(
            insert(column, value).await,
            Err("23514".to_owned()),
            "{column}"
        );
    }
}
