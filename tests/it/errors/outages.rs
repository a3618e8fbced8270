//! A database that goes away, comes back, or takes no writes; and health, which
//! says so.

use std::time::Duration;

use nvito_clients::grpc::proto::{CreateClientRequest, ListClientsRequest};
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{is, notes};
use crate::layers::waiting;
use crate::support::{Actor, App, CONNECTIONS, Cluster, SHARE, client, until};

/// Ends every connection to the database of `app`, and lets new ones in or not.
async fn cut(app: &App, allow: bool) {
    let database = &app.database;
    let superuser = Cluster::get().superuser("postgres").await;
    // One after the other: within one transaction the first would not hold yet for a
    // connection that is opened while others are ended.
    for statement in [
        format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {allow}"),
        format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = '{database}'"
        ),
    ] {
        superuser.batch_execute(&statement).await.expect("cut");
    }
}

async fn status(app: &App) -> ServingStatus {
    let mut health = HealthClient::new(app.channel());
    let answer = health.check(HealthCheckRequest::default()).await;
    answer.expect("an answer").into_inner().status()
}

async fn becomes(app: &App, expected: ServingStatus) {
    let became = async {
        while status(app).await != expected {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(15), became)
        .await
        .expect("in time");
}

/// Opens every connection that the service may have for one organization.
async fn open_all(app: &App, actor: &Actor) {
    let held = app.superuser().await;
    held.batch_execute("BEGIN; LOCK TABLE users")
        .await
        .expect("held");
    let calls: Vec<_> = (0..SHARE)
        .map(|_| {
            let actor = actor.clone();
            tokio::spawn(async move { actor.list(ListClientsRequest::default()).await })
        })
        .collect();
    waiting(app, i64::try_from(SHARE).expect("few")).await;
    held.batch_execute("COMMIT").await.expect("released");
    for call in calls {
        call.await.expect("no panic").expect("listed");
    }
}

#[tokio::test]
async fn without_a_database_it_is_unavailable_until_that_is_back() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    becomes(&app, ServingStatus::Serving).await;
    cut(&app, false).await;
    for call in 0..CONNECTIONS + 2 {
        let failure = match call % 2 {
            0 => actor.get(&made.id).await,
            _ => actor.patch(&made.id, notes("a")).await,
        };
        let failure = failure.expect_err("no database");
        is(&failure, Code::Unavailable, "DATABASE_UNAVAILABLE");
    }
    becomes(&app, ServingStatus::NotServing).await;
    cut(&app, true).await;
    let back = Instant::now();
    actor.patch(&made.id, notes("a")).await.expect("back");
    becomes(&app, ServingStatus::Serving).await;
    // It is asked every second; every five while it answers.
    assert!(
        back.elapsed() < Duration::from_secs(3),
        "{:?}",
        back.elapsed()
    );
}

/// The service asks whether its database works on nobody's share: not on that of Super
/// Admins, whose calls are of no organization either.
#[tokio::test]
async fn super_admins_keep_the_service_from_no_errand() {
    let app = App::with_connections(3).await;
    app.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(8); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT ON organizations FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    .await;
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
    let holder = app.superuser().await;
    let asks = async {
        let sleeps = format!("{sessions} AND wait_event = 'PgSleep'");
        until(async || app.count(&sleeps).await == 1).await;
        // So that it is seen, every five seconds.
        let hold = "BEGIN; LOCK TABLE clients";
        holder.batch_execute(hold).await.expect("held");
        let asks = format!(
            r#"{sessions} AND wait_event_type = 'Lock'
               AND query LIKE 'SELECT "clients"."id" FROM "clients"%'"#
        );
        let asked = until(async || app.count(&asks).await > 0);
        let asked = timeout(Duration::from_secs(7), asked).await;
        asked.expect("while the one turn that is theirs is taken");
        holder.batch_execute("COMMIT").await.expect("released");
    };
    tokio::join!(app.org("Lenta"), asks);
}

#[tokio::test]
async fn a_database_that_started_anew_costs_no_call() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let member = own.member("Eva").await;
    let new = CreateClientRequest {
        assigned_to_id: Some(member),
        ..client("Ana")
    };
    let made = actor.create(new).await.expect("created");
    open_all(&app, &actor).await;
    cut(&app, true).await;
    actor
        .patch(&made.id, notes("a"))
        .await
        .expect("by a new connection");
    open_all(&app, &actor).await;
    cut(&app, true).await;
    actor.get(&made.id).await.expect("by a new connection");
}

#[tokio::test]
async fn a_database_that_turned_read_only_is_left() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let made = actor.create(client("Ana")).await.expect("created");
    let superuser = Cluster::get().superuser("postgres").await;
    let read_only = format!(
        "ALTER DATABASE {} SET default_transaction_read_only",
        app.database
    );
    superuser
        .batch_execute(&format!("{read_only} = on"))
        .await
        .expect("set");
    cut(&app, true).await;
    let refused = actor
        .patch(&made.id, notes("a"))
        .await
        .expect_err("read only");
    is(&refused, Code::Unavailable, "DATABASE_READ_ONLY");
    actor.get(&made.id).await.expect("can be read");
    open_all(&app, &actor).await;
    let holder = app.superuser().await;
    let hold = "BEGIN; LOCK TABLE client_history";
    holder.batch_execute(hold).await.expect("held");
    let (reader, id) = (actor.clone(), made.id.clone());
    let under_way = tokio::spawn(async move { reader.history(&id).await });
    waiting(&app, 1).await;
    superuser
        .batch_execute(&format!("{read_only} = off"))
        .await
        .expect("set");
    // No session of before is used again: they would stay read-only for ever, those too
    // that somebody read by when it was found out.
    let refused = actor.patch(&made.id, notes("a")).await;
    is(
        &refused.expect_err("one of before"),
        Code::Unavailable,
        "DATABASE_READ_ONLY",
    );
    holder.batch_execute("COMMIT").await.expect("released");
    let read = under_way.await.expect("no panic");
    read.expect("by a session of before");
    for _ in 0..SHARE {
        let written = actor.patch(&made.id, notes("b")).await;
        written.expect("can be written");
    }
}

#[tokio::test]
async fn a_connection_lost_in_the_commit_is_told_so() {
    let app = App::start().await;
    let own = app.org("Propia").await;
    let actor = own.platform_admin();
    let lose = "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON clients
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()";
    app.superuser()
        .await
        .batch_execute(lose)
        .await
        .expect("made");
    let refused = actor.create(client("Ana")).await.expect_err("lost");
    is(&refused, Code::Unavailable, "COMMIT_OUTCOME_UNKNOWN");
    assert_eq!(app.count("SELECT count(*) FROM clients").await, 0);
    app.superuser()
        .await
        .batch_execute("DROP FUNCTION lose CASCADE")
        .await
        .expect("dropped");
    actor
        .create(client("Ana"))
        .await
        .expect("by a new connection");
}
