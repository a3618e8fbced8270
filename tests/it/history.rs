//! What is told of a client's life: every write, once, for ever.

mod fields;
mod guard;
mod kinds;
mod pages;
mod sight;
mod silence;

use nvito_clients::grpc::proto::ClientHistoryKind as Kind;
use nvito_clients::grpc::proto::{
    AcquisitionSource, ClientStatus, ClientType, CreateClientRequest, ListClientHistoryRequest,
};

use crate::support::{Actor, Change, assert_told, changes, client};

/// A company of which everything is known, looked after by `assignee`.
fn full(assignee: &str) -> CreateClientRequest {
    let text = |text: &str| Some(text.to_owned());
    CreateClientRequest {
        email: text("Eventos@norte.mx"),
        phone: text("(55) 1234-5678"),
        r#type: ClientType::Company.into(),
        status: ClientStatus::Active.into(),
        rfc: text("eku-900317 3c9"),
        business_name: text("Eventos del Norte, S.A. de C.V."),
        billing_address: text("Av. Juárez 1\nCol. Centro"),
        acquisition_source: AcquisitionSource::SocialMedia.into(),
        acquisition_detail: text("campaña de mayo"),
        notes: text("Llamar por la tarde"),
        assigned_to_id: text(assignee),
        ..client(" Eventos del Norte ")
    }
}

/// The first page of a history.
fn of(id: &str) -> ListClientHistoryRequest {
    ListClientHistoryRequest {
        client_id: id.to_owned(),
        ..ListClientHistoryRequest::default()
    }
}

/// Who calls each of its calls by its own user id.
fn named(actor: Actor) -> Actor {
    let name = actor.user_id();
    actor.saying("x-request-id", &name)
}

/// Asserts what the last write of a client tells: that `by` did it, in a call
/// of its own name, what it did and what it changed.
async fn assert_last(by: &Actor, root: &Actor, id: &str, kind: Kind, told: &[Change<'_>]) {
    let history = root.history(id).await.expect("told");
    assert_told(&root.even_deleted(id).await.expect("found"), &history);
    let last = &history[0];
    assert_eq!((last.kind(), &*changes(last)), (kind, told));
    assert_eq!(
        (&last.actor_id, &last.request_id),
        (&by.user_id(), &by.user_id())
    );
    assert_eq!(last.reason, None);
}
