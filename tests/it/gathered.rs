//! Point reads of many callers in one statement: shared under load, and nobody
//! the worse for whom they share it with.

use std::time::{Duration, Instant};

use nvito_clients::config::ServerConfig;
use nvito_clients::grpc::proto::{BatchGetClientsRequest, ListClientsRequest};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tonic::Code;

use crate::layers::{SESSIONS, waiting};
use crate::support::{Actor, App, BUSY, Cluster, Failure, at_once, client, nobody};

type Read = JoinHandle<Result<nvito_clients::grpc::proto::Client, Failure>>;

/// Somebody with clients, and how many statements have read clients.
struct Stage {
    app: App,
    actor: Actor,
    ids: Vec<String>,
}

impl Stage {
    async fn of(clients: usize) -> Self {
        let database = Cluster::get().database().await;
        let superuser = Cluster::get().superuser(&database).await;
        let count = format!("ALTER DATABASE {database} SET track_functions = 'all'");
        superuser.batch_execute(&count).await.expect("counted");
        let app = App::configured(database, ServerConfig::default()).await;
        let actor = app.org("Propia").await.platform_admin();
        let mut ids = Vec::new();
        for number in 0..clients {
            let made = actor.create(client(&format!("Ana {number}"))).await;
            ids.push(made.expect("created").id);
        }
        Self { app, actor, ids }
    }

    fn read(&self, id: &str) -> Read {
        let (actor, id) = (self.actor.clone(), id.to_owned());
        tokio::spawn(async move { actor.get(&id).await })
    }

    /// Reads of the first two, each of which waits in a lane of its own.
    async fn both_lanes(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        for (id, waiting_by_then) in self.ids.iter().zip([1, 2]) {
            reads.push(self.read(id));
            waiting(&self.app, waiting_by_then).await;
        }
        reads
    }

    /// Keeps everybody from the clients until it commits.
    async fn hold(&self) -> tokio_postgres::Client {
        let holder = self.app.superuser().await;
        let hold = "BEGIN; LOCK TABLE clients";
        holder.batch_execute(hold).await.expect("held");
        holder
    }

    /// How many statements have been made, once PostgreSQL has counted them: of those
    /// since this was asked first, as PostgreSQL counts no function that it takes into the
    /// statement that calls it.
    async fn statements(&self) -> i64 {
        wrap(&self.app, "").await;
        // Sessions tell when they are idle, a second apart at most.
        sleep(Duration::from_millis(1500)).await;
        self.actor.get(&self.ids[0]).await.expect("found");
        sleep(Duration::from_millis(100)).await;
        let calls = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_user_functions
                     WHERE funcname = 'clients_by_key'";
        self.app.count(calls).await
    }
}

#[tokio::test]
async fn what_waits_goes_together() {
    let stage = Stage::of(20).await;
    let before = stage.statements().await;
    let holder = stage.hold().await;
    // As many lanes as there are wait for the lock, the other reads for them.
    let mut reads = stage.both_lanes().await;
    reads.extend(stage.ids[2..].iter().map(|id| stage.read(id)));
    sleep(Duration::from_millis(300)).await;
    holder.batch_execute("COMMIT").await.expect("released");
    for (read, id) in reads.into_iter().zip(&stage.ids) {
        let found = read.await.expect("no panic").expect("found");
        assert_eq!(found.id, *id, "everybody gets their own");
    }
    let made = stage.statements().await - before;
    // Two that waited for the lock, two for all the others, one that counts.
    assert!(made <= 8, "{made} statements for 20 reads");
}

#[tokio::test]
async fn who_floods_waits_for_itself() {
    let stage = Stage::of(2).await;
    let other = stage.app.org("Ajena").await.platform_admin();
    let theirs = other.create(client("Eva")).await.expect("created").id;
    let holder = stage.hold().await;
    let mut reads = stage.both_lanes().await;
    reads.extend((0..40).map(|_| stage.read(&stage.ids[0])));
    let beside = tokio::spawn(async move { other.get(&theirs).await });
    // Of forty some are refused while the lock is still held.
    crate::support::until(async || reads.iter().filter(|read| read.is_finished()).count() >= 22)
        .await;
    holder.batch_execute("COMMIT").await.expect("released");
    let (mut found, mut refused) = (0, 0);
    for read in reads {
        match read.await.expect("no panic") {
            Ok(_) => found += 1,
            Err(failure) => {
                failure.is(Code::ResourceExhausted, "SERVER_OVERLOADED");
                refused += 1;
            }
        }
    }
    // Two in their lanes; behind them six for each of its three turns.
    assert_eq!((found, refused), (20, 22));
    beside
        .await
        .expect("no panic")
        .expect("there is room for others");
}

/// Reads by key take no turn, but whoever asks for them is about: of the three turns of
/// another's third two are left, and its third list waits in vain.
#[tokio::test]
async fn who_reads_by_key_is_about() {
    let stage = Stage::of(2).await;
    let other = stage.app.org("Ajena").await.platform_admin();
    // Until its creations are no reason any more.
    sleep(Duration::from_secs(1)).await;
    let list = || {
        let actor = other.clone();
        tokio::spawn(async move { actor.list(ListClientsRequest::default()).await })
    };
    let holder = stage.hold().await;
    let mut reads = stage.both_lanes().await;
    let lists = [list(), list()];
    waiting(&stage.app, 4).await;
    let third = list();
    while !third.is_finished() {
        reads.push(stage.read(&stage.ids[0]));
        sleep(Duration::from_millis(100)).await;
    }
    let refused = third.await.expect("no panic").expect_err("a sixth is two");
    refused.is(Code::ResourceExhausted, "SERVER_OVERLOADED");
    holder.batch_execute("COMMIT").await.expect("released");
    for list in lists {
        list.await.expect("no panic").expect("listed");
    }
    for read in reads {
        read.await.expect("no panic").expect("found");
    }
}

