//! One client: requests → commands.

use super::check::{Check, given, line, lines, optional};
use super::enums::{acquisition_source, client_status, client_type};
use super::mask::{self, Field};
use crate::domain::client::{
    ACQUISITION_DETAIL_MOST, BILLING_ADDRESS_MOST, BUSINESS_NAME_MOST, ClientFields, ClientPatch,
    ClientType, NAME_MOST, NOTES_MOST, NewClient,
};
use crate::domain::email;
use crate::domain::history::REASON_MOST;
use crate::domain::ids::{ClientId, OrganizationId, RequestId, UserId};
use crate::domain::phone::Phone;
use crate::domain::rfc::Rfc;
use crate::error::{Problem, Result};
use crate::grpc::proto;
use crate::repository::TransitionClient;

/// `CreateClientRequest`.
pub(in crate::grpc) struct Create {
    pub(in crate::grpc) client: NewClient,
    pub(in crate::grpc) request: Option<RequestId>,
}

/// Reads a creation in `organization`: the caller's own or the one it named.
pub(in crate::grpc) fn create(
    message: &proto::CreateClientRequest,
    organization: Option<OrganizationId>,
) -> Result<Create> {
    let mut check = Check::default();
    check.organization(&message.organization_id, organization);
    let fields = ClientFields {
        name: check.required("name", line(NAME_MOST)(&message.name)),
        email: check.field("email", given(message.email.as_ref(), email::parse)),
        phone: check.field("phone", given(message.phone.as_ref(), Phone::parse)),
        client_type: check
            .field("type", client_type(message.r#type))
            .unwrap_or(ClientType::Individual),
        status: check
            .field("status", client_status(message.status))
            .unwrap_or_default(),
        rfc: check.field("rfc", given(message.rfc.as_ref(), Rfc::parse)),
        business_name: check.field(
            "business_name",
            given(message.business_name.as_ref(), line(BUSINESS_NAME_MOST)),
        ),
        billing_address: check.field(
            "billing_address",
            given(
                message.billing_address.as_ref(),
                lines(BILLING_ADDRESS_MOST),
            ),
        ),
        acquisition_source: check.field(
            "acquisition_source",
            acquisition_source(message.acquisition_source),
        ),
        acquisition_detail: check.field(
            "acquisition_detail",
            given(
                message.acquisition_detail.as_ref(),
                line(ACQUISITION_DETAIL_MOST),
            ),
        ),
        notes: check.field("notes", given(message.notes.as_ref(), lines(NOTES_MOST))),
        assigned_to: check.field(
            "assigned_to_id",
            given(message.assigned_to_id.as_ref(), user_id),
        ),
    };
    if client_type(message.r#type).is_ok()
        && let Err(problem) = fields.check()
    {
        check.refuse("rfc", problem);
    }
    let request = check.request_id(&message.request_id);
    check.finish(Create {
        client: NewClient {
            id: ClientId::generate(),
            fields,
        },
        request,
    })
}

/// `UpdateClientRequest`.
pub(in crate::grpc) struct Update {
    pub(in crate::grpc) id: ClientId,
    pub(in crate::grpc) patch: ClientPatch,
    pub(in crate::grpc) etag: Option<String>,
    pub(in crate::grpc) request: Option<RequestId>,
}

/// Reads a change.
pub(in crate::grpc) fn update(message: &proto::UpdateClientRequest) -> Result<Update> {
    let mut check = Check::default();
    let id = check.required("id", optional(&message.id, ClientId::parse));
    let empty = proto::ClientPatch::default();
    let new = message.client.as_ref().unwrap_or(&empty);
    let mut patch = ClientPatch::default();
    for field in mask::fields(&mut check, message.update_mask.as_ref(), new) {
        set(&mut check, &mut patch, field, new);
    }
    let request = check.request_id(&message.request_id);
    check.finish(Update {
        id,
        patch,
        etag: etag(&message.etag),
        request,
    })
}

/// Sets one field of a patch to what the message holds, or clears it.
fn set(check: &mut Check, patch: &mut ClientPatch, field: Field, new: &proto::ClientPatch) {
    let path = format!("client.{}", field.name());
    match field {
        Field::Name => {
            patch.name = Some(check.required(path, given(new.name.as_ref(), line(NAME_MOST))));
        }
        Field::Email => {
            patch.email = Some(check.field(path, given(new.email.as_ref(), email::parse)));
        }
        Field::Phone => {
            patch.phone = Some(check.field(path, given(new.phone.as_ref(), Phone::parse)));
        }
        Field::Type => match client_type(new.r#type.unwrap_or_default()) {
            Ok(Some(client_type)) => patch.client_type = Some(client_type),
            Ok(None) => check.refuse(path, Problem::Required),
            Err(problem) => check.refuse(path, problem),
        },
        Field::Status => match client_status(new.status.unwrap_or_default()) {
            Ok(Some(status)) => patch.status = Some(status),
            Ok(None) => check.refuse(path, Problem::Required),
            Err(problem) => check.refuse(path, problem),
        },
        Field::Rfc => patch.rfc = Some(check.field(path, given(new.rfc.as_ref(), Rfc::parse))),
        Field::BusinessName => {
            let name = given(new.business_name.as_ref(), line(BUSINESS_NAME_MOST));
            patch.business_name = Some(check.field(path, name));
        }
        Field::BillingAddress => {
            let address = given(new.billing_address.as_ref(), lines(BILLING_ADDRESS_MOST));
            patch.billing_address = Some(check.field(path, address));
        }
        Field::AcquisitionSource => {
            let source = acquisition_source(new.acquisition_source.unwrap_or_default());
            patch.acquisition_source = Some(check.field(path, source));
        }
        Field::AcquisitionDetail => {
            let detail = given(
                new.acquisition_detail.as_ref(),
                line(ACQUISITION_DETAIL_MOST),
            );
            patch.acquisition_detail = Some(check.field(path, detail));
        }
        Field::Notes => {
            patch.notes = Some(check.field(path, given(new.notes.as_ref(), lines(NOTES_MOST))));
        }
        Field::AssignedToId => {
            let user = given(new.assigned_to_id.as_ref(), user_id);
            patch.assigned_to = Some(check.field(path, user));
        }
    }
}

/// `DeleteClientRequest`.
pub(in crate::grpc) struct Delete {
    pub(in crate::grpc) id: ClientId,
    pub(in crate::grpc) etag: Option<String>,
    pub(in crate::grpc) request: Option<RequestId>,
}

/// Reads a deletion.
pub(in crate::grpc) fn delete(message: &proto::DeleteClientRequest) -> Result<Delete> {
    let mut check = Check::default();
    let id = check.required("id", optional(&message.id, ClientId::parse));
    let request = check.request_id(&message.request_id);
    check.finish(Delete {
        id,
        etag: etag(&message.etag),
        request,
    })
}

/// `TransitionClientRequest`.
pub(in crate::grpc) struct Transition {
    pub(in crate::grpc) change: TransitionClient,
    pub(in crate::grpc) request: Option<RequestId>,
}

/// Reads a transition.
pub(in crate::grpc) fn transition(message: &proto::TransitionClientRequest) -> Result<Transition> {
    let mut check = Check::default();
    let change = TransitionClient {
        id: check.required("id", optional(&message.id, ClientId::parse)),
        target: check.required("target_status", client_status(message.target_status)),
        reason: check.field("reason", line(REASON_MOST)(&message.reason)),
        etag: etag(&message.etag),
    };
    let request = check.request_id(&message.request_id);
    check.finish(Transition { change, request })
}

/// Reads an undeletion: which client, and the id of the request.
pub(in crate::grpc) fn undelete(
    message: &proto::UndeleteClientRequest,
) -> Result<(ClientId, Option<RequestId>)> {
    let mut check = Check::default();
    let id = check.required("id", optional(&message.id, ClientId::parse));
    let request = check.request_id(&message.request_id);
    check.finish((id, request))
}

/// Most clients of one batch (api.md).
const BATCH_MOST: usize = 100;

/// Reads the ids of a batch.
pub(in crate::grpc) fn ids(message: &proto::BatchGetClientsRequest) -> Result<Vec<ClientId>> {
    let mut check = Check::default();
    let given = message.ids.len();
    if given > BATCH_MOST {
        let most = BATCH_MOST;
        check.refuse("ids", Problem::TooMany { most, given });
        return check.finish(Vec::new());
    }
    let ids = message.ids.iter().enumerate();
    let ids = ids
        .map(|(index, id)| check.required(format!("ids[{index}]"), optional(id, ClientId::parse)))
        .collect();
    check.finish(ids)
}

/// Reads the id of a client.
pub(in crate::grpc) fn id(given: &str) -> Result<ClientId> {
    let mut check = Check::default();
    let id = check.required("id", optional(given, ClientId::parse));
    check.finish(id)
}

fn user_id(text: &str) -> Result<Option<UserId>, Problem> {
    optional(text.trim(), UserId::parse)
}

fn etag(given: &str) -> Option<String> {
    (!given.is_empty()).then(|| given.to_owned())
}
