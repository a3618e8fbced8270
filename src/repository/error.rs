//! What the driver says → [`Error`]. The only place that reads driver errors.
//!
//! diesel-async keeps eight SQLSTATEs; every other error is
//! `DatabaseErrorKind::Unknown` with PostgreSQL's message and nothing else. So
//! messages are read here, in English: sessions set `lc_messages = C`.

use deadpool::managed::TimeoutType;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DriverError};
use diesel_async::pooled_connection::deadpool::PoolError;

use super::counts;
use super::said::Said;
use crate::error::{Cause, Error, Problem, Reason};

/// The unique index on the e-mail of live clients.
const LIVE_EMAIL: &str = "clients_live_email_key";

/// The key of answers that are kept.
const ONE_ANSWER: &str = "idempotent_requests_pkey";

/// Messages of PostgreSQL 15–18 (`src/backend/**/*.c`) that the driver hands on
/// without their SQLSTATE, by how they begin.
const MESSAGES: [(&str, Reason); 15] = [
    ("deadlock detected", Reason::TransactionConflict), // 40P01
    (
        "canceling statement due to lock timeout",
        Reason::LockTimeout,
    ), // 55P03
    (
        "canceling statement due to statement timeout",
        Reason::DeadlineExceeded,
    ), // 57014
    (
        "canceling statement due to user request",
        Reason::DatabaseUnavailable,
    ), // 57014
    ("could not extend file", Reason::StorageFull),     // 53100
    ("could not write to file", Reason::StorageFull),   // 53100
    ("out of memory", Reason::StorageFull),             // 53200
    ("out of shared memory", Reason::StorageFull),      // 53200
    (
        "terminating connection due to administrator command",
        Reason::DatabaseUnavailable,
    ), // 57P01
    (
        "terminating connection because of crash",
        Reason::DatabaseUnavailable,
    ), // 57P02
    ("the database system is", Reason::DatabaseUnavailable), // 57P03
    (
        "sorry, too many clients already",
        Reason::DatabaseUnavailable,
    ), // 53300
    (
        "remaining connection slots are reserved",
        Reason::DatabaseUnavailable,
    ), // 53300
    ("too many connections for", Reason::DatabaseUnavailable), // 53300
    (
        "terminating connection due to idle-in-transaction timeout",
        Reason::TransactionConflict,
    ), // 25P03
];

/// The reason of a driver error that no constraint explains.
pub fn classify(error: &DriverError) -> Reason {
    let DriverError::DatabaseError(kind, information) = error else {
        return match error {
            // The manager found the connection gone.
            DriverError::BrokenTransactionManager => Reason::DatabaseUnavailable,
            _ => Reason::Internal,
        };
    };
    match kind {
        DatabaseErrorKind::SerializationFailure => Reason::TransactionConflict,
        DatabaseErrorKind::ReadOnlyTransaction => Reason::DatabaseReadOnly,
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
            Reason::DatabaseUnavailable
        }
        DatabaseErrorKind::Unknown => classify_message(information.message()),
        _ => Reason::Internal,
    }
}

fn is_tenant_wall(error: &DriverError) -> bool {
    let DriverError::DatabaseError(_, information) = error else {
        return false;
    };
    let message = information.message();
    message.starts_with("permission denied for")
        || message.starts_with("permission denied to set role")
        || message.starts_with("new row violates row-level security policy")
}

fn classify_message(message: &str) -> Reason {
    known(message).unwrap_or(Reason::Internal)
}

/// Whether it is a message that was read beforehand: none of those quotes data.
pub(super) fn is_known(message: &str) -> bool {
    known(message).is_some()
}

fn known(message: &str) -> Option<Reason> {
    let mut messages = MESSAGES.iter();
    let found = messages.find(|(start, _)| message.starts_with(start));
    found.map(|(_, reason)| *reason)
}

impl From<DriverError> for Error {
    fn from(cause: DriverError) -> Self {
        if is_tenant_wall(&cause) {
            counts::WALL_ALARMS.add();
            // SQLSTATE 42501: the code reached for what its role may not touch.
            tracing::error!(security = true, cause = %cause, "the wall in SQL refused a statement");
        }
        if let DriverError::DatabaseError(kind, information) = &cause
            && let Some(error) = constraint(*kind, information.as_ref())
        {
            return error(cause);
        }
        system(classify(&cause), cause)
    }
}