#[tokio::test]
async fn who_hangs_up_takes_nobody_along() {
    let stage = Stage::of(12).await;
    let holder = stage.hold().await;
    let mut reads = stage.both_lanes().await;
    reads.extend(stage.ids[2..].iter().map(|id| stage.read(id)));
    sleep(Duration::from_millis(100)).await;
    let left = reads.split_off(6);
    reads.iter().for_each(JoinHandle::abort);
    sleep(Duration::from_millis(100)).await;
    holder.batch_execute("COMMIT").await.expect("released");
    for read in left {
        read.await.expect("no panic").expect("found");
    }
    for answer in at_once(stage.ids.iter().map(|id| {
        let (actor, id) = (stage.actor.clone(), id.clone());
        async move { actor.get(&id).await }
    }))
    .await
    {
        answer.expect("found");
    }
}

/// Makes a statement that reads `victim` take so many seconds.
async fn slow(app: &App, victim: &str, seconds: f64) {
    let sleep = format!("IF '{victim}' = ANY (ids) THEN PERFORM pg_sleep({seconds}); END IF;");
    wrap(app, &sleep).await;
}

/// Has clients read by a function that PostgreSQL counts, and that does something before.
async fn wrap(app: &App, before: &str) {
    let sql = format!(
        "DO $$ BEGIN
             IF to_regproc('read_at_once') IS NULL THEN
                 ALTER FUNCTION clients_by_key RENAME TO read_at_once;
             END IF;
         END $$;
         CREATE OR REPLACE FUNCTION clients_by_key(organizations uuid[], ids uuid[], with_deleted boolean[],
                 with_events boolean[], most_events bigint)
             RETURNS TABLE (place bigint, client by_key.clients, first_name text, last_name text,
                 event_count bigint, latest_events by_key.event_summary[])
             LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
             {before}
             RETURN QUERY SELECT * FROM read_at_once(organizations, ids, with_deleted, with_events, most_events);
         END $$"
    );
    let superuser = app.superuser().await;
    superuser.batch_execute(&sql).await.expect("wrapped");
}

#[tokio::test]
async fn a_slow_statement_holds_up_nobody_who_comes_later() {
    let stage = Stage::of(8).await;
    slow(&stage.app, &stage.ids[0], 2.0).await;
    let late = stage.read(&stage.ids[0]);
    sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    for id in &stage.ids[1..] {
        stage.actor.get(id).await.expect("found");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_millis(500) + BUSY, "{took:?}");
    assert!(!late.is_finished());
    late.await.expect("no panic").expect("found at last");
}

/// Who is served hears of it at once, whatever goes with the next statement.
#[tokio::test]
async fn a_slow_statement_holds_up_nobody_who_came_before() {
    let stage = Stage::of(4).await;
    slow(&stage.app, &stage.ids[0], 1.5).await;
    for id in &stage.ids[1..] {
        let began = Instant::now();
        // Of two that come together the second goes with the next statement.
        let (first, last) = (stage.read(id), stage.read(&stage.ids[0]));
        first.await.expect("no panic").expect("found");
        let took = began.elapsed();
        assert!(took < Duration::from_millis(500) + BUSY, "{took:?}");
        last.await.expect("no panic").expect("found at last");
    }
}

#[tokio::test]
async fn a_statement_that_does_not_end_is_ended() {
    let stage = Stage::of(1).await;
    slow(&stage.app, &stage.ids[0], 30.0).await;
    let began = Instant::now();
    let failure = stage.actor.get(&stage.ids[0]).await.expect_err("too slow");
    failure.is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4) + BUSY, "{took:?}");
    let busy = format!("SELECT count(*) {SESSIONS} AND state <> 'idle'");
    crate::support::until(async || stage.app.count(&busy).await == 0).await;
}

#[tokio::test]
async fn a_caller_of_many_keys_is_one_of_many() {
    let stage = Stage::of(5).await;
    let absent = nobody();
    let all: Vec<String> = (0..95).map(|_| nobody()).chain(stage.ids.clone()).collect();
    let batch = |actor: Actor, ids: Vec<String>| async move {
        actor
            .clients()
            .batch_get_clients(BatchGetClientsRequest { ids })
            .await
            .expect("answered")
            .into_inner()
    };
    let batches: Vec<_> = (0..8)
        .map(|_| tokio::spawn(batch(stage.actor.clone(), all.clone())))
        .collect();
    let reads: Vec<Read> = (0..8).map(|_| stage.read(&stage.ids[4])).collect();
    let missing = stage.actor.get(&absent).await.expect_err("nobody");
    missing.is(Code::NotFound, "CLIENT_NOT_FOUND");
    for answer in batches {
        let answer = answer.await.expect("no panic");
        let ids: Vec<_> = answer.clients.iter().map(|client| &client.id).collect();
        assert_eq!(ids, stage.ids.iter().collect::<Vec<_>>());
        assert_eq!(answer.missing_ids.len(), 95);
    }
    for read in reads {
        assert_eq!(
            read.await.expect("no panic").expect("found").id,
            stage.ids[4]
        );
    }
}
