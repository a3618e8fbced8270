//! What the neighbours own and this service refers to: organizations, their
//! members and events.

use chrono::{DateTime, Utc};

use crate::domain::ids::{EventId, OrganizationId, UserId};

/// Most characters of any name in the directory.
pub const NAME_MOST: usize = 255;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Which.
    pub id: OrganizationId,
    /// What it is called.
    pub name: String,
}

/// A person who works for one or more organizations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Given name.
    pub first_name: String,
    /// Family name, may be empty.
    pub last_name: String,
    /// Contact address.
    pub email: Option<String>,
}

/// A user in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: User,
    /// Whether clients may be assigned to them (spec §6).
    pub active: bool,
}

/// An event, as much as this service keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which.
    pub id: EventId,
    /// Whose; never changes.
    pub organization: OrganizationId,
    /// What it is called.
    pub name: String,
    /// When it starts.
    pub starts_at: Option<DateTime<Utc>>,
}
