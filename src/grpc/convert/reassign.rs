//! Reassignments: requests → commands, moved clients → messages.

use super::check::{Check, optional};
use crate::domain::ids::{OrganizationId, RequestId, UserId};
use crate::error::{Problem, Result};
use crate::grpc::proto;
use crate::repository::{ReassignClients, Reassigned};

/// Most ids of one answer (client_service.proto): 400 KB of the 4 MiB that
/// callers take.
const IDS_MOST: usize = 10_000;

/// Reads a reassignment in `organization`: the caller's own or the one it named.
pub(in crate::grpc) fn reassign(
    message: &proto::ReassignClientsRequest,
    organization: Option<OrganizationId>,
) -> Result<(ReassignClients, Option<RequestId>)> {
    let mut check = Check::default();
    check.organization(&message.organization_id, organization);
    let from = check.required(
        "from_user_id",
        optional(&message.from_user_id, UserId::parse),
    );
    let to = check.field("to_user_id", optional(&message.to_user_id, UserId::parse));
    if message.unassign && to.is_some() {
        let other = "to_user_id";
        check.refuse("unassign", Problem::MutuallyExclusive { other });
    } else if !message.unassign && message.to_user_id.is_empty() {
        check.refuse("to_user_id", Problem::Required);
    }
    let request = check.request_id(&message.request_id);
    let change = ReassignClients {
        from,
        to,
        preview: message.validate_only,
    };
    check.finish((change, request))
}

/// `ReassignClientsResponse`.
pub(in crate::grpc) fn reassigned(moved: &Reassigned) -> proto::ReassignClientsResponse {
    let ids = moved.0.iter().take(IDS_MOST);
    proto::ReassignClientsResponse {
        count: i32::try_from(moved.0.len()).unwrap_or(i32::MAX),
        client_ids: ids.map(ToString::to_string).collect(),
    }
}
