//! What callers leave behind: reads are cancelled in PostgreSQL, writes end by
//! themselves, connections come back whole.

use std::time::{Duration, Instant};

use nvito_clients::grpc::proto::{ClientPatch, ListClientsRequest};
use nvito_clients::repository::Database;
use tokio::time::{sleep, timeout};
use tonic::Code;

use super::{SESSIONS, waiting};
use crate::support::{Actor, App, BUSY, Cluster, at_once, client};

fn notes(text: &str) -> ClientPatch {
    ClientPatch {
        notes: Some(text.to_owned()),
        ..ClientPatch::default()
    }
}

/// The sessions of the service, by the processes that serve them.
async fn sessions(app: &App) -> Vec<i32> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = 'nvito-clients' ORDER BY backend_start, pid";
    let rows = app.superuser().await.query(sql, &[]).await.expect("asked");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Waits until no session of the service does or holds anything.
async fn idle(app: &App) {
    let busy = format!("SELECT count(*) {SESSIONS} AND state <> 'idle'");
    let quiet = async {
        while app.count(&busy).await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    // An abandoned connection has two seconds to come back.
    timeout(Duration::from_secs(2) + BUSY, quiet)
        .await
        .expect("nothing goes on");
}

#[tokio::test]
async fn a_read_that_nobody_waits_for_is_cancelled_and_its_connection_kept() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let holder = app.superuser().await;
    let hold = "BEGIN; LOCK TABLE clients";
    holder.batch_execute(hold).await.expect("held");
    let list = |actor: Actor| async move { actor.list(ListClientsRequest::default()).await };
    let mut reads: Vec<_> = (0..3)
        .map(|_| {
            let actor = actor.clone();
            tokio::spawn(async move { list(actor).await.map(drop) })
        })
        .collect();
    // Reads by key share a statement: it ends with the last who waits for it.
    let (getter, id) = (actor.clone(), made.id.clone());
    reads.push(tokio::spawn(async move { getter.get(&id).await.map(drop) }));
    waiting(&app, 4).await;
    let before = sessions(&app).await;
    for read in &reads {
        read.abort();
    }
    // The lock is still held: only a cancelled statement can have ended.
    idle(&app).await;
    holder.batch_execute("COMMIT").await.expect("released");
    for answer in at_once((0..4).map(|_| list(actor.clone()))).await {
        answer.expect("listed");
    }
    actor.get(&made.id).await.expect("found");
    let after = sessions(&app).await;
    let is_kept = before.iter().all(|session| after.contains(session));
    assert!(is_kept, "no connection was lost: {before:?}, {after:?}");
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_is_done() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let holder = app.superuser().await;
    let hold = format!(
        "BEGIN; SELECT FROM clients WHERE id = '{}' FOR UPDATE",
        made.id
    );
    holder.batch_execute(&hold).await.expect("held");
    let (writer, id) = (actor.clone(), made.id.clone());
    let write = tokio::spawn(async move { writer.patch(&id, notes("sí")).await });
    waiting(&app, 1).await;
    write.abort();
    sleep(Duration::from_millis(50)).await;
    holder.batch_execute("COMMIT").await.expect("released");
    idle(&app).await;
    let found = actor.get(&made.id).await.expect("found");
    assert_eq!(found.notes.as_deref(), Some("sí"));
}

#[tokio::test]
async fn at_its_deadline_a_write_is_undone_and_leaves_nothing_running() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let holder = app.superuser().await;
    let hold = format!(
        "BEGIN; SELECT FROM clients WHERE id = '{}' FOR UPDATE",
        made.id
    );
    holder.batch_execute(&hold).await.expect("held");
    let hurried = actor.clone().saying("grpc-timeout", "300m");
    let began = Instant::now();
    let late = hurried.patch(&made.id, notes("no")).await;
    // Ours, or that of tonic's client, which does not wait longer than it said.
    let late = late.expect_err("held").code;
    assert!(matches!(late, Code::DeadlineExceeded | Code::Cancelled));
    let took = began.elapsed();
    assert!(took < Duration::from_millis(400) + BUSY, "{took:?}");
    idle(&app).await;
    holder.batch_execute("COMMIT").await.expect("released");
    assert_eq!(actor.get(&made.id).await.expect("found").etag, made.etag);
}

#[tokio::test]
async fn no_statement_may_outlive_the_deadline() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let note = "CREATE TABLE noted (timeout text);
                CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN INSERT INTO noted VALUES (current_setting('statement_timeout'));
                RETURN NEW; END $$;
                CREATE TRIGGER note BEFORE INSERT ON clients FOR EACH ROW EXECUTE FUNCTION note()";
    app.execute(note).await;
    let noted = "SELECT EXTRACT(epoch FROM timeout::interval)::float8 FROM noted";
    for (deadline, least, most) in [("2S", 1.5, 1.995), ("14S", 13.0, 13.995)] {
        let actor = own.platform_admin().saying("grpc-timeout", deadline);
        actor.create(client("Ana")).await.expect("created");
        let row = app.superuser().await.query_one(noted, &[]).await;
        let seconds: f64 = row.expect("noted").get(0);
        assert!((least..=most).contains(&seconds), "{deadline}: {seconds} s");
        app.execute("DELETE FROM noted").await;
    }
}

#[tokio::test]
async fn a_connection_is_replaced_when_it_is_old() {
    let cluster = Cluster::get();
    let app = App::start().await;
    app.org("Propia").await;
    let age = Duration::from_millis(300);
    let pool = Database::aging(cluster.service(&app.database), 1, age);
    let asked = async || {
        pool.ping().await.expect("it answers");
        let of_the_pool = sessions(&app).await;
        *of_the_pool.last().expect("one")
    };
    let first = asked().await;
    assert_eq!(asked().await, first, "it is young");
    sleep(age * 2).await;
    assert_ne!(asked().await, first, "it was old");
    let status = pool.pool_status();
    assert_eq!((status.open, status.idle, status.most), (1, 1, 1));
}
