//! Clients: requests → commands.

use super::check::{Check, given, line, lines, optional};
use super::enums::{acquisition_source, client_status, client_type};
use super::mask::{self, Field};
use super::page;
use crate::domain::client::{
    ACQUISITION_DETAIL_MOST, BILLING_ADDRESS_MOST, BUSINESS_NAME_MOST, ClientFields, ClientPatch,
    ClientType, NAME_MOST, NOTES_MOST, NewClient,
};
use crate::domain::ids::{ClientId, OrganizationId, RequestId, UserId};
use crate::domain::page::{Cursor, Fingerprint, Order, OrderBy};
use crate::domain::phone::Phone;
use crate::domain::rfc::Rfc;
use crate::domain::{email, page::Page};
use crate::error::{Error, Problem, Result};
use crate::grpc::proto;
use crate::repository::{ClientFilter, Position};

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
    let named = check.field(
        "organization_id",
        optional(&message.organization_id, OrganizationId::parse),
    );
    if named.or(organization).is_none() && message.organization_id.is_empty() {
        check.refuse("organization_id", Problem::Required);
    }
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

/// Reads the id of a client.
pub(in crate::grpc) fn id(given: &str) -> Result<ClientId> {
    let mut check = Check::default();
    let id = check.required("id", optional(given, ClientId::parse));
    check.finish(id)
}

/// `ListClientsRequest`.
pub(in crate::grpc) struct List {
    pub(in crate::grpc) filter: ClientFilter,
    pub(in crate::grpc) order: Order,
    pub(in crate::grpc) position: Position,
}

/// The request without what changes from page to page: the list that a
/// `page_token` belongs to.
pub(in crate::grpc) fn without_position(
    message: &proto::ListClientsRequest,
) -> proto::ListClientsRequest {
    proto::ListClientsRequest {
        page: 0,
        limit: 0,
        page_token: String::new(),
        ..message.clone()
    }
}

/// Reads a list, whose tokens hold the first half of `list`.
pub(in crate::grpc) fn list(message: &proto::ListClientsRequest, list: &[u8; 32]) -> Result<List> {
    let mut check = Check::default();
    let page = page::page(&mut check, message.page, message.limit);
    check.field(
        "organization_id",
        optional(&message.organization_id, OrganizationId::parse),
    );
    let assignee = check.field(
        "assigned_to_id",
        optional(&message.assigned_to_id, UserId::parse),
    );
    if message.unassigned && !message.assigned_to_id.is_empty() {
        check.refuse(
            "unassigned",
            Problem::MutuallyExclusive {
                other: "assigned_to_id",
            },
        );
    }
    if !message.page_token.is_empty() && message.page > 1 {
        check.refuse(
            "page",
            Problem::MutuallyExclusive {
                other: "page_token",
            },
        );
    }
    let filter = ClientFilter {
        search: check.search(&message.search),
        status: check.field("status", client_status(message.status)),
        client_type: check.field("type", client_type(message.r#type)),
        assigned_to: if message.unassigned {
            Some(None)
        } else {
            assignee.map(Some)
        },
        show_deleted: message.show_deleted,
    };
    let order = check.field("order_by", Order::parse(&message.order_by));
    let (filter, order) = check.finish((filter, order))?;
    let position = position(message, page, order.by, &half(list))?;
    Ok(List {
        filter,
        order,
        position,
    })
}

fn position(
    message: &proto::ListClientsRequest,
    page: Page,
    by: OrderBy,
    list: &Fingerprint,
) -> Result<Position, Error> {
    if message.page_token.is_empty() {
        page.check_depth()?;
        return Ok(Position::Page(page));
    }
    Ok(Position::After(
        Cursor::decode(&message.page_token, by, list)?,
        page.limit,
    ))
}

pub(super) fn half(hash: &[u8; 32]) -> Fingerprint {
    let mut half = Fingerprint::default();
    half.copy_from_slice(&hash[..16]);
    half
}

fn user_id(text: &str) -> Result<Option<UserId>, Problem> {
    optional(text.trim(), UserId::parse)
}

fn etag(given: &str) -> Option<String> {
    (!given.is_empty()).then(|| given.to_owned())
}
