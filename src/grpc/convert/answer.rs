//! Clients → messages.

use std::collections::HashSet;

use super::enums::{to_acquisition_source, to_client_status, to_client_type};
use super::list::half;
use super::page;
use super::time::timestamp;
use crate::domain::client::Client;
use crate::domain::ids::ClientId;
use crate::domain::rfc::{Rfc, RfcKind};
use crate::grpc::context::Language;
use crate::grpc::{messages, proto};
use crate::repository::ClientList;

/// `ListClientsResponse`.
pub(in crate::grpc) fn listed(
    found: ClientList,
    list: &[u8; 32],
    language: Language,
) -> proto::ListClientsResponse {
    proto::ListClientsResponse {
        clients: found
            .clients
            .into_iter()
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

/// `BatchGetClientsResponse` of the clients `found` among those asked for, in their order.
pub(in crate::grpc) fn batch(
    asked: &[ClientId],
    found: Vec<Client>,
    language: Language,
) -> proto::BatchGetClientsResponse {
    let there: HashSet<ClientId> = found.iter().map(|client| client.id).collect();
    let missing = asked.iter().filter(|id| !there.contains(id));
    proto::BatchGetClientsResponse {
        missing_ids: missing.map(ToString::to_string).collect(),
        clients: found
            .into_iter()
            .map(|found| client(found, language))
            .collect(),
    }
}

/// An answer that holds a client.
pub(in crate::grpc) fn reply<A: 'static>(
    language: Language,
    wrap: fn(Option<proto::Client>) -> A,
) -> impl Fn(&Client) -> A + Clone + Send + Sync + 'static {
    move |written| wrap(Some(client(written.clone(), language)))
}

/// `Client`.
pub(in crate::grpc) fn client(client: Client, language: Language) -> proto::Client {
    let fields = client.fields;
    let (phone, phone_e164) = fields.phone.map(|phone| (phone.typed, phone.e164)).unzip();
    proto::Client {
        id: client.id.to_string(),
        organization_id: client.organization.to_string(),
        name: fields.name,
        email: fields.email,
        phone,
        phone_e164: phone_e164.flatten(),
        r#type: to_client_type(fields.client_type).into(),
        status: to_client_status(fields.status).into(),
        rfc_assessment: fields.rfc.as_ref().map(|rfc| assessment(rfc, language)),
        rfc: fields.rfc.map(|rfc| rfc.as_str().to_owned()),
        business_name: fields.business_name,
        billing_address: fields.billing_address,
        acquisition_source: fields
            .acquisition_source
            .map_or(proto::AcquisitionSource::Unspecified, to_acquisition_source)
            .into(),
        acquisition_detail: fields.acquisition_detail,
        notes: fields.notes,
        assigned_to: client.assigned_to.map(|user| proto::UserSummary {
            id: user.id.to_string(),
            first_name: user.first_name,
            last_name: user.last_name,
        }),
        created_by: client.created_by.map(|user| user.to_string()),
        created_at: Some(timestamp(client.created_at)),
        updated_at: Some(timestamp(client.updated_at)),
        deleted_at: client.deleted_at.map(timestamp),
        etag: client.etag.to_string(),
        event_count: i32::try_from(client.event_count).unwrap_or(i32::MAX),
        events: client
            .events
            .into_iter()
            .map(|event| proto::EventSummary {
                id: event.id.to_string(),
                name: event.name,
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

/// `RfcAssessment`.
pub(super) fn assessment(rfc: &Rfc, language: Language) -> proto::RfcAssessment {
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
