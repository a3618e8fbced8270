//! The rules of the model: what each step makes of an organization.

use nvito_clients::grpc::proto::{ClientHistoryKind as Kind, ClientStatus};

use super::book::{Book, Client, Life, Member, transitions};
use super::steps::{Change, How, New, Pick, Step};

/// What a step answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Client(usize),
    Event(u8),
    Moved(Vec<usize>),
    Nothing,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    /// Whose e-mail it is.
    pub(super) holder: Option<usize>,
}

fn refuse<T>(reason: &'static str) -> Result<T, Refusal> {
    let holder = None;
    Err(Refusal { reason, holder })
}

fn check_etag(how: How) -> Result<(), Refusal> {
    if how == How::Mistaken {
        return refuse("ETAG_MISMATCH");
    }
    Ok(())
}

impl Client {
    fn go(&mut self, to: ClientStatus) -> Result<(), Refusal> {
        if to != self.status && !transitions(self.status).contains(&to) {
            return refuse("CLIENT_TRANSITION_NOT_ALLOWED");
        }
        self.status = to;
        self.ever_active |= to == ClientStatus::Active;
        Ok(())
    }
}

impl Book {
    /// Takes a step. What is left behind after a refusal means nothing.
    pub(super) fn take(&mut self, step: &Step) -> Result<Answer, Refusal> {
        match step {
            Step::Create { new, .. } => self.create(new),
            Step::Update {
                client,
                change,
                how,
            } => self.update(*client, change, *how),
            Step::Transition { client, to, how } => {
                let at = self.live(*client)?;
                check_etag(*how)?;
                let before = self.clients[at].status;
                self.clients[at].go(*to)?;
                if before != *to {
                    self.tell(at, Kind::Transitioned);
                }
                Ok(Answer::Client(at))
            }
            Step::Delete { client, how } => {
                let at = self.live(*client)?;
                check_etag(*how)?;
                self.clients[at].life = Life::Deleted;
                self.tell(at, Kind::Deleted);
                Ok(Answer::Client(at))
            }
            Step::Undelete { client } => {
                let at = self.kept(*client)?;
                if self.clients[at].life == Life::Deleted {
                    self.check_email(self.clients[at].email, Some(at))?;
                    self.clients[at].life = Life::Live;
                    self.tell(at, Kind::Undeleted);
                }
                Ok(Answer::Client(at))
            }
            Step::Purge { client } => {
                let at = self.kept(*client)?;
                if self.clients[at].life == Life::Live {
                    return refuse("CLIENT_NOT_DELETED");
                }
                for event in self.events_of(at) {
                    self.events[event] = Some(None);
                }
                self.clients[at].life = Life::Purged;
                self.tell(at, Kind::Purged);
                Ok(Answer::Nothing)
            }
            Step::Link { event, client } => self.link(*event, *client),
            Step::Unlink { event } => {
                let linked = self.event(*event)?;
                if let Some(client) = self.shown(Some(linked)) {
                    self.events[usize::from(*event)] = Some(None);
                    self.tell(client, Kind::EventUnlinked);
                }
                Ok(Answer::Event(*event))
            }
            Step::UpsertEvent { event } => {
                self.events[usize::from(*event)].get_or_insert(None);
                Ok(Answer::Event(*event))
            }
            Step::RemoveEvent { event } => {
                let linked = self.event(*event)?;
                self.events[usize::from(*event)] = None;
                if let Some(client) = linked {
                    self.tell(client, Kind::EventUnlinked);
                }
                Ok(Answer::Nothing)
            }
            Step::UpsertMember { member, active } => {
                self.members[usize::from(*member)] = if *active {
                    Member::Active
                } else {
                    Member::Inactive
                };
                if !active {
                    self.hand_over(*member, None, true, Kind::AssigneeLeft);
                }
                Ok(Answer::Nothing)
            }
            Step::RemoveMember { member } => {
                if self.members[usize::from(*member)] == Member::Absent {
                    return refuse("MEMBER_NOT_FOUND");
                }
                self.members[usize::from(*member)] = Member::Absent;
                self.hand_over(*member, None, true, Kind::AssigneeLeft);
                Ok(Answer::Nothing)
            }
            Step::Reassign { from, to, .. } => {
                self.check_assignee(*to)?;
                let moved = if *to == Some(*from) {
                    Vec::new()
                } else {
                    self.hand_over(*from, *to, false, Kind::Reassigned)
                };
                Ok(Answer::Moved(moved))
            }
            Step::Repeat => Ok(Answer::Nothing),
        }
    }

