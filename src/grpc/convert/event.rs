//! The client of an event: requests → commands, linked events → messages.

use super::check::{Check, optional};
use super::enums::{to_client_status, to_client_type};
use super::time::timestamp;
use crate::domain::event::{ClientCard, LinkedEvent};
use crate::domain::ids::{ClientId, EventId};
use crate::error::Result;
use crate::grpc::proto;
use crate::repository::{LinkEvent, UnlinkEvent};

/// Reads a link.
pub(in crate::grpc) fn link(message: &proto::LinkEventRequest) -> Result<LinkEvent> {
    let mut check = Check::default();
    let event = check.required("event_id", optional(&message.event_id, EventId::parse));
    let client = check.required("client_id", optional(&message.client_id, ClientId::parse));
    check.finish(LinkEvent { event, client })
}

/// Reads what is to be unlinked.
pub(in crate::grpc) fn unlink(message: &proto::UnlinkEventRequest) -> Result<UnlinkEvent> {
    let mut check = Check::default();
    let event = check.required("event_id", optional(&message.event_id, EventId::parse));
    check.finish(UnlinkEvent(event))
}

/// Reads the id of an event.
pub(in crate::grpc) fn id(message: &proto::GetEventRequest) -> Result<EventId> {
    let mut check = Check::default();
    let id = check.required("id", optional(&message.id, EventId::parse));
    check.finish(id)
}

/// `Event`.
pub(in crate::grpc) fn event(linked: &LinkedEvent) -> proto::Event {
    let event = &linked.event;
    proto::Event {
        id: event.id.to_string(),
        organization_id: event.organization.to_string(),
        name: event.name.clone(),
        starts_at: event.starts_at.map(timestamp),
        client: linked.client.as_ref().map(card),
    }
}

fn card(card: &ClientCard) -> proto::ClientCard {
    proto::ClientCard {
        id: card.id.to_string(),
        name: card.name.clone(),
        email: card.email.clone(),
        phone: card.phone.clone(),
        r#type: to_client_type(card.client_type).into(),
        status: to_client_status(card.status).into(),
        rfc: card.rfc.clone(),
        business_name: card.business_name.clone(),
        billing_address: card.billing_address.clone(),
    }
}
