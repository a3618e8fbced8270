//! A service under attack, and two who call it all the while: one on a
//! connection it has, one on a new connection each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nvito_clients::grpc::proto::ListOrganizationsRequest;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tonic::transport::Endpoint;

use crate::faults::report::{Line, millis};
use crate::support::{Actor, App, Folder, Process, Service, at_once};

/// What those who mean well may be kept waiting, and what an attack may cost.
const KNOWN: Duration = Duration::from_secs(2);
const NEWCOMER: Duration = Duration::from_secs(5);
const MEMORY: u64 = 256 << 20;
/// How soon descriptors are back: after every timer of the listener.
const BACK: Duration = Duration::from_secs(15);

pub(crate) struct Stand {
    service: Service,
    known: Actor,
    descriptors: usize,
    _folder: Folder,
}

/// What was seen during an attack.
#[derive(Debug)]
pub(crate) struct Outcome {
    promise: &'static str,
    pub(super) runs: usize,
    calls: usize,
    known: Duration,
    newcomer: Duration,
    failures: Vec<String>,
    grown: u64,
    descriptors: (usize, usize),
    panicked: bool,
}

impl Stand {
    pub(super) async fn start() -> Self {
        Self::with(20_000, &[]).await
    }

    /// A service that may open only so many files.
    pub(super) async fn with_descriptors(descriptors: usize) -> Self {
        Self::with(descriptors, &[]).await
    }

    /// A service whose calls are served by so many threads: one has another runtime.
    pub(super) async fn with_threads(threads: &str) -> Self {
        Self::with(20_000, &[("CLIENTS_THREADS", threads)]).await
    }

    async fn with(descriptors: usize, more: &[(&str, &str)]) -> Self {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("up to the hard one");
        let folder = Folder::used();
        // Few connections to the database: some stands have few descriptors.
        let settings = [
            ("CLIENTS_DATABASE_CONNECTIONS", "4"),
            ("CLIENTS_LOG", "warn"),
        ];
        let settings = [&settings[..], more].concat();
        let mut service = Service::spawn(&folder, &settings);
        Process(service.pid()).may_open(descriptors);
        service.serves();
        let known = service.super_admin().await;
        at_once((0..4).map(|_| call(known.clone()))).await;
        let descriptors = Process(service.pid()).descriptors_but_unix_sockets();
        Self {
            service,
            known,
            descriptors,
            _folder: folder,
        }
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.service.address().parse().expect("an address")
    }

    /// Lets others call while an attack runs; it answers how often it did what
    /// it does.
    pub(super) async fn during(
        &self,
        promise: &'static str,
        attack: impl Future<Output = usize>,
    ) -> Outcome {
        let process = Process(self.service.pid());
        let memory = process.memory();
        let over = Arc::new(AtomicBool::new(false));
        let known = self.known.clone();
        let known = caller(&over, move || known.clone());
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address()));
        let endpoint = endpoint.expect("an address");
        let newcomer = caller(&over, move || App::super_admin_on(endpoint.connect_lazy()));
        let peak = tokio::spawn({
            let over = Arc::clone(&over);
            async move {
                let mut peak = 0;
                while !over.load(Ordering::Relaxed) {
                    peak = peak.max(process.memory());
                    sleep(Duration::from_millis(20)).await;
                }
                peak
            }
        });
        let runs = attack.await;
        over.store(true, Ordering::Relaxed);
        let (known, newcomer) = (known.await.expect("ends"), newcomer.await.expect("ends"));
        let peak = peak.await.expect("ends").max(process.memory());

        let ended = Instant::now();
        while process.descriptors_but_unix_sockets() > self.descriptors && ended.elapsed() < BACK {
            sleep(Duration::from_millis(20)).await;
        }
        let outcome = Outcome {
            promise,
            runs,
            calls: known.calls + newcomer.calls,
            known: known.worst,
            newcomer: newcomer.worst,
            failures: [known.failures, newcomer.failures].concat(),
            grown: peak.saturating_sub(memory),
            descriptors: (self.descriptors, process.descriptors_but_unix_sockets()),
            panicked: self.service.log().contains("panic"),
        };
        outcome.print();
        outcome
    }
}

impl Outcome {
    fn print(&self) {
        println!(
            "{} · {} runs · {} calls of others, worst {:.0} and {:.0} ms, {} failed, {} MiB, \
             {} descriptors more · limit {:.0} and {:.0} ms, 0 failed, {} MiB, 0",
            self.promise,
            self.runs,
            self.calls,
            self.known.as_secs_f64() * 1000.0,
            self.newcomer.as_secs_f64() * 1000.0,
            self.failures.len(),
            self.grown >> 20,
            self.descriptors.1.saturating_sub(self.descriptors.0),
            KNOWN.as_secs_f64() * 1000.0,
            NEWCOMER.as_secs_f64() * 1000.0,
            MEMORY >> 20,
        );
    }

    /// As a line of the table of long forms.
    pub(crate) fn line(&self) -> Line {
        let left = self.descriptors.1.saturating_sub(self.descriptors.0);
        let held = self.failures.is_empty()
            && (self.calls > 0 && self.runs > 0)
            && (self.known < KNOWN && self.newcomer < NEWCOMER)
            && (self.grown < MEMORY && left == 0 && !self.panicked);
        let seen = format!(
            "{} of others' {} calls failed; a caller who is known waits {}, a new one {}; {} MiB, {left} descriptors more",
            self.failures.len(),
            self.calls,
            millis(self.known),
            millis(self.newcomer),
            self.grown >> 20,
        );
        let limit = format!(
            "0; {}, {}; {} MiB, 0",
            millis(KNOWN),
            millis(NEWCOMER),
            MEMORY >> 20
        );
        let promise = format!("abuse: {}", self.promise);
        Line::new(&promise, self.runs, seen, &limit, held)
    }

    /// The same under another name, where the stand makes the difference.
    pub(super) fn called(mut self, promise: &'static str) -> Self {
        self.promise = promise;
        self
    }

    /// Asserts what is promised of every attack.
    #[track_caller]
    pub(crate) fn holds(&self) {
        assert!(self.failures.is_empty(), "{self:?}");
        assert!(self.calls > 0 && self.runs > 0, "{self:?}");
        assert!(self.known < KNOWN && self.newcomer < NEWCOMER, "{self:?}");
        assert!(self.grown < MEMORY, "{self:?}");
        assert!(self.descriptors.1 <= self.descriptors.0, "{self:?}");
        assert!(!self.panicked, "{self:?}");
    }
}

struct Served {
    calls: usize,
    worst: Duration,
    failures: Vec<String>,
}

async fn call(actor: Actor) -> Result<(), String> {
    let request = ListOrganizationsRequest::default();
    let mut directory = actor.directory();
    let answer = timeout(2 * NEWCOMER, directory.list_organizations(request)).await;
    let answer = answer.map_err(|_| "no answer".to_owned())?;
    answer.map(drop).map_err(|status| format!("{status:?}"))
}

/// Calls again and again until it is over.
fn caller(over: &Arc<AtomicBool>, next: impl Fn() -> Actor + Send + 'static) -> JoinHandle<Served> {
    let over = Arc::clone(over);
    tokio::spawn(async move {
        let mut served = Served {
            calls: 0,
            worst: Duration::ZERO,
            failures: Vec::new(),
        };
        while served.calls == 0 || !over.load(Ordering::Relaxed) {
            let began = Instant::now();
            served.failures.extend(call(next()).await.err());
            served.worst = served.worst.max(began.elapsed());
            served.calls += 1;
            sleep(Duration::from_millis(10)).await;
        }
        served
    })
}
