//! A connection that is lost before COMMIT, in it, and after it: of a creation, and of
//! a change, which goes with its COMMIT.

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{Client, ClientPatch, CreateClientRequest, UpdateClientRequest};
use tonic::Code;

use super::proxy::{Proxy, Snare};
use super::report::{Line, Size};
use super::server::Site;
use crate::support::{Actor, Failure, at_once, client, nobody};

/// Where the connection is lost, how often, and what is to be answered.
struct Case {
    promise: &'static str,
    /// In which message; none: the first that is about the client.
    words: &'static str,
    hand_on: bool,
    times: u32,
    request_id: bool,
    /// The reason; none for a success.
    reason: Option<&'static str>,
    /// How often it was done afterwards.
    made: i64,
}

const UNKNOWN: Option<&str> = Some("COMMIT_OUTCOME_UNKNOWN");

const CASES: [Case; 6] = [
    Case {
        promise: "lost before COMMIT: told as not done",
        words: "",
        hand_on: false,
        times: 1,
        request_id: false,
        reason: Some("DATABASE_UNAVAILABLE"),
        made: 0,
    },
    Case {
        promise: "lost before COMMIT arrived: told as unknown",
        words: "COMMIT",
        hand_on: false,
        times: 1,
        request_id: false,
        reason: UNKNOWN,
        made: 0,
    },
    Case {
        promise: "lost after COMMIT: told as unknown",
        words: "COMMIT",
        hand_on: true,
        times: 1,
        request_id: false,
        reason: UNKNOWN,
        made: 1,
    },
    Case {
        promise: "lost before COMMIT arrived, with request_id: carried out",
        words: "COMMIT",
        hand_on: false,
        times: 1,
        request_id: true,
        reason: None,
        made: 1,
    },
    Case {
        promise: "lost after COMMIT, with request_id: answered as done",
        words: "COMMIT",
        hand_on: true,
        times: 1,
        request_id: true,
        reason: None,
        made: 1,
    },
    Case {
        promise: "lost before every COMMIT, with request_id: unknown, safe to retry",
        words: "COMMIT",
        hand_on: false,
        times: 100,
        request_id: true,
        reason: UNKNOWN,
        made: 0,
    },
];

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let rounds = size.pick(1, 10);
    let site = Site::start(&[]).await;
    let mut lines = Vec::new();
    for case in &CASES {
        let mut wrong = Vec::new();
        for _ in 0..rounds {
            wrong.extend(one(&site, case, What::Creation).await);
            wrong.extend(one(&site, case, What::Change).await);
        }
        let held = wrong.is_empty();
        let seen = if held {
            "so".to_owned()
        } else {
            wrong.join("; ")
        };
        lines.push(Line::new(case.promise, rounds, seen, "always", held));
    }
    for (keyed, promise) in [
        (false, "lost with several writes: each is told as unknown"),
        (
            true,
            "lost with several writes, with request_id: each carried out",
        ),
    ] {
        let wrong = crowd(&site, keyed).await;
        let held = wrong.is_none();
        let seen = wrong.unwrap_or_else(|| "so".to_owned());
        lines.push(Line::new(promise, 1, seen, "always", held));
    }
    lines
}

/// What went otherwise than it should where the connection is lost as several writes go
/// to their COMMIT together.
async fn crowd(site: &Site, keyed: bool) -> Option<String> {
    let proxy = Proxy::to(&site.socket_file()).await;
    // A third of them is one organization's, and as many as it writes at once.
    let service = site.service(&proxy.url(), &[("CLIENTS_DATABASE_CONNECTIONS", "36")]);
    let organization = service.org("Propia").await;
    let actor = service.actor(Role::PlatformAdmin, Some(&organization));
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(actor.create(client("Ana")).await.expect("created").id);
    }
    for _ in 0..30 {
        let word = nobody();
        proxy.lay(Snare {
            after: word.clone(),
            words: word.clone(),
            hand_on: false,
            times: 1,
        });
        let write = |id: &String| {
            let patch = ClientPatch {
                notes: Some(word.clone()),
                ..ClientPatch::default()
            };
            let request = UpdateClientRequest {
                id: id.clone(),
                client: Some(patch),
                request_id: if keyed { nobody() } else { String::new() },
                ..UpdateClientRequest::default()
            };
            let actor = actor.clone();
            async move { (request.id.clone(), actor.update(request).await) }
        };
        let mut unknown = 0;
        for (id, answer) in at_once(ids.iter().map(write)).await {
            let there = actor.get(&id).await.expect("found").notes == Some(word.clone());
            match answer {
                Ok(_) if there => {}
                Err(failure) if !keyed && !there && Some(failure.reason.as_str()) == UNKNOWN => {
                    unknown += 1;
                }
                answer => return Some(format!("there: {there}, answered {answer:?}")),
            }
        }
        if proxy.left() != 0 {
            return Some("nothing was cut".to_owned());
        }
        if unknown > 1 {
            return None;
        }
    }
    // Which of the writes that are repeated were together cannot be seen from here.
    (!keyed).then(|| "no writes went together".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Creation,
    Change,
}

