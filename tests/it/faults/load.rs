//! Callers who write all the time and remember what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{
    Client, ClientPatch, ClientStatus, CreateClientRequest, ListClientsRequest,
    TransitionClientRequest, UpdateClientRequest,
};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::server::actor;
use crate::support::{Actor, Failure, client, nobody};

/// How long one call may take, and how long one with a request id is repeated.
const CALL: Duration = Duration::from_secs(20);
const REPEATED: Duration = Duration::from_mins(1);

/// Between two calls where the machine is shared.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

/// What a caller was told of a write in the end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Acknowledged(Box<Client>),
    /// Not done, and told so.
    Refused(String),
    /// Done or not.
    Unknown(String),
}

/// What a write was to do; its marker stands in one place of the database only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Update,
    Step,
}

/// One write that somebody wanted.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) kind: Kind,
    /// Name, notes or reason.
    pub(crate) marker: String,
    pub(crate) request_id: String,
    pub(crate) outcome: Outcome,
}

/// What callers remember.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) writes: Vec<Write>,
    /// Repetitions that were answered, and those answered differently.
    pub(crate) repeated: usize,
    pub(crate) unlike: usize,
    /// When writes were acknowledged.
    pub(crate) acknowledged_at: Vec<Instant>,
}

#[derive(Default)]
struct Told {
    stop: AtomicBool,
    acknowledged: AtomicU64,
}

/// Callers at work.
pub(crate) struct Load {
    told: Arc<Told>,
    callers: JoinSet<Record>,
}

impl Load {
    /// So many callers, each with a connection of its own, one call after the
    /// other, a pause between.
    pub(crate) fn start(
        address: &str,
        organization: &str,
        callers: usize,
        pause: Duration,
    ) -> Self {
        let told = Arc::new(Told::default());
        let callers = (0..callers).map(|_| {
            let caller = Caller {
                actor: actor(address, Role::PlatformAdmin, Some(organization)),
                told: Arc::clone(&told),
                mine: None,
                record: Record::default(),
            };
            caller.work(pause)
        });
        Self {
            callers: callers.collect(),
            told,
        }
    }

    /// How many writes were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.told.acknowledged.load(Ordering::Relaxed)
    }

    /// Ends the work: what has a request id is repeated until it is known.
    pub(crate) async fn end(self) -> Record {
        self.told.stop.store(true, Ordering::Relaxed);
        let mut all = Record::default();
        for record in self.callers.join_all().await {
            all.writes.extend(record.writes);
            all.repeated += record.repeated;
            all.unlike += record.unlike;
            all.acknowledged_at.extend(record.acknowledged_at);
        }
        all
    }
}

enum Call {
    Create(CreateClientRequest),
    Update(UpdateClientRequest),
    Step(TransitionClientRequest),
}

impl Call {
    async fn made(&self, actor: &Actor) -> Result<Client, Option<Failure>> {
        let call = async {
            match self {
                Self::Create(request) => actor.create(request.clone()).await,
                Self::Update(request) => actor.update(request.clone()).await,
                Self::Step(request) => actor.step(request.clone()).await,
            }
        };
        match timeout(CALL, call).await {
            Ok(answer) => answer.map_err(Some),
            Err(_) => Err(None),
        }
    }
}

struct Caller {
    actor: Actor,
    told: Arc<Told>,
    /// A client that nobody else writes, as it stands.
    mine: Option<Client>,
    record: Record,
}

impl Caller {
    async fn work(mut self, pause: Duration) -> Record {
        for turn in 0.. {
            if self.told.stop.load(Ordering::Relaxed) {
                break;
            }
            self.turn(turn).await;
            sleep(pause).await;
        }
        self.record
    }

    async fn turn(&mut self, turn: usize) {
        let marker = nobody();
        let request_id = if turn.is_multiple_of(2) {
            nobody()
        } else {
            String::new()
        };
        let (kind, call) = match (turn % 10, &self.mine) {
            (8, Some(mine)) => {
                let _ = timeout(CALL, self.actor.get(&mine.id)).await;
                return;
            }
            (9, _) => {
                let list = self.actor.list(ListClientsRequest::default());
                let _ = timeout(CALL, list).await;
                return;
            }
            (3 | 4, Some(mine)) => (Kind::Update, update(mine, &marker, &request_id)),
            (5, Some(mine)) => (Kind::Step, step(mine, &marker, &request_id)),
            _ => (Kind::Create, create(&marker, &request_id)),
        };
        let outcome = self.outcome(&call, !request_id.is_empty()).await;
        match &outcome {
            Outcome::Acknowledged(client) => {
                self.told.acknowledged.fetch_add(1, Ordering::Relaxed);
                self.record.acknowledged_at.push(Instant::now());
                if turn.is_multiple_of(7) && !request_id.is_empty() {
                    self.repeat(&call, client).await;
                }
                self.mine = Some((**client).clone());
            }
            // Nobody knows how it stands.
            _ => self.mine = None,
        }
        self.record.writes.push(Write {
            kind,
            marker,
            request_id,
            outcome,
        });
    }

    async fn outcome(&self, call: &Call, repeatable: bool) -> Outcome {
        let began = Instant::now();
        loop {
            let outcome = match call.made(&self.actor).await {
                Ok(client) => return Outcome::Acknowledged(Box::new(client)),
                Err(failure) => failed(failure.as_ref()),
            };
            let again = repeatable && began.elapsed() < REPEATED;
            // What nobody listens to is not to be asked without a pause.
            sleep(Duration::from_millis(20)).await;
            if !again {
                return outcome;
            }
        }
    }

    async fn repeat(&mut self, call: &Call, first: &Client) {
        if let Ok(again) = call.made(&self.actor).await {
            self.record.repeated += 1;
            self.record.unlike += usize::from(again != *first);
        }
    }
}

/// What a failure says of the write.
fn failed(failure: Option<&Failure>) -> Outcome {
    let Some(failure) = failure else {
        return Outcome::Unknown("no answer".to_owned());
    };
    match failure.reason.as_str() {
        // The connection ended.
        "" => Outcome::Unknown(failure.code.to_string()),
        "COMMIT_OUTCOME_UNKNOWN" | "DEADLINE_EXCEEDED" => Outcome::Unknown(failure.reason.clone()),
        _ => Outcome::Refused(failure.reason.clone()),
    }
}

fn create(marker: &str, request_id: &str) -> Call {
    Call::Create(CreateClientRequest {
        email: Some(format!("{marker}@example.com")),
        request_id: request_id.to_owned(),
        ..client(marker)
    })
}

fn update(mine: &Client, marker: &str, request_id: &str) -> Call {
    Call::Update(UpdateClientRequest {
        id: mine.id.clone(),
        client: Some(ClientPatch {
            notes: Some(marker.to_owned()),
            ..ClientPatch::default()
        }),
        request_id: request_id.to_owned(),
        ..UpdateClientRequest::default()
    })
}

fn step(mine: &Client, marker: &str, request_id: &str) -> Call {
    let target = match mine.status() {
        ClientStatus::Active => ClientStatus::Completed,
        _ => ClientStatus::Active,
    };
    Call::Step(TransitionClientRequest {
        id: mine.id.clone(),
        target_status: target.into(),
        reason: marker.to_owned(),
        request_id: request_id.to_owned(),
        ..TransitionClientRequest::default()
    })
}
