//! The model and the service side by side.

use std::fmt::{Debug, Display};

use nvito_clients::grpc::proto::{self, ClientHistoryKind, ClientStatus, GetClientRequest};
use proptest::test_runner::TestCaseError;

use super::book::{Book, Event, Life, transitions};
use super::lists::LISTS;
use super::rules::{Answer, Refusal};
use super::stage::{Reply, Stage};
use super::steps::Step;
use crate::support::{Actor, Failure};

pub(super) type Checked = Result<(), TestCaseError>;

/// Fails where two things differ that are one.
pub(super) fn same<T: PartialEq + Debug>(what: impl Display, expected: &T, found: &T) -> Checked {
    if expected == found {
        return Ok(());
    }
    let message = format!("{what}: the model says {expected:?}, the service {found:?}");
    Err(TestCaseError::fail(message))
}

/// A client as every answer shows it.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    name: String,
    email: Option<String>,
    notes: Option<String>,
    status: ClientStatus,
    allowed: Vec<ClientStatus>,
    assignee: Option<String>,
    deleted: bool,
    etag: String,
    events: usize,
}

impl Shown {
    pub(super) fn of(client: &proto::Client) -> Self {
        Self {
            name: client.name.clone(),
            email: client.email.clone(),
            notes: client.notes.clone(),
            status: client.status(),
            allowed: client.allowed_transitions().collect(),
            assignee: client.assigned_to.as_ref().map(|user| user.id.clone()),
            deleted: client.deleted_at.is_some(),
            etag: client.etag.clone(),
            events: usize::try_from(client.event_count).expect("a number"),
        }
    }
}

/// A book and the organization it is about.
pub(super) struct Comparison<'a> {
    pub(super) stage: &'a Stage,
    pub(super) book: &'a Book,
}

