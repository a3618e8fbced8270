//! Why a call fails, for programs.

use std::fmt;

macro_rules! reasons {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// Why, for programs: the values of `ErrorReason` in the proto, where
        /// each is explained with an example.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "documented in error_reason.proto, once")]
        pub enum Reason { $($variant),+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it stands in `ErrorInfo.reason`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

reasons! {
    ValidationFailed = "VALIDATION_FAILED",
    Required = "REQUIRED",
    TooLong = "TOO_LONG",
    InvalidCharacter = "INVALID_CHARACTER",
    InvalidUuid = "INVALID_UUID",
    InvalidEmail = "INVALID_EMAIL",
    InvalidEnum = "INVALID_ENUM",
    InvalidTimestamp = "INVALID_TIMESTAMP",
    OutOfRange = "OUT_OF_RANGE",
    RfcInvalidFormat = "RFC_INVALID_FORMAT",
    RfcTypeMismatch = "RFC_TYPE_MISMATCH",
    UnknownField = "UNKNOWN_FIELD",
    ReadOnlyField = "READ_ONLY_FIELD",
    Immutable = "IMMUTABLE",
    MutuallyExclusive = "MUTUALLY_EXCLUSIVE",
    InvalidOrderBy = "INVALID_ORDER_BY",
    MalformedMessage = "MALFORMED_MESSAGE",
    RequestIdReused = "REQUEST_ID_REUSED",
    InvalidPageToken = "INVALID_PAGE_TOKEN",
    PageTooDeep = "PAGE_TOO_DEEP",
    AssigneeNotInOrganization = "ASSIGNEE_NOT_IN_ORGANIZATION",
    OrganizationNotFound = "ORGANIZATION_NOT_FOUND",
    IdentityMissing = "IDENTITY_MISSING",
    IdentityInvalid = "IDENTITY_INVALID",
    RoleRequired = "ROLE_REQUIRED",
    OrganizationNotAllowed = "ORGANIZATION_NOT_ALLOWED",
    ClientNotFound = "CLIENT_NOT_FOUND",
    MemberNotFound = "MEMBER_NOT_FOUND",
    EventNotFound = "EVENT_NOT_FOUND",
    ClientEmailTaken = "CLIENT_EMAIL_TAKEN",
    ClientTransitionNotAllowed = "CLIENT_TRANSITION_NOT_ALLOWED",
    EtagMismatch = "ETAG_MISMATCH",
    TransactionConflict = "TRANSACTION_CONFLICT",
    LockTimeout = "LOCK_TIMEOUT",
    DeadlineExceeded = "DEADLINE_EXCEEDED",
    ServerOverloaded = "SERVER_OVERLOADED",
    StorageFull = "STORAGE_FULL",
    DatabaseUnavailable = "DATABASE_UNAVAILABLE",
    DatabaseReadOnly = "DATABASE_READ_ONLY",
    CommitOutcomeUnknown = "COMMIT_OUTCOME_UNKNOWN",
    MessageTooLarge = "MESSAGE_TOO_LARGE",
    MethodNotFound = "METHOD_NOT_FOUND",
    Internal = "INTERNAL",
    ClientNotDeleted = "CLIENT_NOT_DELETED",
    OrganizationMismatch = "ORGANIZATION_MISMATCH",
    TooMany = "TOO_MANY",
    InvalidRange = "INVALID_RANGE",
    ShuttingDown = "SHUTTING_DOWN",
    TokenExpired = "TOKEN_EXPIRED",
    CompressionNotSupported = "COMPRESSION_NOT_SUPPORTED",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
