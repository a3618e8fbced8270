//! The trigrams that a search asks its index for. Whoever holds a fragment has to
//! have them all: one too many, and a client is there and not found.

use std::time::Duration;

use nvito_clients::repository::migrations;
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::corpora::corpus;
use crate::support::{App, Cluster, client};

/// Words that begin and end with the letters that `trigrams_within` tries, words of
/// one and two letters, marks, digits, and letters of several bytes.
const TEXTS: [&str; 10] = [
    "mariana lopez hernandez\nmariana.lopez@example.com\n55 1234 5601\n5512345601\n+525512345601",
    "qx xq qq xx q x qqx xqx",
    "qa xa aq ax a b ab ba",
    "o'brien-maria_jose (grupo) 50% s.a. de c.v.",
    "ωμεγα σιγμας σ ς",
    "山田太郎 山 田太",
    "naïve ñandú año q\u{f1}x",
    "straße ǆ ı \u{130}stanbul",
    "q\u{301}x\u{301} a\u{308}b",
    "  spaces   and\ttabs  ",
];

/// Of every fragment of a text, up to twelve characters long, what the text has not.
/// `begins` is asked for only where the fragment begins a word.
fn missed(function: &str) -> String {
    format!(
        "WITH texts AS (SELECT fold_text(raw) AS text FROM unnest($1::text[]) AS raws (raw)),
              fragments AS (
                  SELECT text, substr(text, place, length) AS fragment,
                      substr(' ' || text, place, 1) ~ '[ -/:-@[-`{{-~]' AS begins
                  FROM texts, generate_series(1, char_length(text)) AS place,
                      generate_series(1, least(12, char_length(text) - place + 1)) AS length)
         SELECT text, fragment FROM fragments
         WHERE NOT {function}(fragment, false) <@ show_trgm(text)
            OR begins AND NOT {function}(fragment, true) <@ show_trgm(text)"
    )
}

