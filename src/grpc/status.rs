//! [`Error`] → `google.rpc.Status` with details (errors.md). The only place
//! that makes a `Status`.

use std::collections::HashMap;
use std::time::Duration;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{
    ErrorDetails, FieldViolation, LocalizedMessage, PreconditionViolation, StatusExt,
};
use uuid::Uuid;

use super::context::{Context, Language};
use super::messages::{self, names};
use crate::error::{Cause, Error, Reason, Violation, causes};

/// `ErrorInfo.domain`.
pub const DOMAIN: &str = "clients.nvito.mx";

/// Most bytes of the violations of one answer: they share the 4 KiB of the
/// details (api.md "Errors") with the reason, the request id and a sentence.
const VIOLATIONS_MOST: usize = 3500;

/// How long a caller should wait before it tries again.
const RETRY_AFTER_MILLIS: u64 = 200;

/// The status of an error, in the language of the call. A fault of ours is
/// logged here, once, with all that lies behind it; a caller learns its id.
pub fn of(error: &Error, context: Option<&Context>) -> Status {
    let reason = error.reason();
    let language = context.map_or(Language::Spanish, |context| context.language);
    let request_id = context.map_or("", |context| context.request_id.as_str());

    let error_id = match error {
        // Told by the thousand, and counted: the layers have one line for many.
        Error::System {
            reason: Reason::ServerOverloaded,
            ..
        } => None,
        Error::System { cause, .. } | Error::CommitOutcomeUnknown { cause, .. } => {
            Some(log(error, request_id, cause))
        }
        _ => None,
    };
    let mut details = ErrorDetails::new();
    details.set_error_info(reason.as_str(), DOMAIN, metadata(error, error_id));
    details.set_request_info(request_id, "");
    let sentence = messages::headline(reason);
    details.set_localized_message(language.tag(), sentence.in_(language));
    match error {
        Error::Invalid { violations, .. } => {
            details.set_bad_request(fitting(violations, language));
        }
        Error::NotFound { resource, id } => {
            details.set_resource_info(resource.type_name(), id.to_string(), "", "");
        }
        Error::TransitionNotAllowed { from, to } => {
            details.set_precondition_failure(vec![PreconditionViolation::new(
                reason.as_str(),
                "client.status",
                messages::transition(*from, *to).in_(language),
            )]);
        }
        Error::ClientNotDeleted => {
            details.set_precondition_failure(vec![PreconditionViolation::new(
                reason.as_str(),
                "client.deleted_at",
                sentence.in_(language),
            )]);
        }
        _ => {}
    }
    let mut trailers = MetadataMap::new();
    if is_retryable(reason) {
        details.set_retry_info(Some(Duration::from_millis(RETRY_AFTER_MILLIS)));
        trailers.insert(
            "grpc-retry-pushback-ms",
            MetadataValue::from(RETRY_AFTER_MILLIS),
        );
    } else if is_final(error) {
        trailers.insert("grpc-retry-pushback-ms", MetadataValue::from_static("-1"));
    }
    // English for whoever programs, LocalizedMessage for whoever reads (AIP-193).
    let message = sentence.in_(Language::English);
    Status::with_error_details_and_metadata(code(reason), message, details, trailers)
}

/// As many violations as an answer has room for.
fn fitting(violations: &[Violation], language: Language) -> Vec<FieldViolation> {
    let mut room = VIOLATIONS_MOST;
    let all = violations
        .iter()
        .map(|violation| field(violation, language));
    all.take_while(|violation| {
        let local = violation.localized_message.as_ref();
        let texts = [
            violation.field.len(),
            violation.description.len(),
            violation.reason.len(),
            local.map_or(0, |local| local.locale.len() + local.message.len()),
        ];
        // Each text has a tag and a length of one or two bytes, and so have
        // the messages around them.
        let size = texts.iter().sum::<usize>() + 24;
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    })
    .collect()
}

fn field(violation: &Violation, language: Language) -> FieldViolation {
    let sentence = messages::problem(&violation.problem);
    FieldViolation {
        field: violation.field.clone(),
        description: sentence.in_(Language::English).to_owned(),
        reason: violation.problem.reason().as_str().to_owned(),
        localized_message: Some(LocalizedMessage::new(
            language.tag(),
            sentence.in_(language),
        )),
    }
}

