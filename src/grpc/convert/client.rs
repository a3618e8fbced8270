//! Clients: requests → commands, clients → messages.

use super::check::{Check, given, line, lines, optional};
use super::enums::{
    acquisition_source, client_status, client_type, to_acquisition_source, to_client_status,
    to_client_type,
};
use super::mask::{self, Field};
use super::page;
use super::time::timestamp;
use crate::domain::client::{
    ACQUISITION_DETAIL_MOST, BILLING_ADDRESS_MOST, BUSINESS_NAME_MOST, Client, ClientFields,
    ClientPatch, ClientType, NAME_MOST, NOTES_MOST, NewClient,
};
use crate::domain::ids::{ClientId, OrganizationId, RequestId, UserId};
use crate::domain::page::{Cursor, Fingerprint, Order, OrderBy};
use crate::domain::phone::Phone;
use crate::domain::rfc::{Rfc, RfcKind};
use crate::domain::{email, page::Page};
use crate::error::{Error, Problem, Result};
use crate::grpc::context::Language;
use crate::grpc::{messages, proto};
use crate::repository::{ClientFilter, ClientList, Position};

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

fn half(hash: &[u8; 32]) -> Fingerprint {
    let mut half = Fingerprint::default();
    half.copy_from_slice(&hash[..16]);
    half
}

/// `ListClientsResponse`.
pub(in crate::grpc) fn listed(
    found: &ClientList,
    list: &[u8; 32],
    language: Language,
) -> proto::ListClientsResponse {
    proto::ListClientsResponse {
        clients: found
            .clients
            .iter()
            .map(|found| client(found, language))
            .collect(),
        meta: Some(page::meta(&found.meta)),
        next_page_token: found
            .next
            .as_ref()
            .map(|cursor| cursor.encode(&half(list)))
            .unwrap_or_default(),
    }
}

/// An answer that holds a client.
pub(in crate::grpc) fn reply<A: 'static>(
    language: Language,
    wrap: fn(Option<proto::Client>) -> A,
) -> impl Fn(&Client) -> A + Clone + Send + Sync + 'static {
    move |written| wrap(Some(client(written, language)))
}

/// `Client`.
pub(in crate::grpc) fn client(client: &Client, language: Language) -> proto::Client {
    let fields = &client.fields;
    proto::Client {
        id: client.id.to_string(),
        organization_id: client.organization.to_string(),
        name: fields.name.clone(),
        email: fields.email.clone(),
        phone: fields.phone.as_ref().map(|phone| phone.typed.clone()),
        phone_e164: fields.phone.as_ref().and_then(|phone| phone.e164.clone()),
        r#type: to_client_type(fields.client_type).into(),
        status: to_client_status(fields.status).into(),
        rfc: fields.rfc.as_ref().map(|rfc| rfc.as_str().to_owned()),
        rfc_assessment: fields.rfc.as_ref().map(|rfc| assessment(rfc, language)),
        business_name: fields.business_name.clone(),
        billing_address: fields.billing_address.clone(),
        acquisition_source: fields
            .acquisition_source
            .map_or(proto::AcquisitionSource::Unspecified, to_acquisition_source)
            .into(),
        acquisition_detail: fields.acquisition_detail.clone(),
        notes: fields.notes.clone(),
        assigned_to: client.assigned_to.as_ref().map(|user| proto::UserSummary {
            id: user.id.to_string(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
        }),
        created_by: client.created_by.map(|user| user.to_string()),
        created_at: Some(timestamp(client.created_at)),
        updated_at: Some(timestamp(client.updated_at)),
        deleted_at: client.deleted_at.map(timestamp),
        etag: client.etag.to_string(),
        event_count: i32::try_from(client.event_count).unwrap_or(i32::MAX),
        events: client
            .events
            .iter()
            .map(|event| proto::EventSummary {
                id: event.id.to_string(),
                name: event.name.clone(),
                starts_at: event.starts_at.map(timestamp),
            })
            .collect(),
        allowed_transitions: fields
            .status
            .allowed_transitions()
            .iter()
            .map(|&status| to_client_status(status).into())
            .collect(),
    }
}

fn assessment(rfc: &Rfc, language: Language) -> proto::RfcAssessment {
    let kind = match rfc.kind() {
        RfcKind::Normal => proto::RfcKind::Normal,
        RfcKind::GenericNational => proto::RfcKind::GenericNational,
        RfcKind::GenericForeign => proto::RfcKind::GenericForeign,
    };
    let advisories = rfc
        .advisories()
        .into_iter()
        .map(|advisory| proto::RfcAdvisory {
            code: advisory.as_str().to_owned(),
            message: messages::advisory(advisory).in_(language).to_owned(),
        });
    proto::RfcAssessment {
        kind: kind.into(),
        advisories: advisories.collect(),
    }
}

fn user_id(text: &str) -> Result<Option<UserId>, Problem> {
    optional(text.trim(), UserId::parse)
}

fn etag(given: &str) -> Option<String> {
    (!given.is_empty()).then(|| given.to_owned())
}
