//! What would be said of an RFC.

use super::answer::assessment;
use super::check::{Check, lines};
use super::enums::client_type;
use crate::domain::rfc::{self, Rfc};
use crate::error::{Problem, Result};
use crate::grpc::context::Language;
use crate::grpc::{messages, proto};

/// Most characters that are looked at: an RFC has 13.
const MOST: usize = 100;

/// Answers a `ValidateFiscalDataRequest`.
pub(in crate::grpc) fn validate(
    message: &proto::ValidateFiscalDataRequest,
    language: Language,
) -> Result<proto::ValidateFiscalDataResponse> {
    let mut check = Check::default();
    let given = check.required("rfc", given(&message.rfc));
    let client_type = check.field("type", client_type(message.r#type));
    let (given, client_type) = check.finish((given, client_type))?;
    let parsed = Rfc::parse(&given).and_then(|rfc| rfc.ok_or(Problem::RfcInvalidFormat));
    let problem = match (&parsed, client_type) {
        (Err(problem), _) => Some(problem.clone()),
        (Ok(rfc), Some(client_type)) => rfc.check_type(client_type).err(),
        (Ok(_), None) => None,
    };
    Ok(proto::ValidateFiscalDataResponse {
        normalized: rfc::normalize(&given),
        valid: problem.is_none(),
        violations: problem
            .map(|problem| violation(&problem, language))
            .into_iter()
            .collect(),
        assessment: parsed.ok().map(|rfc| assessment(&rfc, language)),
    })
}

/// What is more than spaces and signs, of which a creation makes no RFC either.
/// Tabs and line breaks come with pasted text and are dropped like spaces.
fn given(text: &str) -> Result<Option<String>, Problem> {
    let given = lines(MOST)(text)?;
    Ok(given.filter(|text| !rfc::normalize(text).is_empty()))
}

fn violation(problem: &Problem, language: Language) -> proto::FiscalViolation {
    proto::FiscalViolation {
        reason: problem.reason().as_str().to_owned(),
        message: messages::problem(problem).in_(language).to_owned(),
    }
}
