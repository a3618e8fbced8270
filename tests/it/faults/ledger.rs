//! What callers were told, against what the database has.

use std::collections::{HashMap, HashSet};

use nvito_clients::grpc::proto::Client;
use tokio_postgres::Client as Superuser;

use super::load::{Kind, Outcome, Record, Write};
use super::report::Line;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: usize,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
    /// Acknowledged and not there, or not as it was answered.
    pub(crate) lost: Vec<String>,
    /// Carried out more than once.
    pub(crate) doubled: Vec<String>,
    /// Refused and there all the same.
    pub(crate) undead: Vec<String>,
    /// Rows that do not fit together, whoever made them.
    pub(crate) torn: Vec<String>,
    pub(crate) unlike: usize,
    pub(crate) repeated: usize,
}

/// One row of the history.
struct Entry {
    client: String,
    version: i64,
    kind: String,
    /// All markers that it may hold.
    text: String,
}

/// What the database has.
struct Rows {
    /// Version by id, and ids by name.
    clients: HashMap<String, i64>,
    names: HashMap<String, Vec<String>>,
    history: Vec<Entry>,
    /// Request ids with an answer.
    answered: HashSet<String>,
    /// Request ids without.
    unanswered: usize,
}

impl Rows {
    async fn read(superuser: &Superuser) -> Self {
        let mut rows = Self {
            clients: HashMap::new(),
            names: HashMap::new(),
            history: Vec::new(),
            answered: HashSet::new(),
            unanswered: 0,
        };
        let clients = "SELECT id::text, name, version FROM clients";
        for row in superuser.query(clients, &[]).await.expect("clients") {
            let (id, name): (String, String) = (row.get(0), row.get(1));
            rows.clients.insert(id.clone(), row.get(2));
            rows.names.entry(name).or_default().push(id);
        }
        let history = "SELECT client_id::text, version, kind,
                              changes::text || coalesce(reason, '') FROM client_history";
        for row in superuser.query(history, &[]).await.expect("the history") {
            rows.history.push(Entry {
                client: row.get(0),
                version: row.get(1),
                kind: row.get(2),
                text: row.get(3),
            });
        }
        let requests = "SELECT request_id::text, answer IS NOT NULL FROM idempotent_requests";
        for row in superuser.query(requests, &[]).await.expect("requests") {
            if row.get(1) {
                rows.answered.insert(row.get(0));
            } else {
                rows.unanswered += 1;
            }
        }
        rows
    }

    /// What does not fit together by itself.
    fn torn(&self) -> Vec<String> {
        let mut torn = Vec::new();
        let mut versions: HashMap<&str, Vec<i64>> = HashMap::new();
        for entry in &self.history {
            versions
                .entry(&entry.client)
                .or_default()
                .push(entry.version);
        }
        for (id, version) in &self.clients {
            let mut told = versions.remove(id.as_str()).unwrap_or_default();
            told.sort_unstable();
            if told != (1..=*version).collect::<Vec<_>>() {
                torn.push(format!("{id} at {version} has the history {told:?}"));
            }
        }
        torn.extend(versions.keys().map(|id| format!("{id} has a history only")));
        if self.unanswered > 0 {
            torn.push(format!("{} requests without an answer", self.unanswered));
        }
        torn
    }
}

/// Compares; nobody may be writing any more.
pub(crate) async fn check(superuser: &Superuser, record: &Record) -> Verdict {
    let rows = Rows::read(superuser).await;
    let mut verdict = Verdict {
        torn: rows.torn(),
        unlike: record.unlike,
        repeated: record.repeated,
        ..Verdict::default()
    };
    let markers: HashSet<&str> = record.writes.iter().map(|w| w.marker.as_str()).collect();
    // Where each marker was written: by whom it is asked for below.
    let mut places: HashMap<&str, Vec<&Entry>> = HashMap::new();
    for entry in &rows.history {
        let words = entry
            .text
            .split('"')
            .chain(entry.text.get(entry.text.len().saturating_sub(36)..));
        let found: HashSet<&str> = words.filter(|word| markers.contains(word)).collect();
        for marker in found {
            places.entry(marker).or_default().push(entry);
        }
    }
    for write in &record.writes {
        weigh(write, &rows, &places, &mut verdict);
    }
    verdict
}

fn weigh(write: &Write, rows: &Rows, places: &HashMap<&str, Vec<&Entry>>, verdict: &mut Verdict) {
    let entries: &[&Entry] = places.get(write.marker.as_str()).map_or(&[], Vec::as_slice);
    let kind = match write.kind {
        Kind::Create => "CREATED",
        Kind::Update => "UPDATED",
        Kind::Step => "TRANSITIONED",
    };
    // The next update names what it replaces.
    let of_kind = |entry: &&&Entry| entry.kind == kind && !replaces(entry, &write.marker);
    let entries: Vec<_> = entries.iter().filter(of_kind).collect();
    let made = match write.kind {
        Kind::Create => rows
            .names
            .get(&write.marker)
            .map_or(0, Vec::len)
            .max(entries.len()),
        Kind::Update | Kind::Step => entries.len(),
    };
    if made > 1 {
        verdict.doubled.push(format!("{made} times: {write:?}"));
    }
    match &write.outcome {
        Outcome::Acknowledged(client) => {
            verdict.acknowledged += 1;
            let as_answered = entries.iter().any(|entry| is_answer(entry, client));
            let kept = write.request_id.is_empty() || rows.answered.contains(&write.request_id);
            if !as_answered || !kept || !rows.clients.contains_key(&client.id) {
                verdict.lost.push(format!("{write:?}"));
            }
        }
        Outcome::Refused(_) => {
            verdict.refused += 1;
            if made > 0 {
                verdict.undead.push(format!("{write:?}"));
            }
        }
        Outcome::Unknown(_) => verdict.unknown += 1,
    }
}

/// Whether the entry has the marker as the value before.
fn replaces(entry: &Entry, marker: &str) -> bool {
    entry.text.contains(&format!("\"before\": \"{marker}\""))
}

fn is_answer(entry: &Entry, client: &Client) -> bool {
    let version = i64::from_str_radix(&client.etag, 16);
    entry.client == client.id && version == Ok(entry.version)
}

impl Verdict {
    /// As lines of the table.
    pub(crate) fn lines(&self, promise: &str, runs: &str, wanted: usize) -> Vec<Line> {
        let Self {
            acknowledged,
            refused,
            unknown,
            lost,
            doubled,
            undead,
            torn,
            repeated,
            unlike,
        } = self;
        for (what, found) in [
            ("lost", lost),
            ("doubled", doubled),
            ("undead", undead),
            ("torn", torn),
        ] {
            for one in found.iter().take(3) {
                println!("{promise}: {what}: {one}");
            }
        }
        let runs =
            format!("{runs}, {acknowledged} acknowledged, {refused} refused, {unknown} unknown");
        let seen = format!(
            "{} lost, {} doubled, {} refused and done, {} torn; {unlike} of {repeated} repetitions unlike",
            lost.len(),
            doubled.len(),
            undead.len(),
            torn.len()
        );
        let none = [lost, doubled, undead, torn]
            .iter()
            .all(|found| found.is_empty());
        let held = none && *unlike == 0 && *acknowledged >= wanted;
        let limit = format!("0; ≥ {wanted} acknowledged");
        vec![Line::new(promise, runs, seen, &limit, held)]
    }
}