async fn count(superuser: &Client, query: &str, texts: &[String]) -> usize {
    let rows = superuser.query(query, &[&texts]).await.expect("asked");
    for row in rows.iter().take(3) {
        let (text, fragment): (String, String) = (row.get(0), row.get(1));
        println!("{fragment:?} of {text:?}");
    }
    rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_fragment_has_its_trigrams() {
    let cluster = Cluster::get();
    let utf8 = cluster.empty_database_in("C.UTF-8").await;
    migrations::run(&cluster.service(&utf8))
        .await
        .expect("the migrations run");
    let searches = corpus("search").into_iter();
    let searches = searches.filter_map(|input| String::from_utf8(input).ok());
    let searches = searches.filter(|text| !text.contains('\0'));
    let texts: Vec<_> = TEXTS
        .map(str::to_owned)
        .into_iter()
        .chain(searches)
        .collect();
    // What a letter is for a trigram is a matter of the database's locale.
    for database in [cluster.database().await, utf8] {
        let superuser = cluster.superuser(&database).await;
        assert_eq!(
            count(&superuser, &missed("trigrams_within"), &texts).await,
            0
        );
        // The control: what show_trgm takes for whole words misses some.
        let whole = "CREATE FUNCTION whole(fragment text, begins boolean) RETURNS text[]
                     LANGUAGE sql IMMUTABLE AS 'SELECT show_trgm(fragment)'";
        superuser.batch_execute(whole).await.expect("created");
        assert!(count(&superuser, &missed("whole"), &texts).await > 100);

        let cases: [(&str, bool, &[&str]); 6] = [
            ("lopez", false, &["lop", "ope", "pez"]),
            ("ana lo", false, &["  l", " lo", "ana", "na "]),
            ("lo", false, &[]),
            ("lo", true, &["  l", " lo"]),
            ("qa", true, &["  q", " qa"]),
            ("+52", false, &["  5", " 52"]),
        ];
        for (fragment, begins, expected) in cases {
            let asked = "SELECT trigrams_within($1, $2)";
            let row = superuser.query_one(asked, &[&fragment, &begins]).await;
            let found: Vec<String> = row.expect("asked").get(0);
            assert_eq!(found, expected, "{fragment:?}");
        }
    }
}

/// Two tenants whose trigrams bear the same mark.
const TENANTS: [&str; 2] = [
    "0192f0c1-0000-7000-8000-0001000000aa",
    "0192f0c1-0000-7000-8000-0002000000aa",
];

/// The fragments of which a search finds other clients than those who hold them.
const DIFFERS: &str = "
    WITH fragments AS (
        SELECT DISTINCT substr(search_text, place, length) AS fragment
        FROM clients, generate_series(1, char_length(search_text)) AS place, generate_series(1, 7) AS length),
    found AS (
        SELECT fragment,
            ARRAY(SELECT id FROM search_clients(fragment, NULL) ORDER BY id) AS own,
            ARRAY(SELECT id FROM search_all_clients(fragment, NULL) ORDER BY id) AS every,
            ARRAY(SELECT id FROM clients WHERE organization_id = current_setting('app.organization_id')::uuid
                AND strpos(search_text, fold_text(fragment)) > 0 ORDER BY id) AS own_held,
            ARRAY(SELECT id FROM clients WHERE strpos(search_text, fold_text(fragment)) > 0 ORDER BY id) AS every_held
        FROM fragments)
    SELECT fragment FROM found
    WHERE (own, every) IS DISTINCT FROM (own_held, every_held)";

#[tokio::test]
async fn a_search_finds_who_holds_it_and_no_other_tenants() {
    let cluster = Cluster::get();
    let superuser = cluster.superuser(&cluster.database().await).await;
    let names: Vec<_> = TEXTS.iter().flat_map(|text| text.lines()).collect();
    for tenant in TENANTS {
        let insert = "INSERT INTO organizations SELECT $1::text::uuid, 'Una'";
        superuser.execute(insert, &[&tenant]).await.expect("made");
        let insert = "INSERT INTO clients (id, organization_id, name, email)
            SELECT gen_random_uuid(), $1::text::uuid, name, 'x' || place || '@example.com'
            FROM unnest($2::text[]) WITH ORDINALITY AS names (name, place)";
        let made = superuser.execute(insert, &[&tenant, &names]).await;
        assert_eq!(made.expect("made"), names.len() as u64);
    }
    for tenant in TENANTS {
        let acting = format!("SET app.organization_id = '{tenant}'");
        superuser.batch_execute(&acting).await.expect("set");
        let differs = superuser.query(DIFFERS, &[]).await.expect("asked");
        let fragments: Vec<String> = differs.iter().map(|row| row.get(0)).collect();
        assert!(fragments.is_empty(), "{fragments:?}");
    }
    // The control: the same marks, and no word of whose a client is.
    let body = "SELECT pg_get_functiondef('search_clients(text, text)'::regprocedure)";
    let body: String = superuser.query_one(body, &[]).await.expect("there").get(0);
    let open = body.replace("AND client.organization_id IS NOT DISTINCT FROM tenant", "");
    assert_ne!(body, open);
    superuser.batch_execute(&open).await.expect("replaced");
    let differs = superuser.query(DIFFERS, &[]).await.expect("asked");
    assert!(differs.len() > 100, "{}", differs.len());
}

#[tokio::test]
async fn what_is_written_is_sorted_in_soon() {
    let app = App::start().await;
    let org = app.org("Una").await;
    let superuser = app.superuser().await;
    let sort_in = "SELECT gin_clean_pending_list('clients_search_idx')";
    // Nobody else does it: neither the few who write here nor autovacuum. Asked now
    // and then, as on a busy machine it may take its time.
    superuser
        .batch_execute("ALTER TABLE clients SET (autovacuum_enabled = off)")
        .await
        .expect("set");
    let mut left = Vec::new();
    while left.last() != Some(&0) {
        assert!(left.len() < 5, "nothing was sorted in: {left:?}");
        let made = org.platform_admin().create(client("Ana")).await;
        made.expect("created");
        sleep(Duration::from_secs(2)).await;
        let pages = superuser.query_one(sort_in, &[]).await.expect("asked");
        left.push(pages.get::<_, i64>(0));
    }
}

#[tokio::test]
async fn what_a_search_looks_in_is_written_where_it_changes_and_nowhere_else() {
    let app = App::start().await;
    let org = app.org("Una").await;
    let made = org.platform_admin().create(client("José Núñez")).await;
    let id = made.expect("created").id;
    let superuser = app.superuser().await;
    let calls = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_xact_user_functions
        WHERE funcname = 'client_search_text'";
    let count = async || {
        let found = superuser.query_one(calls, &[]).await.expect("counted");
        found.get::<_, i64>(0)
    };
    for (change, made, begins) in [
        ("notes = 'x', assigned_to_id = NULL", 0, "jose nunez\n"),
        ("name = 'Íñigo'", 1, "inigo\n"),
        ("phone = '55 1234 5678'", 1, "jose nunez\n"),
        ("search_text = 'anything'", 1, "jose nunez\n"),
    ] {
        let update = format!("UPDATE clients SET {change} WHERE id = '{id}'");
        // Within the transaction: what it counts is told to others at its end.
        let begin = "BEGIN; SET LOCAL track_functions = 'pl'";
        superuser.batch_execute(begin).await.expect("begun");
        let before = count().await;
        superuser.batch_execute(&update).await.expect("updated");
        assert_eq!(count().await - before, made, "{change}");
        let text = format!("SELECT search_text FROM clients WHERE id = '{id}'");
        let text = superuser.query_one(&text, &[]).await.expect("there");
        let text: String = text.get(0);
        assert!((text + "\n").starts_with(begins), "{change}");
        superuser.batch_execute("ROLLBACK").await.expect("undone");
    }
}
