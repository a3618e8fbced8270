//! A connection that is lost before COMMIT, in it, and after it.

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::CreateClientRequest;
use tonic::Code;

use super::proxy::{Proxy, Snare};
use super::report::{Line, Size};
use super::server::Site;
use crate::support::{client, nobody};

/// Where the connection is lost, how often, and what is to be answered.
struct Case {
    promise: &'static str,
    /// In which message; none: the first that names the client.
    words: &'static str,
    hand_on: bool,
    times: u32,
    request_id: bool,
    /// The reason; none for a success.
    reason: Option<&'static str>,
    /// Clients there are afterwards.
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
            wrong.extend(one(&site, case).await);
        }
        let held = wrong.is_empty();
        let seen = if held {
            "so".to_owned()
        } else {
            wrong.join("; ")
        };
        lines.push(Line::new(case.promise, rounds, seen, "always", held));
    }
    lines
}

/// What went otherwise than it should.
async fn one(site: &Site, case: &Case) -> Option<String> {
    let proxy = Proxy::to(&site.socket_file()).await;
    let service = site.service(&proxy.url(), &[("CLIENTS_DATABASE_CONNECTIONS", "2")]);
    let organization = service.org("Propia").await;
    let actor = service.actor(Role::PlatformAdmin, Some(&organization));
    let name = nobody();
    let new = CreateClientRequest {
        request_id: if case.request_id {
            nobody()
        } else {
            String::new()
        },
        ..client(&name)
    };
    let snare = |times| Snare {
        after: name.clone(),
        words: if case.words.is_empty() {
            &name
        } else {
            case.words
        }
        .to_owned(),
        hand_on: case.hand_on,
        times,
    };
    proxy.lay(snare(case.times));
    let answer = actor.create(new.clone()).await;
    if proxy.left() == case.times {
        return Some("nothing was cut".to_owned());
    }
    let made = || async {
        let superuser = site.superuser().await;
        let count = "SELECT count(*) FROM clients WHERE name = $1";
        let row = superuser.query_one(count, &[&name]).await;
        row.expect("counted").get::<_, i64>(0)
    };
    let there = made().await;
    if there != case.made {
        return Some(format!("{there} made, answered {answer:?}"));
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
                return Some(format!("retry_safe {safe:?}"));
            }
        }
        _ => return Some(format!("{answer:?}")),
    }
    if !case.request_id {
        return None;
    }
    // The network is well again: a repetition gets the one answer.
    proxy.lay(snare(0));
    let again = actor.create(new).await;
    let same = matches!((&answer, &again), (Ok(first), Ok(second)) if first == second)
        || (answer.is_err() && again.is_ok());
    let there = made().await;
    (!same || there != 1).then(|| format!("{there} made, repeated: {again:?}"))
}