impl Comparison<'_> {
    /// A client as the book says it is to be shown.
    pub(super) fn shown(&self, at: usize) -> Shown {
        let client = &self.book.clients[at];
        let member = |member: u8| self.stage.members[usize::from(member)].clone();
        Shown {
            name: client.name.to_owned(),
            email: client.email.map(str::to_owned),
            notes: client.notes.map(str::to_owned),
            status: client.status,
            allowed: transitions(client.status).to_vec(),
            assignee: client.assignee.map(member),
            deleted: client.life == Life::Deleted,
            etag: client.etag(),
            events: self.book.events_of(at).len(),
        }
    }

    /// The outcome of a step, of which the book tells what it came to.
    pub(super) fn outcome(
        &self,
        expected: &Result<Answer, Refusal>,
        found: &Result<Reply, Failure>,
    ) -> Checked {
        match (expected, found) {
            (Ok(Answer::Client(at)), Ok(Reply::Client(client))) => {
                same("answer", &self.shown(*at), &Shown::of(client))
            }
            (Ok(Answer::Event(event)), Ok(Reply::Event(found))) => {
                self.card(self.book.events[usize::from(*event)], found)
            }
            (Ok(Answer::Moved(moved)), Ok(Reply::Moved(found))) => {
                let ids = moved.iter().map(|&at| self.stage.clients[at].clone());
                same("moved", &ids.collect(), &found.client_ids)?;
                same("count", &Ok(found.count), &i32::try_from(moved.len()))
            }
            (Ok(Answer::Nothing), Ok(Reply::Nothing)) => Ok(()),
            (Err(refusal), Err(failure)) => {
                same("reason", &refusal.reason, &failure.reason.as_str())?;
                let holder = refusal.holder.map(|at| &self.stage.clients[at]);
                let named = failure.metadata.get("conflicting_client_id");
                same("holder", &holder, &named)
            }
            (expected, found) => {
                let message = format!("the model says {expected:?}, the service {found:?}");
                Err(TestCaseError::fail(message))
            }
        }
    }

    /// What a step touched since `before`, what it named and, by turns, a list.
    pub(super) async fn step(&self, number: usize, step: &Step, before: &Book) -> Checked {
        let book = self.book;
        // Whatever changes is told in a history.
        let changed: Vec<usize> = (0..book.clients.len())
            .filter(|&at| before.clients.get(at) != Some(&book.clients[at]))
            .collect();
        let named = step.client().and_then(|client| before.pick(client));
        let event = step.event().map(usize::from);
        let linked = event.and_then(|event| before.events[event].flatten());
        let named = named.into_iter().chain(linked);
        let named = named.filter(|at| !changed.contains(at));
        for at in changed.iter().copied().chain(named) {
            self.client(at).await?;
        }
        if let Some(&at) = changed.first() {
            self.history(at).await?;
        }
        for (slot, now) in book.events.into_iter().enumerate() {
            let shown = before.shown(before.events[slot]);
            if event == Some(slot) || shown != book.shown(now) {
                self.event(slot).await?;
            }
        }
        // These could write a client that they do not name.
        let unnamed = matches!(
            step,
            Step::Create { .. } | Step::Reassign { .. } | Step::Repeat
        );
        if unnamed || !changed.is_empty() {
            self.list(number).await?;
        }
        Ok(())
    }

    /// Everything; of the lists those that narrow nothing.
    pub(super) async fn all(&self) -> Checked {
        for at in 0..self.book.clients.len() {
            self.client(at).await?;
            self.history(at).await?;
        }
        for event in 0..self.book.events.len() {
            self.event(event).await?;
        }
        self.list(0).await?;
        self.list(LISTS - 1).await?;
        self.summary().await
    }

    async fn client(&self, at: usize) -> Checked {
        let id = &self.stage.clients[at];
        let life = self.book.clients[at].life;
        let found = self.stage.tenant.get(id).await;
        self.whole(at, life == Life::Live, &found)?;
        if life == Life::Live {
            return Ok(());
        }
        let request = GetClientRequest {
            id: id.clone(),
            show_deleted: true,
        };
        let found = self.stage.super_admin.clients().get_client(request).await;
        let found = found.map(|answer| answer.into_inner().client.expect("a client"));
        self.whole(at, life == Life::Deleted, &found.map_err(Into::into))
    }

    /// A client with its events, or none where it is not to be `seen`.
    fn whole(&self, at: usize, seen: bool, found: &Result<proto::Client, Failure>) -> Checked {
        let what = format!("GetClient of client {at}");
        let expected = if seen {
            let events = self.book.events_of(at).into_iter();
            let events = events.map(|event| self.stage.events[event].clone());
            Ok((self.shown(at), events.collect()))
        } else {
            Err("CLIENT_NOT_FOUND")
        };
        let found = found.as_ref().map_err(|failure| failure.reason.as_str());
        let found = found.map(|client| {
            let mut events: Vec<_> = client.events.iter().map(|event| event.id.clone()).collect();
            events.sort_unstable();
            (Shown::of(client), events)
        });
        same(what, &expected, &found)
    }

    /// Every write of a client, told to whom it may be.
    async fn history(&self, at: usize) -> Checked {
        let (id, known) = (&self.stage.clients[at], &self.book.clients[at]);
        let seen = |actor: &Actor| {
            let actor = actor.clone();
            async move {
                let entries = actor.history(id).await.map_err(|failure| failure.reason)?;
                let told = entries
                    .iter()
                    .rev()
                    .map(|entry| (entry.id.clone(), entry.kind()));
                Ok(told.collect::<Vec<_>>())
            }
        };
        let numbered = (1..).zip(&known.history);
        let numbered =
            numbered.map(|(number, kind): (u32, &ClientHistoryKind)| (number.to_string(), *kind));
        let told = Ok(numbered.collect());
        let what = format!("ListClientHistory of client {at}");
        if known.life == Life::Live {
            return same(what, &told, &seen(&self.stage.tenant).await);
        }
        let hidden = Err("CLIENT_NOT_FOUND".to_owned());
        same(&what, &hidden, &seen(&self.stage.tenant).await)?;
        same(what, &told, &seen(&self.stage.super_admin).await)
    }

    async fn event(&self, slot: usize) -> Checked {
        let found = self.stage.tenant.event(&self.stage.events[slot]).await;
        match (self.book.events[slot], found) {
            (Some(linked), Ok(found)) => self.card(Some(linked), &found),
            (None, Err(failure)) if failure.reason == "EVENT_NOT_FOUND" => Ok(()),
            (expected, found) => {
                let message =
                    format!("event {slot}: the model says {expected:?}, the service {found:?}");
                Err(TestCaseError::fail(message))
            }
        }
    }

    /// The client that an event shows.
    fn card(&self, event: Event, found: &proto::Event) -> Checked {
        let shown = self.book.shown(event).map(|at| {
            let client = &self.book.clients[at];
            let email = client.email.map(str::to_owned);
            (
                self.stage.clients[at].clone(),
                client.name.to_owned(),
                email,
                client.status,
            )
        });
        let card = found.client.as_ref();
        let card = card.map(|card| {
            (
                card.id.clone(),
                card.name.clone(),
                card.email.clone(),
                card.status(),
            )
        });
        same("client of the event", &shown, &card)
    }
}
