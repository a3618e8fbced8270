//! The rows of errors.md that only a PostgreSQL of one's own can provoke.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::Client;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client as Superuser;
use tonic::Code;

use super::report::{Line, Size};
use super::server::{PATIENCE, Serving, Site};
use super::wire::{Prepared, Wire};
use crate::support::{Actor, Failure, client};

const OURS: &str = "application_name = 'nvito-clients' AND datname = 'nvito_clients'";
const UNAVAILABLE: (Code, &str) = (Code::Unavailable, "DATABASE_UNAVAILABLE");

/// A service on a PostgreSQL with few locks, and somebody who calls it.
struct Stage {
    site: Site,
    service: Serving,
    superuser: Superuser,
    organization: String,
    actor: Actor,
    made: Client,
}

impl Stage {
    async fn new() -> Self {
        let few = [
            ("max_locks_per_transaction", "10"),
            ("max_connections", "20"),
        ];
        let site = Site::start(&few).await;
        let settings = [("CLIENTS_DATABASE_CONNECTIONS", "4")];
        let service = site.service(&site.url(), &settings);
        let organization = service.org("Propia").await;
        let actor = service.actor(Role::PlatformAdmin, Some(&organization));
        let made = actor.create(client("Ana")).await.expect("created");
        Self {
            superuser: site.superuser().await,
            site,
            service,
            organization,
            actor,
            made,
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        let row = self.superuser.query_one(sql, &[]).await;
        row.expect(sql).get(0)
    }

    async fn run(&self, sql: &str) {
        self.superuser.batch_execute(sql).await.expect(sql);
    }

    /// A call whose statement waits for `holder`, and the process that runs it.
    async fn stuck(&self, holder: &Superuser) -> (JoinHandle<Result<Client, Failure>>, i64) {
        let hold = "BEGIN; LOCK TABLE events";
        holder.batch_execute(hold).await.expect("held");
        let (actor, id) = (self.actor.clone(), self.made.id.clone());
        let call = tokio::spawn(async move { actor.get(&id).await });
        let waiting = format!(
            "SELECT coalesce(max(pid), 0)::bigint FROM pg_stat_activity
             WHERE {OURS} AND wait_event_type = 'Lock'"
        );
        let found = async {
            loop {
                let pid = self.number(&waiting).await;
                if pid != 0 {
                    return pid;
                }
            }
        };
        let pid = timeout(PATIENCE, found).await.expect("it waits");
        (call, pid)
    }

    /// Waits until calls are answered well.
    async fn well(&self) {
        let well = async {
            while self.actor.get(&self.made.id).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, well).await.expect("it comes back");
    }
}

fn row(fault: &str, expected: (Code, &str), answer: Result<Client, Failure>) -> Line {
    let failure = answer.map(|_| ());
    let seen = match &failure {
        Ok(()) => "OK".to_owned(),
        Err(failure) => format!("{:?} {}", failure.code, failure.reason),
    };
    let held = failure.is_err_and(|failure| {
        (failure.code, failure.reason.as_str()) == expected
            && failure.details.retry_info().is_some()
            && failure
                .status
                .metadata()
                .contains_key("grpc-retry-pushback-ms")
    });
    let limit = format!("{:?} {}, RetryInfo", expected.0, expected.1);
    Line::new(fault, 1, seen, &limit, held)
}

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let mut stage = Stage::new().await;
    let mut lines = vec![
        locks(&stage).await,
        slots(&stage).await,
        terminated(&stage).await,
    ];
    lines.extend(deadline(&stage, size).await);
    lines.push(crashed(&mut stage).await);
    lines.push(stopping(stage).await);
    lines
}

/// 53200: somebody holds every lock that there is.
async fn locks(stage: &Stage) -> Line {
    let greedy = stage.site.superuser().await;
    let all = "SELECT pg_advisory_lock(n) FROM generate_series(1, 1000000) AS n";
    greedy
        .batch_execute(all)
        .await
        .expect_err("there are fewer");
    let answer = stage.actor.create(client("Eva")).await;
    drop(greedy);
    stage.well().await;
    let expected = (Code::ResourceExhausted, "STORAGE_FULL");
    row("53200, out of shared memory", expected, answer)
}

/// 53300: the role may have no connection more.
async fn slots(stage: &Stage) -> Line {
    stage
        .run("ALTER ROLE nvito_clients CONNECTION LIMIT 0")
        .await;
    let end = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {OURS}");
    stage.run(&end).await;
    let answer = stage.actor.get(&stage.made.id).await;
    stage
        .run("ALTER ROLE nvito_clients CONNECTION LIMIT -1")
        .await;
    stage.well().await;
    row(
        "53300, too many connections for the role",
        UNAVAILABLE,
        answer,
    )
}

/// 57P01: an administrator ends the session in its statement.
async fn terminated(stage: &Stage) -> Line {
    let holder = stage.site.superuser().await;
    let (call, pid) = stage.stuck(&holder).await;
    stage
        .run(&format!("SELECT pg_terminate_backend({pid})"))
        .await;
    let answer = call.await.expect("no panic");
    holder.batch_execute("COMMIT").await.expect("released");
    row("57P01, the session is terminated", UNAVAILABLE, answer)
}

/// 57014: a statement that outlives its caller's deadline is ended with it.
async fn deadline(stage: &Stage, size: Size) -> Vec<Line> {
    let holder = stage.site.superuser().await;
    holder
        .batch_execute("BEGIN; LOCK TABLE events")
        .await
        .expect("held");
    let wire = Wire::open(&stage.service.address)
        .await
        .expect("it accepts");
    let get = Prepared::get(&stage.service.address, &stage.organization, &stage.made.id);
    let get = get.within(Duration::from_millis(300));
    let (heard, took) = wire.timed(&get).await;
    let began = Instant::now();
    let busy = format!("SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND state <> 'idle'");
    while stage.number(&busy).await > 0 && began.elapsed() < Duration::from_secs(5) {
        sleep(Duration::from_millis(5)).await;
    }
    let ended = began.elapsed();
    holder.batch_execute("COMMIT").await.expect("released");
    let told = heard.reason() == "DEADLINE_EXCEEDED";
    let limit = "DEADLINE_EXCEEDED";
    vec![
        Line::new(
            "57014, the caller's deadline",
            1,
            heard.reason(),
            limit,
            told,
        ),
        Line::longest("a deadline of 300 ms: answered", &[took], 400, size),
        Line::longest("its statement has ended", &[ended], 100, size),
    ]
}

/// 57P02: another session crashes and PostgreSQL ends them all.
async fn crashed(stage: &mut Stage) -> Line {
    let holder = stage.site.superuser().await;
    let (call, _) = stage.stuck(&holder).await;
    let victim = stage.site.superuser().await;
    let victim = victim.query_one("SELECT pg_backend_pid()", &[]).await;
    let victim: i32 = victim.expect("asked").get(0);
    let bystander = kill(Pid::from_raw(victim), Signal::SIGKILL);
    bystander.expect("it runs");
    let answer = call.await.expect("no panic");
    stage.well().await;
    stage.superuser = stage.site.superuser().await;
    row("57P02, another session crashed", UNAVAILABLE, answer)
}

/// 57P03: PostgreSQL waits for its last session to end and takes no new one.
async fn stopping(stage: Stage) -> Line {
    kill(stage.site.postmaster(), Signal::SIGTERM).expect("mine");
    sleep(Duration::from_millis(100)).await;
    let end = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {OURS}");
    stage.run(&end).await;
    let answer = stage.actor.get(&stage.made.id).await;
    row("57P03, shutting down", UNAVAILABLE, answer)
}