/// What a broken constraint means. Most are checked before the write; this is
/// for the row that came or went in between.
fn constraint(
    kind: DatabaseErrorKind,
    information: &dyn DatabaseErrorInformation,
) -> Option<fn(DriverError) -> Error> {
    match (kind, information.constraint_name()?) {
        // Somebody took the e-mail, or answered the same request, after we looked:
        // look again.
        (DatabaseErrorKind::UniqueViolation, LIVE_EMAIL | ONE_ANSWER) => {
            Some(|cause| system(Reason::TransactionConflict, cause))
        }
        (
            DatabaseErrorKind::ForeignKeyViolation,
            "clients_organization_id_fkey"
            | "organization_members_organization_id_fkey"
            | "events_organization_id_fkey",
        ) => Some(|_| Error::rule("organization_id", Problem::OrganizationNotFound)),
        (DatabaseErrorKind::ForeignKeyViolation, "clients_assigned_to_fkey") => {
            Some(|_| Error::rule("assigned_to_id", Problem::AssigneeNotInOrganization))
        }
        _ => None,
    }
}

fn system(reason: Reason, cause: DriverError) -> Error {
    Error::System {
        reason,
        cause: Box::new(Said(cause)),
    }
}

/// Whether the connection is gone, as far as the error tells: the connection
/// itself may learn of it a moment later.
pub(super) fn is_lost(cause: &DriverError) -> bool {
    classify(cause) == Reason::DatabaseUnavailable
}

/// What a failed COMMIT of a write means. Where the connection went away, it
/// may have happened.
pub(super) fn commit(cause: DriverError) -> Error {
    if is_lost(&cause) {
        unknown(Said(cause))
    } else {
        cause.into()
    }
}

/// What a failed statement means that went along with COMMIT. What PostgreSQL itself
/// refuses is not committed, also where it ends the connection over it; whatever else
/// went wrong, COMMIT is on its way.
pub(super) fn before_commit(cause: DriverError) -> Error {
    match &cause {
        DriverError::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
            _,
        ) => unknown(Said(cause)),
        DriverError::DatabaseError(..) => cause.into(),
        _ => unknown(Said(cause)),
    }
}

/// A write whose COMMIT got no answer: it may have happened.
pub(super) fn unknown(cause: impl Into<Cause>) -> Error {
    counts::COMMITS_UNKNOWN.add();
    Error::CommitOutcomeUnknown {
        retry_safe: false,
        cause: cause.into(),
    }
}

/// No connection to work on.
pub(super) fn pool(cause: PoolError) -> Error {
    let reason = match &cause {
        PoolError::Timeout(TimeoutType::Wait) => Reason::ServerOverloaded,
        _ => Reason::DatabaseUnavailable,
    };
    Error::System {
        reason,
        cause: Box::new(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_without_a_kind_are_told_by_their_message() {
        let cases = [
            ("deadlock detected", Reason::TransactionConflict),
            (
                "canceling statement due to lock timeout",
                Reason::LockTimeout,
            ),
            (
                "canceling statement due to statement timeout",
                Reason::DeadlineExceeded,
            ),
            (
                "could not extend file \"base/1/2\": No space left on device",
                Reason::StorageFull,
            ),
            (
                "the database system is starting up",
                Reason::DatabaseUnavailable,
            ),
            (
                "the database system is shutting down",
                Reason::DatabaseUnavailable,
            ),
            ("permission denied for table clients", Reason::Internal),
            (
                "invalid byte sequence for encoding \"UTF8\": 0x00",
                Reason::Internal,
            ),
        ];
        for (message, reason) in cases {
            let error = DriverError::DatabaseError(
                DatabaseErrorKind::Unknown,
                Box::new(message.to_owned()),
            );
            assert_eq!(classify(&error), reason, "{message}");
        }
    }

    /// A connection that is lost may have taken COMMIT along; one that PostgreSQL has
    /// ended with an answer to the statement before has not.
    #[test]
    fn what_is_refused_before_commit_is_not_committed() {
        let failed = |kind, message: &str| {
            before_commit(DriverError::DatabaseError(
                kind,
                Box::new(message.to_owned()),
            ))
            .reason()
        };
        let ended = "terminating connection due to administrator command";
        assert_eq!(
            failed(DatabaseErrorKind::Unknown, ended),
            Reason::DatabaseUnavailable
        );
        assert_eq!(
            failed(DatabaseErrorKind::ClosedConnection, "connection closed"),
            Reason::CommitOutcomeUnknown
        );
        // As many rows as were not expected are committed all the same.
        let other = before_commit(DriverError::NotFound).reason();
        assert_eq!(other, Reason::CommitOutcomeUnknown);
    }

    #[test]
    fn a_lost_connection_is_unavailable() {
        let lost =
            |kind| DriverError::DatabaseError(kind, Box::new("connection closed".to_owned()));
        assert_eq!(
            classify(&lost(DatabaseErrorKind::UnableToSendCommand)),
            Reason::DatabaseUnavailable
        );
        assert_eq!(
            classify(&DriverError::BrokenTransactionManager),
            Reason::DatabaseUnavailable
        );
        assert_eq!(classify(&DriverError::NotFound), Reason::Internal);
    }
}
