//! The model: what the contract says becomes of an organization, in the plainest
//! words. It takes nothing from the service but the names of the contract.

use nvito_clients::grpc::proto::{ClientHistoryKind as Kind, ClientStatus};

use super::steps::{Pick, SLOTS};

/// How far a client's record is from being gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Life {
    Live,
    Deleted,
    Purged,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) email: Option<&'static str>,
    pub(super) notes: Option<&'static str>,
    pub(super) status: ClientStatus,
    /// A member.
    pub(super) assignee: Option<u8>,
    pub(super) life: Life,
    pub(super) ever_active: bool,
    /// Every write, the first one first.
    pub(super) history: Vec<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Member {
    Absent,
    Inactive,
    Active,
}

/// `Some` of what it is linked to, where there is such an event.
pub(super) type Event = Option<Option<usize>>;

/// All that is known of one organization.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) clients: Vec<Client>,
    pub(super) members: [Member; SLOTS as usize],
    pub(super) events: [Event; SLOTS as usize],
}

/// Where a client may go.
pub(super) fn transitions(from: ClientStatus) -> &'static [ClientStatus] {
    match from {
        ClientStatus::Unspecified => &[],
        ClientStatus::Prospect => &[ClientStatus::Active, ClientStatus::Inactive],
        ClientStatus::Active => &[ClientStatus::Completed, ClientStatus::Inactive],
        ClientStatus::Completed => &[ClientStatus::Active],
        ClientStatus::Inactive => &[ClientStatus::Prospect],
    }
}

impl Client {
    /// As the service writes it.
    pub(super) fn etag(&self) -> String {
        format!("{:08x}", self.history.len())
    }
}

impl Book {
    /// An organization with a member and an event less than there may be.
    pub(super) fn new() -> Self {
        Self {
            clients: Vec::new(),
            members: [Member::Active, Member::Active, Member::Absent],
            events: [Some(None), Some(None), None],
        }
    }

    /// The client that a step names.
    pub(super) fn pick(&self, client: Pick) -> Option<usize> {
        let (nth, life) = match client {
            Pick::Live(nth) => (nth, Some(Life::Live)),
            Pick::Deleted(nth) => (nth, Some(Life::Deleted)),
            Pick::Any(nth) => (nth, None),
            Pick::Nobody => return None,
        };
        let all = 0..self.clients.len();
        let meant = all
            .clone()
            .filter(|&at| Some(self.clients[at].life) == life);
        let mut meant: Vec<usize> = meant.collect();
        if meant.is_empty() {
            meant = all.collect();
        }
        let place = usize::from(nth).checked_rem(meant.len())?;
        Some(meant[place])
    }

    /// The live client that an event shows.
    pub(super) fn shown(&self, event: Event) -> Option<usize> {
        event?.filter(|&client| self.clients[client].life == Life::Live)
    }

    /// The events linked to a client.
    pub(super) fn events_of(&self, client: usize) -> Vec<usize> {
        let linked = |&slot: &usize| self.events[slot] == Some(Some(client));
        (0..self.events.len()).filter(linked).collect()
    }
}
