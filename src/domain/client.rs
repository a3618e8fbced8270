//! The client: who hires and pays (spec §1, §2).

use std::fmt;

use chrono::{DateTime, Utc};

use crate::domain::ids::{ClientId, EventId, OrganizationId, UserId};
use crate::domain::lifecycle::ClientStatus;
use crate::domain::names::names;
use crate::domain::phone::Phone;
use crate::domain::rfc::Rfc;
use crate::error::{Error, Problem};

/// Most characters of a name.
pub const NAME_MOST: usize = 255;
/// Most characters of a razón social.
pub const BUSINESS_NAME_MOST: usize = 255;
/// Most characters of a domicilio fiscal.
pub const BILLING_ADDRESS_MOST: usize = 500;
/// Most characters of the detail of how a client found us.
pub const ACQUISITION_DETAIL_MOST: usize = 255;
/// Most characters of the team's notes.
pub const NOTES_MOST: usize = 2000;
/// Most events in the detail of one client.
pub const EVENTS_MOST: i64 = 1000;

names! {
    /// Natural or legal person (spec §2 `ClientType`).
    ClientType {
        /// Persona física.
        Individual = "INDIVIDUAL",
        /// Persona moral.
        Company = "COMPANY",
    }
}

names! {
    /// How a client found us (spec §8).
    AcquisitionSource {
        /// Instagram, Facebook, TikTok.
        SocialMedia = "SOCIAL_MEDIA",
        /// Sent by another client.
        Referral = "REFERRAL",
        /// Google search or ads.
        Google = "GOOGLE",
        /// Our own web site.
        Website = "WEBSITE",
        /// Networking, an expo.
        Direct = "DIRECT",
        /// Anything else.
        Other = "OTHER",
    }
}

/// What a caller writes of a client; each field within its bounds already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFields {
    /// Full name or trade name, never empty.
    pub name: String,
    /// Contact address.
    pub email: Option<String>,
    /// Telephone or WhatsApp.
    pub phone: Option<Phone>,
    /// Natural or legal person.
    pub client_type: ClientType,
    /// Where the client stands.
    pub status: ClientStatus,
    /// For the invoice.
    pub rfc: Option<Rfc>,
    /// Razón social, for the invoice.
    pub business_name: Option<String>,
    /// Domicilio fiscal, for the invoice.
    pub billing_address: Option<String>,
    /// How the client found us.
    pub acquisition_source: Option<AcquisitionSource>,
    /// More of the same.
    pub acquisition_detail: Option<String>,
    /// The team's notes.
    pub notes: Option<String>,
    /// Who looks after the client.
    pub assigned_to: Option<UserId>,
}

impl ClientFields {
    /// The rule that spans two fields: the RFC is one of the client's type
    /// (spec §7 "Relacion con tipo de cliente").
    pub fn check(&self) -> Result<(), Problem> {
        self.rfc
            .as_ref()
            .map_or(Ok(()), |rfc| rfc.check_type(self.client_type))
    }
}

/// A client to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClient {
    /// Given by the caller, so that a check can answer what would be written.
    pub id: ClientId,
    /// What is known of it.
    pub fields: ClientFields,
}

/// Changes to a client: `Some(value)` sets a field, `None` leaves it alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields are those of ClientFields")]
pub struct ClientPatch {
    pub name: Option<String>,
    pub email: Option<Option<String>>,
    pub phone: Option<Option<Phone>>,
    pub client_type: Option<ClientType>,
    pub status: Option<ClientStatus>,
    pub rfc: Option<Option<Rfc>>,
    pub business_name: Option<Option<String>>,
    pub billing_address: Option<Option<String>>,
    pub acquisition_source: Option<Option<AcquisitionSource>>,
    pub acquisition_detail: Option<Option<String>>,
    pub notes: Option<Option<String>>,
    pub assigned_to: Option<Option<UserId>>,
}

impl ClientPatch {
    /// Whether it sets name, e-mail or telephone: what a search looks in.
    pub fn names_contact(&self) -> bool {
        self.name.is_some() || self.email.is_some() || self.phone.is_some()
    }

