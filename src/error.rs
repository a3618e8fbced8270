//! What can go wrong, without a word of gRPC or SQL.
//!
//! Every failure has one [`Reason`], the value of `ErrorReason` in the proto
//! that a caller's program switches on. `grpc::status` gives it a code and
//! sentences; `repository::error` makes it of what the driver says.

mod reason;

use uuid::Uuid;

use crate::domain::client::Etag;
use crate::domain::ids::ClientId;
use crate::domain::lifecycle::ClientStatus;
use crate::domain::principal::Role;

pub use reason::Reason;

/// The result of everything below the transport.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong: every violation found, at most
    /// [`Violation::MOST`] of them.
    #[error("{reason}")]
    Invalid {
        /// [`Reason::ValidationFailed`] unless one rule has a reason of its own.
        reason: Reason,
        /// Never empty.
        violations: Vec<Violation>,
    },
    /// Who acts cannot be told from the metadata.
    #[error("{reason}: {key}")]
    Unauthenticated {
        /// [`Reason::IdentityMissing`], [`Reason::IdentityInvalid`] or
        /// [`Reason::TokenExpired`].
        reason: Reason,
        /// The metadata key at fault.
        key: &'static str,
    },
    /// The role may not call the method.
    #[error("ROLE_REQUIRED")]
    RoleRequired {
        /// The roles that may.
        roles: Vec<Role>,
    },
    /// The request names an organization that is not the caller's.
    #[error("ORGANIZATION_NOT_ALLOWED")]
    OrganizationNotAllowed,
    /// Absent, deleted or another organization's: one answer for all three.
    #[error("{}", resource.not_found())]
    NotFound {
        /// What was looked for.
        resource: Resource,
        /// The id asked for.
        id: Uuid,
    },
    /// A live client of the organization has the e-mail.
    #[error("CLIENT_EMAIL_TAKEN")]
    EmailTaken {
        /// That client.
        holder: ClientId,
    },
    /// The lifecycle has no such step (spec §3).
    #[error("CLIENT_TRANSITION_NOT_ALLOWED")]
    TransitionNotAllowed {
        /// Where the client stands.
        from: ClientStatus,
        /// Where it was asked to go.
        to: ClientStatus,
    },
    /// Only a deleted client can be purged.
    #[error("CLIENT_NOT_DELETED")]
    ClientNotDeleted,
    /// Somebody wrote the row after the caller read it.
    #[error("ETAG_MISMATCH")]
    EtagMismatch {
        /// The row's etag now.
        current: Etag,
    },
    /// The connection was lost while COMMIT was on its way.
    #[error("COMMIT_OUTCOME_UNKNOWN")]
    CommitOutcomeUnknown {
        /// Whether the same call may be made again without a second effect.
        retry_safe: bool,
        /// For the log; never shown to a caller.
        #[source]
        cause: Cause,
    },
    /// The fault is ours, the database's or the moment's.
    #[error("{reason}")]
    System {
        /// Which of them.
        reason: Reason,
        /// For the log; never shown to a caller.
        #[source]
        cause: Cause,
    },
}

/// What lies behind an [`Error::System`].
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error and its sources, outermost first, in one line.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

impl Error {
    /// One violation under [`Reason::ValidationFailed`].
    pub fn violation(field: impl Into<String>, problem: Problem) -> Self {
        Self::violations(vec![Violation::new(field, problem)])
    }

    /// Several violations under [`Reason::ValidationFailed`], cut to
    /// [`Violation::MOST`].
    pub fn violations(mut violations: Vec<Violation>) -> Self {
        violations.truncate(Violation::MOST);
        Self::Invalid {
            reason: Reason::ValidationFailed,
            violations,
        }
    }

    /// A rule with a reason of its own, broken by one field.
    pub fn rule(field: impl Into<String>, problem: Problem) -> Self {
        Self::Invalid {
            reason: problem.reason(),
            violations: vec![Violation::new(field, problem)],
        }
    }

    /// A fault that no request explains.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::System {
            reason: Reason::Internal,
            cause: cause.into(),
        }
    }

    /// Whether a rule says so, whatever the moment: not the fault of a system.
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::System { .. } | Self::CommitOutcomeUnknown { .. }
        )
    }

    /// The reason a caller's program switches on.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Invalid { reason, .. }
            | Self::Unauthenticated { reason, .. }
            | Self::System { reason, .. } => *reason,
            Self::RoleRequired { .. } => Reason::RoleRequired,
            Self::OrganizationNotAllowed => Reason::OrganizationNotAllowed,
            Self::NotFound { resource, .. } => resource.not_found(),
            Self::EmailTaken { .. } => Reason::ClientEmailTaken,
            Self::TransitionNotAllowed { .. } => Reason::ClientTransitionNotAllowed,
            Self::ClientNotDeleted => Reason::ClientNotDeleted,
            Self::EtagMismatch { .. } => Reason::EtagMismatch,
            Self::CommitOutcomeUnknown { .. } => Reason::CommitOutcomeUnknown,
        }
    }
}

