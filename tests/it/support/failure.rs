//! A status and its details, as a test wants to read them.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// `ErrorInfo.reason`.
    pub(crate) reason: String,
    /// `ErrorInfo.metadata`.
    pub(crate) metadata: HashMap<String, String>,
    /// Field and reason of each violation.
    pub(crate) violations: Vec<(String, String)>,
    pub(crate) details: ErrorDetails,
    pub(crate) status: Status,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().cloned();
        let violations = details.bad_request().map_or_else(Vec::new, |bad| {
            bad.field_violations
                .iter()
                .map(|v| (v.field.clone(), v.reason.clone()))
                .collect()
        });
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            reason: info
                .as_ref()
                .map(|info| info.reason.clone())
                .unwrap_or_default(),
            metadata: info.map(|info| info.metadata).unwrap_or_default(),
            violations,
            details,
            status,
        }
    }
}

impl Failure {
    /// Asserts code and reason.
    #[track_caller]
    pub(crate) fn is(&self, code: Code, reason: &str) -> &Self {
        assert_eq!(
            (self.code, self.reason.as_str()),
            (code, reason),
            "{self:?}"
        );
        self
    }

    /// Asserts `VALIDATION_FAILED` with exactly these fields and reasons.
    #[track_caller]
    pub(crate) fn violates(&self, expected: &[(&str, &str)]) -> &Self {
        self.is(Code::InvalidArgument, "VALIDATION_FAILED");
        let expected: Vec<_> = expected
            .iter()
            .map(|&(f, r)| (f.to_owned(), r.to_owned()))
            .collect();
        assert_eq!(self.violations, expected);
        self
    }

    /// The localized message of the whole.
    pub(crate) fn localized(&self) -> (String, String) {
        let message = self
            .details
            .localized_message()
            .expect("a localized message");
        (message.locale.clone(), message.message.clone())
    }
}
