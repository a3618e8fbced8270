//! Clients → messages.

use std::collections::HashMap;

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

/// `BatchGetClientsResponse` of the clients `found` among those asked for.
pub(in crate::grpc) fn batch(
    asked: &[ClientId],
    found: &[Client],
    language: Language,
) -> proto::BatchGetClientsResponse {
    let found: HashMap<_, _> = found.iter().map(|client| (client.id, client)).collect();
    let (there, missing): (Vec<_>, Vec<_>) = asked.iter().partition(|id| found.contains_key(id));
    proto::BatchGetClientsResponse {
        clients: there
            .into_iter()
            .filter_map(|id| found.get(id).map(|found| client(found, language)))
            .collect(),
        missing_ids: missing.into_iter().map(ToString::to_string).collect(),
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