    /// What the client becomes.
    ///
    /// Fails with `CLIENT_TRANSITION_NOT_ALLOWED` where spec §3 knows no such
    /// step, and with `RFC_TYPE_MISMATCH` where type and RFC no longer fit
    /// each other, whichever of them changes.
    pub fn apply(self, current: &ClientFields) -> Result<ClientFields, Error> {
        let rfc_path = if self.rfc.is_some() {
            "client.rfc"
        } else {
            "client.type"
        };
        let current = current.clone();
        let from = current.status;
        let next = ClientFields {
            name: self.name.unwrap_or(current.name),
            email: self.email.unwrap_or(current.email),
            phone: self.phone.unwrap_or(current.phone),
            client_type: self.client_type.unwrap_or(current.client_type),
            status: self.status.unwrap_or(from),
            rfc: self.rfc.unwrap_or(current.rfc),
            business_name: self.business_name.unwrap_or(current.business_name),
            billing_address: self.billing_address.unwrap_or(current.billing_address),
            acquisition_source: self
                .acquisition_source
                .unwrap_or(current.acquisition_source),
            acquisition_detail: self
                .acquisition_detail
                .unwrap_or(current.acquisition_detail),
            notes: self.notes.unwrap_or(current.notes),
            assigned_to: self.assigned_to.unwrap_or(current.assigned_to),
        };
        next.check()
            .map_err(|problem| Error::violation(rfc_path, problem))?;
        from.transition(next.status)?;
        Ok(next)
    }
}

/// A client as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Which.
    pub id: ClientId,
    /// Whose.
    pub organization: OrganizationId,
    /// What callers wrote.
    pub fields: ClientFields,
    /// `fields.assigned_to`, with a name.
    pub assigned_to: Option<UserSummary>,
    /// Who created it, when the directory knows them.
    pub created_by: Option<UserId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// When it was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Changes with every write.
    pub etag: Etag,
    /// How many events are linked.
    pub event_count: i64,
    /// The linked events, where the caller asked for them.
    pub events: Vec<EventSummary>,
}

/// A user, as much as a list needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSummary {
    /// Who.
    pub id: UserId,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
}

/// An event, as much as its client's card needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    /// Which.
    pub id: EventId,
    /// What it is called.
    pub name: String,
    /// When it starts.
    pub starts_at: Option<DateTime<Utc>>,
}

/// The version of a row, opaque to callers (AIP-154).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Etag(i64);

impl Etag {
    /// The etag of a version of a row.
    pub fn of_version(version: i64) -> Self {
        Self(version)
    }

    /// The etag after one more write.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Fails with `ETAG_MISMATCH` when a caller names another version.
    pub fn check(self, named: Option<&str>) -> Result<(), Error> {
        match named {
            Some(named) if named != self.to_string() => Err(Error::EtagMismatch { current: self }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company() -> ClientFields {
        ClientFields {
            name: "Eventos del Norte".into(),
            email: None,
            phone: None,
            client_type: ClientType::Company,
            status: ClientStatus::Prospect,
            rfc: Rfc::parse("EKU9003173C9").expect("an RFC"),
            business_name: None,
            billing_address: None,
            acquisition_source: None,
            acquisition_detail: None,
            notes: Some("llamar el lunes".into()),
            assigned_to: None,
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let patch = ClientPatch {
            status: Some(ClientStatus::Active),
            notes: Some(None),
            ..ClientPatch::default()
        };
        let next = patch.apply(&company()).expect("a legal step");
        let expected = ClientFields {
            status: ClientStatus::Active,
            notes: None,
            ..company()
        };
        assert_eq!(next, expected);
    }

    #[test]
    fn the_rfc_is_checked_when_only_the_type_changes() {
        let patch = ClientPatch {
            client_type: Some(ClientType::Individual),
            ..ClientPatch::default()
        };
        let Err(Error::Invalid { violations, .. }) = patch.apply(&company()) else {
            panic!("a company's RFC on a person");
        };
        assert_eq!(violations[0].field, "client.type");
        assert_eq!(
            violations[0].problem,
            Problem::RfcTypeMismatch { expected: 13 }
        );
    }

    #[test]
    fn an_illegal_step_says_from_and_to() {
        let patch = ClientPatch {
            status: Some(ClientStatus::Completed),
            ..ClientPatch::default()
        };
        assert!(matches!(
            patch.apply(&company()),
            Err(Error::TransitionNotAllowed {
                from: ClientStatus::Prospect,
                to: ClientStatus::Completed
            })
        ));
    }

    #[test]
    fn an_etag_is_asked_for_only_when_one_is_named() {
        let etag = Etag::of_version(7);
        assert!(etag.check(None).is_ok());
        assert!(etag.check(Some(&etag.to_string())).is_ok());
        assert!(matches!(
            etag.check(Some("7")),
            Err(Error::EtagMismatch { .. })
        ));
    }
}
