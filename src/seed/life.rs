//! What happened to a client before it was loaded.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::client::ClientFields;
use crate::domain::history::{FieldChange, HistoryEntry, HistoryKind, beginning};
use crate::domain::ids::{EventId, UserId};
use crate::domain::lifecycle::ClientStatus::{self, Active, Completed, Inactive, Prospect};

/// The call that the history of loaded clients names.
const CALL: &str = "seed";

/// A client's life from its creation to what it is now.
pub(super) struct Life<'a> {
    /// What it is now.
    pub(super) fields: &'a ClientFields,
    /// Its events, linked when it became active or, if it never did, when it
    /// was created.
    pub(super) events: &'a [EventId],
    /// Who is said to have done all of it.
    pub(super) actor: UserId,
    /// When it was created.
    pub(super) created_at: DateTime<Utc>,
    /// By when all of it had happened.
    pub(super) until: DateTime<Utc>,
    /// How long each step took, time allowing.
    pub(super) pace: TimeDelta,
    /// Whether an inactive one was a customer before.
    pub(super) was_active: bool,
}

impl Life<'_> {
    /// Its history, the first entry first: created as a prospect, then a step
    /// of spec §3 after the other.
    pub(super) fn entries(&self) -> Vec<HistoryEntry> {
        let first = ClientFields {
            status: Prospect,
            ..self.fields.clone()
        };
        let mut told = vec![(self.created_at, HistoryKind::Created, beginning(&first))];
        let linked = |at| {
            let changes = self
                .events
                .iter()
                .map(|&event| vec![FieldChange::linked(event)]);
            changes.map(move |changes| (at, HistoryKind::EventLinked, changes))
        };
        let steps = self.steps();
        if steps.iter().all(|&(_, to)| to != Active) {
            told.extend(linked(self.created_at));
        }
        let mut from = Prospect;
        for (at, to) in steps {
            let change = FieldChange::status(from, to);
            told.push((at, HistoryKind::Transitioned, vec![change]));
            if to == Active {
                told.extend(linked(at));
            }
            from = to;
        }
        let entry = |(version, (at, kind, changes))| HistoryEntry {
            version,
            at,
            actor: self.actor,
            kind,
            reason: None,
            request: CALL.to_owned(),
            changes,
        };
        (1..).zip(told).map(entry).collect()
    }

    fn steps(&self) -> Vec<(DateTime<Utc>, ClientStatus)> {
        let way: &[ClientStatus] = match self.fields.status {
            Prospect => &[],
            Active => &[Active],
            Completed => &[Active, Completed],
            Inactive if self.was_active => &[Active, Inactive],
            Inactive => &[Inactive],
        };
        let count = i32::try_from(way.len()).unwrap_or(1).max(1);
        let pace = self.pace.min((self.until - self.created_at) / (count + 1));
        let at = |number: i32| self.created_at + pace * number;
        (1..).map(at).zip(way.iter().copied()).collect()
    }
}