/// A write that leaves a word of its own in a client, and may be made again.
enum Write {
    Creation(CreateClientRequest),
    Change(UpdateClientRequest),
}

impl Write {
    async fn by(&self, actor: &Actor) -> Result<Client, Failure> {
        match self {
            Self::Creation(request) => actor.create(request.clone()).await,
            Self::Change(request) => actor.update(request.clone()).await,
        }
    }
}

/// What went otherwise than it should.
async fn one(site: &Site, case: &Case, what: What) -> Option<String> {
    let proxy = Proxy::to(&site.socket_file()).await;
    let service = site.service(&proxy.url(), &[("CLIENTS_DATABASE_CONNECTIONS", "2")]);
    let organization = service.org("Propia").await;
    let actor = service.actor(Role::PlatformAdmin, Some(&organization));
    let word = nobody();
    let request_id = if case.request_id {
        nobody()
    } else {
        String::new()
    };
    let write = match what {
        What::Creation => Write::Creation(CreateClientRequest {
            request_id,
            ..client(&word)
        }),
        What::Change => Write::Change(UpdateClientRequest {
            id: actor.create(client("Ana")).await.expect("created").id,
            client: Some(ClientPatch {
                notes: Some(word.clone()),
                ..ClientPatch::default()
            }),
            request_id,
            ..UpdateClientRequest::default()
        }),
    };
    // Of a change, what is handed on no more is the UPDATE, and all that goes with it.
    let (after, words) = match (what, case.words, case.hand_on) {
        (What::Creation, "", _) | (What::Change, "COMMIT", false) => (word.as_str(), word.as_str()),
        (What::Change, "", _) => ("FOR NO KEY UPDATE", "FOR NO KEY UPDATE"),
        (_, words, _) => (word.as_str(), words),
    };
    let snare = |times| Snare {
        after: after.to_owned(),
        words: words.to_owned(),
        hand_on: case.hand_on,
        times,
    };
    proxy.lay(snare(case.times));
    let answer = write.by(&actor).await;
    if proxy.left() == case.times {
        return Some(format!("{what:?}: nothing was cut"));
    }
    let made = || async {
        let superuser = site.superuser().await;
        let count = "SELECT count(*) FROM clients WHERE name = $1 OR notes = $1";
        let row = superuser.query_one(count, &[&word]).await;
        row.expect("counted").get::<_, i64>(0)
    };
    let there = made().await;
    if there != case.made {
        return Some(format!("{what:?}: {there} made, answered {answer:?}"));
    }
    match (&answer, case.reason) {
        (Ok(_), None) => {}
        (Err(failure), Some(reason))
            if failure.code == Code::Unavailable && failure.reason == reason =>
        {
            let safe = failure.metadata.get("retry_safe").map(String::as_str);
            let expected = (reason != "DATABASE_UNAVAILABLE").then_some(if case.request_id {
                "true"
            } else {
                "false"
            });
            if safe != expected {
                return Some(format!("{what:?}: retry_safe {safe:?}"));
            }
        }
        _ => return Some(format!("{what:?}: {answer:?}")),
    }
    if !case.request_id {
        return None;
    }
    // The network is well again: a repetition gets the one answer.
    proxy.lay(snare(0));
    let again = write.by(&actor).await;
    let same = matches!((&answer, &again), (Ok(first), Ok(second)) if first == second)
        || (answer.is_err() && again.is_ok());
    let there = made().await;
    (!same || there != 1).then(|| format!("{what:?}: {there} made, repeated: {again:?}"))
}
