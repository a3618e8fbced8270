//! What may be done in a sequence, and sequences at random.

use std::fmt::Debug;

use nvito_clients::grpc::proto::ClientStatus;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

/// Members and events that a sequence knows, there or not.
pub(super) const SLOTS: u8 = 3;

const NAMES: [&str; 2] = ["Ana López", "Benito"];
/// Two addresses, one of them in three spellings.
const EMAILS: [&str; 4] = [
    "ana@example.com",
    "ANA@example.com",
    "Ana@Example.COM",
    "benito@example.com",
];
const NOTES: [&str; 2] = ["llamar el lunes", "pagó"];
pub(super) const STATUSES: [ClientStatus; 4] = [
    ClientStatus::Prospect,
    ClientStatus::Active,
    ClientStatus::Completed,
    ClientStatus::Inactive,
];

/// Which client: a place among those that are meant, counted round and round.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pick {
    /// Those that live or, where none does, all.
    Live(u8),
    /// Those that are deleted or, where none is, all.
    Deleted(u8),
    /// All that were ever created.
    Any(u8),
    /// One that nobody has created.
    Nobody,
}

/// How a write is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    Plainly,
    ValidateOnly,
    /// With the etag that the client has.
    Knowing,
    /// With an etag that no client has.
    Mistaken,
}

#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) name: &'static str,
    pub(super) email: Option<&'static str>,
    pub(super) status: ClientStatus,
    /// A member.
    pub(super) assignee: Option<u8>,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Edit<T> {
    Keep,
    Clear,
    Set(T),
}

impl<T> Edit<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Edit<U> {
        match self {
            Self::Keep => Edit::Keep,
            Self::Clear => Edit::Clear,
            Self::Set(value) => Edit::Set(change(value)),
        }
    }

    /// What the field holds afterwards.
    pub(super) fn of(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// What an update names.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) name: Option<&'static str>,
    pub(super) email: Edit<&'static str>,
    pub(super) notes: Edit<&'static str>,
    pub(super) status: Option<ClientStatus>,
    pub(super) assignee: Edit<u8>,
    /// The mask names the fields; else those count that are populated.
    pub(super) masked: bool,
}

/// One operation. Members and events are named by their slots.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Create {
        new: New,
        validate_only: bool,
    },
    Update {
        client: Pick,
        change: Change,
        how: How,
    },
    Transition {
        client: Pick,
        to: ClientStatus,
        how: How,
    },
    Delete {
        client: Pick,
        how: How,
    },
    Undelete {
        client: Pick,
    },
    Purge {
        client: Pick,
    },
    Link {
        event: u8,
        client: Pick,
    },
    Unlink {
        event: u8,
    },
    UpsertEvent {
        event: u8,
    },
    RemoveEvent {
        event: u8,
    },
    UpsertMember {
        member: u8,
        active: bool,
    },
    RemoveMember {
        member: u8,
    },
    Reassign {
        from: u8,
        to: Option<u8>,
        validate_only: bool,
    },
    /// The last write that succeeded and had a request id, once more.
    Repeat,
}

impl Step {
    /// Whether it only asks what would be.
    pub(super) fn validates_only(&self) -> bool {
        match self {
            Self::Create { validate_only, .. } | Self::Reassign { validate_only, .. } => {
                *validate_only
            }
            Self::Update { how, .. } | Self::Transition { how, .. } | Self::Delete { how, .. } => {
                *how == How::ValidateOnly
            }
            _ => false,
        }
    }

    /// The client that it names.
    pub(super) fn client(&self) -> Option<Pick> {
        match self {
            Self::Update { client, .. }
            | Self::Transition { client, .. }
            | Self::Delete { client, .. }
            | Self::Undelete { client }
            | Self::Purge { client }
            | Self::Link { client, .. } => Some(*client),
            _ => None,
        }
    }

    /// The event that it names.
    pub(super) fn event(&self) -> Option<u8> {
        match self {
            Self::Link { event, .. }
            | Self::Unlink { event }
            | Self::UpsertEvent { event }
            | Self::RemoveEvent { event } => Some(*event),
            _ => None,
        }
    }
}

