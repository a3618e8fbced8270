//! `UpdateClient`: only over what was read, and only what differs.

use nvito_clients::grpc::proto::{Client, ClientPatch, CreateClientRequest, UpdateClientRequest};
use tonic::Code;

use super::{assert_changed, full, masked, patch};
use crate::support::{Actor, App, Failure};

async fn at_etag(actor: &Actor, id: &str, etag: &str, notes: &str) -> Result<Client, Failure> {
    let request = UpdateClientRequest {
        etag: etag.to_owned(),
        ..masked(id, patch(|p| p.notes = Some(notes.to_owned())), &["notes"])
    };
    actor.update(request).await
}

#[tokio::test]
async fn a_client_changes_as_it_was_read_or_not_at_all() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let read = admin.create(full("Juan")).await.expect("created");
    let first = at_etag(&admin, &read.id, &read.etag, "primera").await;
    let first = first.expect("as it was read");
    for stale in [&read.etag, "1", "x"] {
        let refused = at_etag(&admin, &read.id, stale, "segunda").await;
        let refused = refused.expect_err("stale");
        refused.is(Code::Aborted, "ETAG_MISMATCH");
        assert_eq!(refused.metadata["current_etag"], first.etag);
        assert!(refused.details.retry_info().is_none());
    }
    assert_eq!(admin.get(&read.id).await.expect("found"), first);
    let second = at_etag(&admin, &read.id, &first.etag, "segunda").await;
    assert_changed(&first, &second.expect("as it was read"), |client| {
        client.notes = Some("segunda".to_owned());
    });
}

#[tokio::test]
async fn a_change_of_nothing_writes_nothing() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let member = org.member("Ana").await;
    let new = CreateClientRequest {
        assigned_to_id: Some(member.clone()),
        ..full("Juan")
    };
    let made = admin.create(new.clone()).await.expect("created");
    let before = app.contents().await;
    let same = ClientPatch {
        name: Some(" Juan ".to_owned()),
        email: new.email,
        phone: new.phone,
        r#type: Some(new.r#type),
        status: Some(new.status),
        rfc: Some("eku-900317-3c9".to_owned()),
        business_name: new.business_name,
        billing_address: new.billing_address,
        acquisition_source: Some(new.acquisition_source),
        acquisition_detail: new.acquisition_detail,
        notes: new.notes,
        assigned_to_id: Some(member),
    };
    for patch in [ClientPatch::default(), same.clone()] {
        let after = admin.patch(&made.id, patch).await.expect("nothing to do");
        assert_eq!(after, made);
    }
    assert_eq!(app.contents().await, before);
    let stale = UpdateClientRequest {
        etag: "stale".to_owned(),
        ..masked(&made.id, same, &[])
    };
    let refused = admin.update(stale).await.expect_err("stale");
    refused.is(Code::Aborted, "ETAG_MISMATCH");
}
