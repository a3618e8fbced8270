//! One caller: what it asks, one call after the other, and what it was answered.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nvito_clients::grpc::proto::{Client, GetClientResponse, ListClientsResponse};
use nvito_clients::seed::Dice;
use prost::Message as _;

use super::ask::{Asked, Message, Rows, get};
use super::caller::{Connection, Identity, Reply, framed};
use super::check;
use super::operation::{Mix, Operation};
use super::tally::Tally;

/// Of a hundred writes that are checked, so many are made again.
const REPEATED: u64 = 20;

/// What all callers of a run have in common.
pub(crate) struct Plan {
    pub(crate) mix: Mix,
    pub(crate) rows: Rows,
    /// Whether answers are looked at.
    pub(crate) check: bool,
    /// Calls that are answered before it count for nothing.
    pub(crate) from: Instant,
    /// Rows that are being written: no two callers write one, or neither could
    /// say what it should look like afterwards.
    pub(crate) claims: Mutex<HashSet<String>>,
}

/// One of the callers.
pub(crate) struct Worker {
    plan: Arc<Plan>,
    connection: Connection,
    dice: Dice,
    /// Where the next page of a list begins, and whose list it is.
    next_page: Option<(u32, String)>,
    pub(crate) tally: Tally,
}

impl Worker {
    pub(crate) fn new(plan: Arc<Plan>, connection: Connection, seed: u64) -> Self {
        Self {
            plan,
            connection,
            dice: Dice::seeded(seed),
            next_page: None,
            tally: Tally::default(),
        }
    }

    /// One call of the mixture. Its latency is counted from `intended`, or from
    /// when it is sent.
    pub(crate) async fn turn(&mut self, intended: Option<Instant>) {
        let operation = self.plan.mix.roll(&mut self.dice);
        let (asked, claimed) = self.claim(operation).await;
        let asked = self.ready(asked).await;
        let uri = self.connection.uri(operation.method());
        let frame = asked.message.framed();
        let began = Instant::now();
        let reply = self.connection.call(uri, asked.identity, frame).await;
        let ended = Instant::now();

        let counts = intended.unwrap_or(ended) >= self.plan.from;
        if counts {
            let latency = ended.saturating_duration_since(intended.unwrap_or(began));
            self.tally.add(operation, reply.code, latency);
        }
        if reply.code != 0 {
            self.tally.failed(operation, &reply.body);
        } else {
            if operation == Operation::ListKeyset {
                self.turn_page(asked.organization, &reply);
            }
            if self.plan.check {
                self.check(&asked, &reply).await;
            }
        }
        if let Some(row) = claimed {
            self.claims().remove(&row);
        }
    }

    /// A call about a row that nobody else is writing, where it writes.
    async fn claim(&mut self, operation: Operation) -> (Asked, Option<String>) {
        loop {
            let asked = self.plan.rows.ask(operation, &mut self.dice);
            let row = match &asked.message {
                Message::Update(request) => request.id.clone(),
                Message::Transition(request) => request.id.clone(),
                // Whose event it was, nobody knows: one organization, one writer of links.
                Message::Link(_) | Message::Unlink(_) => asked.identity.organization.to_string(),
                _ => return (asked, None),
            };
            if self.claims().insert(row.clone()) {
                return (asked, Some(row));
            }
            // All of few may be taken, until others have their answers.
            tokio::task::yield_now().await;
        }
    }

    fn claims(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        let claims = self.plan.claims.lock();
        claims.unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be known before the call: where a client may go, which the
    /// service says (a read that is not counted), and the page that follows.
    async fn ready(&mut self, mut asked: Asked) -> Asked {
        let identity = asked.identity;
        match &mut asked.message {
            Message::Transition(request) => {
                let answer = self.get(identity, request.id.clone()).await;
                let client = answer.and_then(|answer| answer.client);
                let to = client.and_then(|client| client.allowed_transitions.first().copied());
                // Without an answer the call fails as well, and is counted.
                request.target_status = to.unwrap_or_default();
            }
            Message::List(request) if asked.operation == Operation::ListKeyset => {
                if let Some((organization, token)) = self.next_page.take() {
                    asked.organization = organization;
                    asked.identity = self.plan.rows.identity(organization, &mut self.dice);
                    request.page_token = token;
                }
            }
            _ => {}
        }
        asked
    }

    fn turn_page(&mut self, organization: u32, reply: &Reply) {
        let answer = ListClientsResponse::decode(reply.body.clone());
        let token = answer
            .map(|answer| answer.next_page_token)
            .unwrap_or_default();
        self.next_page = (!token.is_empty()).then_some((organization, token));
    }

    /// The client as it is now, for who asked.
    async fn get(&self, identity: Identity, id: String) -> Option<GetClientResponse> {
        let uri = self.connection.uri(Operation::Get.method());
        let frame = framed(&get(id));
        let reply = self.connection.call(uri, identity, frame).await;
        (reply.code == 0).then(|| GetClientResponse::decode(reply.body).ok())?
    }

    /// Looks at the answer and, after a write, at what is read from then on.
    /// Neither counts as a call.
    async fn check(&mut self, asked: &Asked, reply: &Reply) {
        let verdict = match check::answer(self.plan.rows, asked, reply.body.clone()) {
            Ok(Some(written)) => self.written(asked, reply, &written).await,
            verdict => verdict.map(drop),
        };
        if let Err(how) = verdict {
            self.tally.wrong(asked.operation, how);
        }
    }

    async fn written(
        &mut self,
        asked: &Asked,
        reply: &Reply,
        written: &Client,
    ) -> Result<(), String> {
        let read = self.get(asked.identity, written.id.clone()).await;
        // Refused, it says nothing about the write.
        if let Some(read) = read.and_then(|answer| answer.client) {
            check::read_again(asked.operation, written, &read)?;
        }
        if self.dice.percent(REPEATED) {
            let uri = self.connection.uri(asked.operation.method());
            let frame = asked.message.framed();
            let again = self.connection.call(uri, asked.identity, frame).await;
            if again.code == 0 && again.body != reply.body {
                return Err("repeated with its request id, it is answered differently".to_owned());
            }
        }
        Ok(())
    }
}