/// What was looked for and not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A client.
    Client,
    /// A member of an organization.
    Member,
    /// An event.
    Event,
}

impl Resource {
    /// The reason of its absence.
    pub fn not_found(self) -> Reason {
        match self {
            Self::Client => Reason::ClientNotFound,
            Self::Member => Reason::MemberNotFound,
            Self::Event => Reason::EventNotFound,
        }
    }

    /// Its type, as `google.rpc.ResourceInfo` names it.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Client => "nvito.clients.v1.Client",
            Self::Member => "nvito.clients.v1.Member",
            Self::Event => "nvito.clients.v1.Event",
        }
    }
}

/// One field that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, `client.email` for example.
    pub field: String,
    /// The rule.
    pub problem: Problem,
}

impl Violation {
    /// How many of them one answer holds (api.md "Errors").
    pub const MOST: usize = 16;

    /// The field at `field` breaks the rule of `problem`.
    pub fn new(field: impl Into<String>, problem: Problem) -> Self {
        Self {
            field: field.into(),
            problem,
        }
    }
}

/// A rule that a field breaks, with what a sentence about it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing was given.
    Required,
    /// Too many characters.
    TooLong {
        /// How many may be given.
        most: usize,
        /// How many were.
        given: usize,
    },
    /// A NUL or another control character.
    InvalidCharacter {
        /// Its code point.
        character: char,
    },
    /// Not a UUID.
    InvalidUuid,
    /// Not an e-mail address.
    InvalidEmail,
    /// Not a number of the enum.
    InvalidEnum {
        /// The number given.
        given: i32,
        /// The names that would do.
        allowed: &'static str,
    },
    /// Not a moment between the years 1 and 9999.
    InvalidTimestamp,
    /// More entries than one call takes.
    TooMany {
        /// How many may be given.
        most: usize,
        /// How many were.
        given: usize,
    },
    /// An end that does not come after its beginning.
    InvalidRange {
        /// The field of the beginning.
        from: &'static str,
    },
    /// A number outside its range.
    OutOfRange {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// Not the form of an RFC (spec §7).
    RfcInvalidFormat,
    /// The RFC of the other type of client (spec §7).
    RfcTypeMismatch {
        /// How many characters the type asks for.
        expected: usize,
    },
    /// A path that names no field.
    UnknownField {
        /// The names that would do.
        allowed: &'static str,
    },
    /// A path that names a field only the service writes.
    ReadOnlyField,
    /// A field that keeps its first value.
    Immutable,
    /// Two fields of which only one may be given.
    MutuallyExclusive {
        /// The other one.
        other: &'static str,
    },
    /// Not an order this list knows.
    InvalidOrderBy {
        /// The orders that would do.
        allowed: &'static str,
    },
    /// Bytes that are no message of this method, or text that is no UTF-8.
    MalformedMessage,
    /// It belongs to another organization than what it is to be linked to.
    OrganizationMismatch,
    /// Nobody active in the organization has this id.
    AssigneeNotInOrganization,
    /// No organization has this id.
    OrganizationNotFound,
    /// The request id was used with another body.
    RequestIdReused,
    /// Not a token of this list, these filters and this organization.
    InvalidPageToken,
    /// The page lies beyond what page numbers reach.
    PageTooDeep {
        /// How many rows they reach.
        most: i64,
    },
}

impl Problem {
    /// The reason a caller's program switches on.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Required => Reason::Required,
            Self::TooLong { .. } => Reason::TooLong,
            Self::InvalidCharacter { .. } => Reason::InvalidCharacter,
            Self::InvalidUuid => Reason::InvalidUuid,
            Self::InvalidEmail => Reason::InvalidEmail,
            Self::InvalidEnum { .. } => Reason::InvalidEnum,
            Self::InvalidTimestamp => Reason::InvalidTimestamp,
            Self::TooMany { .. } => Reason::TooMany,
            Self::InvalidRange { .. } => Reason::InvalidRange,
            Self::OrganizationMismatch => Reason::OrganizationMismatch,
            Self::OutOfRange { .. } => Reason::OutOfRange,
            Self::RfcInvalidFormat => Reason::RfcInvalidFormat,
            Self::RfcTypeMismatch { .. } => Reason::RfcTypeMismatch,
            Self::UnknownField { .. } => Reason::UnknownField,
            Self::ReadOnlyField => Reason::ReadOnlyField,
            Self::Immutable => Reason::Immutable,
            Self::MutuallyExclusive { .. } => Reason::MutuallyExclusive,
            Self::InvalidOrderBy { .. } => Reason::InvalidOrderBy,
            Self::MalformedMessage => Reason::MalformedMessage,
            Self::AssigneeNotInOrganization => Reason::AssigneeNotInOrganization,
            Self::OrganizationNotFound => Reason::OrganizationNotFound,
            Self::RequestIdReused => Reason::RequestIdReused,
            Self::InvalidPageToken => Reason::InvalidPageToken,
            Self::PageTooDeep { .. } => Reason::PageTooDeep,
        }
    }
}
