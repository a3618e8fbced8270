//! What happened to a client: one entry a write.

use chrono::{DateTime, Utc};

use crate::domain::client::ClientFields;
use crate::domain::ids::{EventId, UserId};
use crate::domain::lifecycle::ClientStatus;
use crate::domain::names::names;

/// Most characters of the reason for a transition.
pub const REASON_MOST: usize = 500;

/// Most events that one entry names.
pub const EVENTS_MOST: i64 = 1000;

names! {
    /// What a write did.
    HistoryKind {
        /// The record was created.
        Created = "CREATED",
        /// Fields were changed.
        Updated = "UPDATED",
        /// The status was changed on its own.
        Transitioned = "TRANSITIONED",
        /// The record was softly deleted.
        Deleted = "DELETED",
        /// The record was brought back.
        Undeleted = "UNDELETED",
        /// The record was removed for good.
        Purged = "PURGED",
        /// The client was moved to somebody else with all the others.
        Reassigned = "REASSIGNED",
        /// Who looked after the client has left.
        AssigneeLeft = "ASSIGNEE_LEFT",
        /// An event was linked.
        EventLinked = "EVENT_LINKED",
        /// An event was unlinked.
        EventUnlinked = "EVENT_UNLINKED",
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The version of the client that it made: its number in the client's life.
    pub version: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: UserId,
    /// What it did.
    pub kind: HistoryKind,
    /// Why, where the caller said so.
    pub reason: Option<String>,
    /// The call.
    pub request: String,
    /// What it changed.
    pub changes: Vec<FieldChange>,
}

/// One field before and after a write, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// As the contract names it.
    pub field: String,
    /// `None` when there was no value.
    pub before: Option<String>,
    /// `None` when there is none any more.
    pub after: Option<String>,
}

impl FieldChange {
    /// The change of one field.
    pub fn new(field: &str, before: Option<String>, after: Option<String>) -> Self {
        Self {
            field: field.to_owned(),
            before,
            after,
        }
    }

    /// The change of a status.
    pub fn status(before: ClientStatus, after: ClientStatus) -> Self {
        let name = |status: ClientStatus| Some(status.as_str().to_owned());
        Self::new("status", name(before), name(after))
    }

    /// An event comes to a client.
    pub fn linked(event: EventId) -> Self {
        Self::new("event_id", None, Some(event.to_string()))
    }

    /// An event leaves a client.
    pub fn unlinked(event: EventId) -> Self {
        Self::new("event_id", Some(event.to_string()), None)
    }

    /// So many events leave a client, of which the first [`EVENTS_MOST`] are named.
    pub fn unlinked_in_all(events: i64) -> Self {
        Self::new("event_count", Some(events.to_string()), None)
    }
}

/// What a client begins with.
pub fn beginning(fields: &ClientFields) -> Vec<FieldChange> {
    values(fields)
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(field, value)| FieldChange::new(field, None, value))
        .collect()
}

/// In what a client differs from what it was.
pub fn differences(before: &ClientFields, after: &ClientFields) -> Vec<FieldChange> {
    values(before)
        .into_iter()
        .zip(values(after))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((field, before), (_, after))| FieldChange::new(field, before, after))
        .collect()
}

/// Every field a caller writes, under the name of the contract.
fn values(fields: &ClientFields) -> [(&'static str, Option<String>); 12] {
    // Taken apart, so that a field that is added is not forgotten here.
    let ClientFields {
        name,
        email,
        phone,
        client_type,
        status,
        rfc,
        business_name,
        billing_address,
        acquisition_source,
        acquisition_detail,
        notes,
        assigned_to,
    } = fields;
    let named = |name: &str| Some(name.to_owned());
    [
        ("name", named(name)),
        ("email", email.clone()),
        ("phone", phone.as_ref().map(|phone| phone.typed.clone())),
        ("type", named(client_type.as_str())),
        ("status", named(status.as_str())),
        ("rfc", rfc.as_ref().map(|rfc| rfc.as_str().to_owned())),
        ("business_name", business_name.clone()),
        ("billing_address", billing_address.clone()),
        (
            "acquisition_source",
            acquisition_source.map(|source| source.as_str().to_owned()),
        ),
        ("acquisition_detail", acquisition_detail.clone()),
        ("notes", notes.clone()),
        ("assigned_to_id", assigned_to.map(|id| id.to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{AcquisitionSource, ClientType};
    use crate::domain::phone::Phone;

    fn prospect() -> ClientFields {
        ClientFields {
            name: "Ana".into(),
            email: Some("ana@example.com".into()),
            phone: Phone::parse("55 1234 5678").expect("a number"),
            client_type: ClientType::Individual,
            status: ClientStatus::Prospect,
            rfc: None,
            business_name: None,
            billing_address: None,
            acquisition_source: Some(AcquisitionSource::Google),
            acquisition_detail: None,
            notes: None,
            assigned_to: None,
        }
    }

    fn told(changes: &[FieldChange]) -> Vec<(&str, Option<&str>, Option<&str>)> {
        changes
            .iter()
            .map(|c| (c.field.as_str(), c.before.as_deref(), c.after.as_deref()))
            .collect()
    }

    #[test]
    fn a_beginning_tells_what_there_is() {
        assert_eq!(
            told(&beginning(&prospect())),
            [
                ("name", None, Some("Ana")),
                ("email", None, Some("ana@example.com")),
                ("phone", None, Some("55 1234 5678")),
                ("type", None, Some("INDIVIDUAL")),
                ("status", None, Some("PROSPECT")),
                ("acquisition_source", None, Some("GOOGLE")),
            ]
        );
    }

    #[test]
    fn differences_tell_what_came_went_and_changed() {
        let after = ClientFields {
            email: None,
            status: ClientStatus::Active,
            notes: Some("llamar".into()),
            ..prospect()
        };
        assert_eq!(
            told(&differences(&prospect(), &after)),
            [
                ("email", Some("ana@example.com"), None),
                ("status", Some("PROSPECT"), Some("ACTIVE")),
                ("notes", None, Some("llamar")),
            ]
        );
        assert_eq!(differences(&prospect(), &prospect()), []);
    }
}