/// At most ten steps, of which the first ones create clients.
pub(super) fn sequence() -> impl Strategy<Value = Vec<Step>> {
    // Not a vec of any length: half of the sequences would be short.
    let steps = vec(weighted(0.8, step()), 8);
    (vec(create(), 1..=2), steps).prop_map(|(creations, steps)| {
        let creations = creations.into_iter().map(|new| Step::Create {
            new,
            validate_only: false,
        });
        creations.chain(steps.into_iter().flatten()).collect()
    })
}

fn live() -> impl Strategy<Value = Pick> {
    prop_oneof![
        10 => (0..3u8).prop_map(Pick::Live),
        2 => (0..3u8).prop_map(Pick::Any),
        1 => Just(Pick::Nobody),
    ]
}

fn deleted() -> impl Strategy<Value = Pick> {
    prop_oneof![
        10 => (0..3u8).prop_map(Pick::Deleted),
        2 => (0..3u8).prop_map(Pick::Any),
        1 => Just(Pick::Nobody),
    ]
}

/// A member or an event; the last one is seldom there.
fn slot() -> impl Strategy<Value = u8> {
    select(&[0, 0, 0, 1, 1, 2][..])
}

fn status() -> impl Strategy<Value = ClientStatus> {
    select(&STATUSES[..])
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        6 => Just(How::Plainly),
        1 => Just(How::ValidateOnly),
        1 => Just(How::Knowing),
        1 => Just(How::Mistaken),
    ]
}

fn create() -> impl Strategy<Value = New> {
    let email = weighted(0.7, select(&EMAILS[..]));
    let assignee = weighted(0.5, slot());
    (select(&NAMES[..]), email, status(), assignee).prop_map(|(name, email, status, assignee)| {
        New {
            name,
            email,
            status,
            assignee,
        }
    })
}

/// Sets a field in so many of ten updates, or clears it now and then.
fn edit<T: Debug + Clone>(
    set: u32,
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Edit<T>> {
    prop_oneof![
        9 - set => Just(Edit::Keep),
        1 => Just(Edit::Clear),
        set => value.prop_map(Edit::Set),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    (
        weighted(0.2, select(&NAMES[..])),
        edit(5, select(&EMAILS[..])),
        edit(2, select(&NOTES[..])),
        weighted(0.3, status()),
        edit(3, slot()),
        any::<bool>(),
    )
        .prop_map(|(name, email, notes, status, assignee, masked)| Change {
            name,
            email,
            notes,
            status,
            assignee,
            masked,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let dry = || proptest::bool::weighted(0.15);
    prop_oneof![
        5 => (create(), dry()).prop_map(|(new, validate_only)| Step::Create { new, validate_only }),
        5 => (live(), change(), how())
            .prop_map(|(client, change, how)| Step::Update { client, change, how }),
        3 => (live(), status(), how())
            .prop_map(|(client, to, how)| Step::Transition { client, to, how }),
        5 => (live(), how()).prop_map(|(client, how)| Step::Delete { client, how }),
        4 => deleted().prop_map(|client| Step::Undelete { client }),
        2 => deleted().prop_map(|client| Step::Purge { client }),
        5 => (slot(), live()).prop_map(|(event, client)| Step::Link { event, client }),
        2 => slot().prop_map(|event| Step::Unlink { event }),
        1 => slot().prop_map(|event| Step::UpsertEvent { event }),
        1 => slot().prop_map(|event| Step::RemoveEvent { event }),
        2 => (slot(), any::<bool>())
            .prop_map(|(member, active)| Step::UpsertMember { member, active }),
        2 => slot().prop_map(|member| Step::RemoveMember { member }),
        2 => (slot(), weighted(0.8, slot()), dry())
            .prop_map(|(from, to, validate_only)| Step::Reassign { from, to, validate_only }),
        3 => Just(Step::Repeat),
    ]
}