/// `ErrorInfo.metadata`: what a program needs beyond the reason; of what nobody expected,
/// the id under which the log has it.
fn metadata(error: &Error, error_id: Option<String>) -> HashMap<String, String> {
    let pair = |key: &str, value: String| HashMap::from([(key.to_owned(), value)]);
    match error {
        Error::Unauthenticated { key, .. } => pair("key", (*key).to_owned()),
        Error::RoleRequired { roles } => pair(
            "roles",
            roles
                .iter()
                .map(|role| role.as_str())
                .collect::<Vec<_>>()
                .join(","),
        ),
        Error::EmailTaken { holder } => pair("conflicting_client_id", holder.to_string()),
        Error::EtagMismatch { current } => pair("current_etag", current.to_string()),
        Error::TransitionNotAllowed { from, to } => HashMap::from([
            ("from".to_owned(), from.to_string()),
            ("to".to_owned(), to.to_string()),
            ("allowed".to_owned(), names(from.allowed_transitions(), ",")),
        ]),
        Error::CommitOutcomeUnknown { retry_safe, .. } => {
            pair("retry_safe", retry_safe.to_string())
        }
        Error::System {
            reason: Reason::Internal,
            ..
        } => error_id.map_or_else(HashMap::new, |id| pair("error_id", id)),
        _ => HashMap::new(),
    }
}

/// Logs a fault with all that lies behind it, under an id that names it.
fn log(error: &Error, request_id: &str, cause: &Cause) -> String {
    let error_id = Uuid::now_v7().to_string();
    let (reason, causes) = (error.reason().as_str(), causes(cause.as_ref()));
    match error.reason() {
        // What a caller can bring about at will is no fault of ours.
        Reason::ShuttingDown
        | Reason::MessageTooLarge
        | Reason::MethodNotFound
        | Reason::CompressionNotSupported
        | Reason::DeadlineExceeded
        | Reason::TransactionConflict
        | Reason::LockTimeout => {
            tracing::warn!(request_id, error_id, reason, cause = causes, "call refused");
        }
        _ => tracing::error!(request_id, error_id, reason, cause = causes, "call failed"),
    }
    error_id
}

/// The code of each reason. A reason that stands in a violation only never
/// gets here on its own; it is the caller's fault all the same.
fn code(reason: Reason) -> Code {
    match reason {
        Reason::ValidationFailed
        | Reason::Required
        | Reason::TooLong
        | Reason::InvalidCharacter
        | Reason::InvalidUuid
        | Reason::InvalidEmail
        | Reason::InvalidEnum
        | Reason::InvalidTimestamp
        | Reason::OutOfRange
        | Reason::TooMany
        | Reason::InvalidRange
        | Reason::OrganizationMismatch
        | Reason::RfcInvalidFormat
        | Reason::RfcTypeMismatch
        | Reason::UnknownField
        | Reason::ReadOnlyField
        | Reason::Immutable
        | Reason::MutuallyExclusive
        | Reason::InvalidOrderBy
        | Reason::MalformedMessage
        | Reason::RequestIdReused
        | Reason::InvalidPageToken
        | Reason::PageTooDeep
        | Reason::AssigneeNotInOrganization
        | Reason::OrganizationNotFound => Code::InvalidArgument,
        Reason::IdentityMissing | Reason::IdentityInvalid | Reason::TokenExpired => {
            Code::Unauthenticated
        }
        Reason::RoleRequired | Reason::OrganizationNotAllowed => Code::PermissionDenied,
        Reason::ClientNotFound | Reason::MemberNotFound | Reason::EventNotFound => Code::NotFound,
        Reason::ClientEmailTaken => Code::AlreadyExists,
        Reason::ClientTransitionNotAllowed | Reason::ClientNotDeleted => Code::FailedPrecondition,
        Reason::EtagMismatch | Reason::TransactionConflict | Reason::LockTimeout => Code::Aborted,
        Reason::DeadlineExceeded => Code::DeadlineExceeded,
        Reason::ServerOverloaded | Reason::StorageFull | Reason::MessageTooLarge => {
            Code::ResourceExhausted
        }
        Reason::DatabaseUnavailable
        | Reason::DatabaseReadOnly
        | Reason::CommitOutcomeUnknown
        | Reason::ShuttingDown => Code::Unavailable,
        Reason::MethodNotFound | Reason::CompressionNotSupported => Code::Unimplemented,
        Reason::Internal => Code::Internal,
    }
}

/// Whether a client that repeats calls by their code, as its service config
/// says, must not repeat this one: it would fail again or be done twice.
fn is_final(error: &Error) -> bool {
    match error {
        Error::EtagMismatch { .. } => true,
        Error::CommitOutcomeUnknown { retry_safe, .. } => !retry_safe,
        _ => error.reason() == Reason::MessageTooLarge,
    }
}

/// Whether the same call may succeed a moment later.
fn is_retryable(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TransactionConflict
            | Reason::LockTimeout
            | Reason::ServerOverloaded
            | Reason::StorageFull
            | Reason::DatabaseUnavailable
            | Reason::DatabaseReadOnly
            | Reason::ShuttingDown
    )
}