    fn create(&mut self, new: &New) -> Result<Answer, Refusal> {
        self.check_assignee(new.assignee)?;
        self.check_email(new.email, None)?;
        self.clients.push(Client {
            name: new.name,
            email: new.email,
            notes: None,
            status: new.status,
            assignee: new.assignee,
            life: Life::Live,
            ever_active: new.status == ClientStatus::Active,
            history: vec![Kind::Created],
        });
        Ok(Answer::Client(self.clients.len() - 1))
    }

    fn update(&mut self, client: Pick, change: &Change, how: How) -> Result<Answer, Refusal> {
        let at = self.live(client)?;
        check_etag(how)?;
        let before = self.clients[at].clone();
        let mut after = before.clone();
        after.name = change.name.unwrap_or(before.name);
        after.email = change.email.of(before.email);
        after.notes = change.notes.of(before.notes);
        after.assignee = change.assignee.of(before.assignee);
        after.go(change.status.unwrap_or(before.status))?;
        if after != before {
            // Who is assigned is active: leaving clears every assignment.
            self.check_assignee(after.assignee)?;
            self.check_email(after.email, Some(at))?;
            self.clients[at] = after;
            self.tell(at, Kind::Updated);
        }
        Ok(Answer::Client(at))
    }

    fn link(&mut self, event: u8, client: Pick) -> Result<Answer, Refusal> {
        let former = self.event(event)?;
        let at = self.live(client)?;
        if former != Some(at) {
            self.events[usize::from(event)] = Some(Some(at));
            if let Some(former) = former {
                self.tell(former, Kind::EventUnlinked);
            }
            self.tell(at, Kind::EventLinked);
        }
        Ok(Answer::Event(event))
    }

    /// Gives the clients of one member to another, or to nobody.
    fn hand_over(&mut self, from: u8, to: Option<u8>, deleted: bool, kind: Kind) -> Vec<usize> {
        let mut moved = Vec::new();
        for (at, client) in self.clients.iter_mut().enumerate() {
            let there = client.life == Life::Live || (deleted && client.life == Life::Deleted);
            if there && client.assignee == Some(from) {
                client.assignee = to;
                client.history.push(kind);
                moved.push(at);
            }
        }
        moved
    }

    fn tell(&mut self, at: usize, kind: Kind) {
        self.clients[at].history.push(kind);
    }

    /// A client that is live.
    fn live(&self, client: Pick) -> Result<usize, Refusal> {
        let at = self.kept(client)?;
        if self.clients[at].life == Life::Live {
            Ok(at)
        } else {
            refuse("CLIENT_NOT_FOUND")
        }
    }

    /// A client that is live or deleted.
    fn kept(&self, client: Pick) -> Result<usize, Refusal> {
        match self.pick(client) {
            Some(at) if self.clients[at].life != Life::Purged => Ok(at),
            _ => refuse("CLIENT_NOT_FOUND"),
        }
    }

    fn event(&self, event: u8) -> Result<Option<usize>, Refusal> {
        self.events[usize::from(event)].map_or_else(|| refuse("EVENT_NOT_FOUND"), Ok)
    }

    fn check_assignee(&self, assignee: Option<u8>) -> Result<(), Refusal> {
        match assignee {
            Some(member) if self.members[usize::from(member)] != Member::Active => {
                refuse("ASSIGNEE_NOT_IN_ORGANIZATION")
            }
            _ => Ok(()),
        }
    }

    fn check_email(&self, email: Option<&str>, but: Option<usize>) -> Result<(), Refusal> {
        let Some(email) = email.map(str::to_lowercase) else {
            return Ok(());
        };
        let holder = self.clients.iter().enumerate().position(|(at, client)| {
            Some(at) != but
                && client.life == Life::Live
                && client.email.map(str::to_lowercase).as_deref() == Some(&email)
        });
        match holder {
            None => Ok(()),
            holder => Err(Refusal {
                reason: "CLIENT_EMAIL_TAKEN",
                holder,
            }),
        }
    }
}
