//! An event and the client who hires it (spec §5).

use crate::domain::client::ClientType;
use crate::domain::directory::Event;
use crate::domain::ids::ClientId;
use crate::domain::lifecycle::ClientStatus;

/// An event with its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedEvent {
    /// The event.
    pub event: Event,
    /// Who hires it; nobody while that client is deleted.
    pub client: Option<ClientCard>,
}

/// A client, as much as the form of an event, its contract and its detail need
/// (spec §5, phase 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCard {
    /// Which.
    pub id: ClientId,
    /// Full name or trade name.
    pub name: String,
    /// Contact address.
    pub email: Option<String>,
    /// Telephone or WhatsApp, as typed.
    pub phone: Option<String>,
    /// Natural or legal person.
    pub client_type: ClientType,
    /// Where the client stands.
    pub status: ClientStatus,
    /// For the invoice, normalised.
    pub rfc: Option<String>,
    /// Razón social, for the invoice.
    pub business_name: Option<String>,
    /// Domicilio fiscal, for the invoice.
    pub billing_address: Option<String>,
}
