//! Suggestions: requests → what was typed, clients → messages.

use super::check::Check;
use super::enums::to_client_status;
use crate::domain::ids::OrganizationId;
use crate::domain::search::Search;
use crate::error::{Problem, Result};
use crate::grpc::proto;
use crate::repository::Suggestion;

/// Suggestions when the caller does not say how many.
const DEFAULT: i64 = 10;
/// Most suggestions (api.md).
const MOST: i64 = 20;

/// Reads what was typed and how many clients to suggest of `organization`: the
/// caller's own or the one it named.
pub(in crate::grpc) fn suggest(
    message: &proto::SuggestClientsRequest,
    organization: Option<OrganizationId>,
) -> Result<(Search, i64)> {
    let mut check = Check::default();
    check.organization(&message.organization_id, organization);
    let query = check.required("query", Search::parse(&message.query));
    let limit = i64::from(message.limit);
    if limit < 0 {
        let (least, most) = (1, MOST);
        check.refuse("limit", Problem::OutOfRange { least, most });
    }
    let limit = if limit == 0 { DEFAULT } else { limit.min(MOST) };
    check.finish((query, limit))
}

/// `SuggestClientsResponse`.
pub(in crate::grpc) fn suggested(found: Vec<Suggestion>) -> proto::SuggestClientsResponse {
    let suggestions = found.into_iter().map(|client| proto::ClientSuggestion {
        client_id: client.id.to_string(),
        name: client.name,
        email: client.email,
        phone: client.phone,
        status: to_client_status(client.status).into(),
    });
    proto::SuggestClientsResponse {
        suggestions: suggestions.collect(),
    }
}
