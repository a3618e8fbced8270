//! One client: what is written of it, what is read back and what is refused.

mod create;
mod delete;
mod etags;
mod get;
mod held;
mod rules;
mod texts;
mod update;

use nvito_clients::grpc::proto::{
    AcquisitionSource, Client, ClientPatch, ClientStatus, ClientType, CreateClientRequest,
    UpdateClientRequest,
};
use prost_types::{FieldMask, Timestamp};
use tonic::Code;

use crate::support::{App, Failure, client};

/// A client of which everything is known but who looks after it.
fn full(name: &str) -> CreateClientRequest {
    let text = |text: &str| Some(text.to_owned());
    CreateClientRequest {
        email: text("Juan.Perez@example.com"),
        phone: text("55 1234-5678"),
        r#type: ClientType::Company.into(),
        status: ClientStatus::Active.into(),
        rfc: text("EKU9003173C9"),
        business_name: text("Escuela Kemper Urgate, S.A. de C.V."),
        billing_address: text("Av. Juárez 1\nCol. Centro, 06000 CDMX"),
        acquisition_source: AcquisitionSource::Referral.into(),
        acquisition_detail: text("María López (boda López)"),
        notes: text("Prefiere WhatsApp 🎉\n\tLlamar por la tarde"),
        ..client(name)
    }
}

/// A client of which only name and e-mail are known.
fn with_email(name: &str, email: &str) -> CreateClientRequest {
    CreateClientRequest {
        email: Some(email.to_owned()),
        ..client(name)
    }
}

/// What `change` makes of an empty change.
fn patch(change: impl FnOnce(&mut ClientPatch)) -> ClientPatch {
    let mut patch = ClientPatch::default();
    change(&mut patch);
    patch
}

/// A change of what the mask names.
fn masked(id: &str, patch: ClientPatch, paths: &[&str]) -> UpdateClientRequest {
    UpdateClientRequest {
        id: id.to_owned(),
        client: Some(patch),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }),
        ..UpdateClientRequest::default()
    }
}

/// A new event of a client, made past the service.
async fn link_event(app: &App, client: &Client, event: &str, name: &str, starts_at: &str) {
    let (id, organization) = (&client.id, &client.organization_id);
    app.execute(&format!(
        "INSERT INTO events (id, organization_id, name, starts_at, client_id)
         VALUES ('{event}', '{organization}', '{name}', {starts_at}, '{id}')"
    ))
    .await;
}

/// Asserts that one write led from `before` to `after`, which differ by
/// `change`, etag and time of the write alone.
#[track_caller]
fn assert_changed(before: &Client, after: &Client, change: impl FnOnce(&mut Client)) {
    let time = |time: Option<Timestamp>| time.map(|time| (time.seconds, time.nanos));
    assert_ne!(after.etag, before.etag);
    assert!(time(after.updated_at) > time(before.updated_at));
    let mut expected = before.clone();
    expected.etag.clone_from(&after.etag);
    expected.updated_at = after.updated_at;
    change(&mut expected);
    assert_eq!(*after, expected);
}

/// Asserts that a live client holds the e-mail.
#[track_caller]
fn assert_taken_by(holder: &Client, refused: &Failure) {
    refused.is(Code::AlreadyExists, "CLIENT_EMAIL_TAKEN");
    assert_eq!(refused.metadata["conflicting_client_id"], holder.id);
    let told = format!("{:?}", refused.status);
    assert!(!told.contains("example.com"), "{told}");
}

/// Asserts that the assignee in `field` is none.
#[track_caller]
fn assert_no_assignee(refused: &Failure, field: &str) {
    const REASON: &str = "ASSIGNEE_NOT_IN_ORGANIZATION";
    refused.is(Code::InvalidArgument, REASON);
    assert_eq!(refused.violations, [(field.to_owned(), REASON.to_owned())]);
}

/// Asserts that an error is as small as promised.
#[track_caller]
fn assert_small(refused: &Failure) {
    let size = refused.status.details().len();
    assert!(size <= 4096, "{size} bytes of details");
    assert!(refused.message.len() <= 512);
    assert!(refused.violations.len() <= 16);
}
