//! What a creation and a change tell, field by field, and how a call is named.

use nvito_clients::grpc::proto::ClientHistoryKind as Kind;
use nvito_clients::grpc::proto::{
    ClientPatch, ClientStatus, ClientType, CreateClientRequest, TransitionClientRequest,
    UpdateClientRequest,
};
use prost_types::FieldMask;

use super::{assert_last, full, named};
use crate::support::{App, client, nobody};

#[tokio::test]
async fn a_creation_tells_every_field_given() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (named(org.platform_admin()), app.super_admin());
    let ana = org.member("Ana").await;
    let made = admin.create(full(&ana)).await.expect("created");
    let told = [
        ("name", None, Some("Eventos del Norte")),
        ("email", None, Some("Eventos@norte.mx")),
        ("phone", None, Some("(55) 1234-5678")),
        ("type", None, Some("COMPANY")),
        ("status", None, Some("ACTIVE")),
        ("rfc", None, Some("EKU9003173C9")),
        (
            "business_name",
            None,
            Some("Eventos del Norte, S.A. de C.V."),
        ),
        ("billing_address", None, Some("Av. Juárez 1\nCol. Centro")),
        ("acquisition_source", None, Some("SOCIAL_MEDIA")),
        ("acquisition_detail", None, Some("campaña de mayo")),
        ("notes", None, Some("Llamar por la tarde")),
        ("assigned_to_id", None, Some(ana.as_str())),
    ];
    assert_last(&admin, &root, &made.id, Kind::Created, &told).await;

    let made = admin.create(client("Ana")).await.expect("created");
    let told = [
        ("name", None, Some("Ana")),
        ("type", None, Some("INDIVIDUAL")),
        ("status", None, Some("PROSPECT")),
    ];
    assert_last(&admin, &root, &made.id, Kind::Created, &told).await;
}

#[tokio::test]
async fn a_change_tells_each_field_that_changed() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (named(org.platform_admin()), app.super_admin());
    let (ana, eva) = (org.member("Ana").await, org.member("Eva").await);
    let made = admin.create(full(&ana)).await.expect("created");
    let text = |text: &str| Some(text.to_owned());
    let patch = ClientPatch {
        name: text("Eventos del Norte"),
        phone: text("55 1234 5678"),
        r#type: Some(ClientType::Individual.into()),
        status: Some(ClientStatus::Completed.into()),
        rfc: text("CACX7605101P8"),
        billing_address: text("Av. Juárez 2"),
        assigned_to_id: text(&eva),
        ..ClientPatch::default()
    };
    // In no order, and with a field that stays as it is.
    let paths = "assigned_to_id,notes,name,acquisition_source,rfc,phone,status,type,email,\
                 billing_address";
    let request = UpdateClientRequest {
        id: made.id.clone(),
        client: Some(patch),
        update_mask: Some(FieldMask {
            paths: paths.split(',').map(str::to_owned).collect(),
        }),
        ..UpdateClientRequest::default()
    };
    admin.update(request).await.expect("changed");
    let told = [
        ("email", Some("Eventos@norte.mx"), None),
        ("phone", Some("(55) 1234-5678"), Some("55 1234 5678")),
        ("type", Some("COMPANY"), Some("INDIVIDUAL")),
        ("status", Some("ACTIVE"), Some("COMPLETED")),
        ("rfc", Some("EKU9003173C9"), Some("CACX7605101P8")),
        (
            "billing_address",
            Some("Av. Juárez 1\nCol. Centro"),
            Some("Av. Juárez 2"),
        ),
        ("acquisition_source", Some("SOCIAL_MEDIA"), None),
        ("notes", Some("Llamar por la tarde"), None),
        ("assigned_to_id", Some(&*ana), Some(&*eva)),
    ];
    assert_last(&admin, &root, &made.id, Kind::Updated, &told).await;
    let patch = ClientPatch {
        email: text("eventos@norte.mx"),
        ..ClientPatch::default()
    };
    admin.patch(&made.id, patch).await.expect("changed");
    let told = [("email", None, Some("eventos@norte.mx"))];
    assert_last(&admin, &root, &made.id, Kind::Updated, &told).await;
}

#[tokio::test]
async fn a_call_is_told_by_its_request_id_or_the_name_it_was_given() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin().saying("x-request-id", "llamada-1");
    let (first, second) = (nobody(), nobody());
    let new = CreateClientRequest {
        request_id: first.clone(),
        ..client("Ana")
    };
    let made = admin.create(new).await.expect("created");
    let step = TransitionClientRequest {
        id: made.id.clone(),
        target_status: ClientStatus::Active.into(),
        reason: "firmó".to_owned(),
        request_id: second.clone(),
        ..TransitionClientRequest::default()
    };
    admin.step(step).await.expect("a step");
    admin
        .transition(&made.id, ClientStatus::Completed)
        .await
        .expect("a step");
    let anonymous = org.platform_admin();
    anonymous
        .transition(&made.id, ClientStatus::Active)
        .await
        .expect("a step");
    let history = admin.history(&made.id).await.expect("told");
    let calls: Vec<_> = history[1..]
        .iter()
        .map(|entry| entry.request_id.as_str())
        .collect();
    assert_eq!(calls, ["llamada-1", &second, &first]);
    // Where the caller named nothing, the name the service made up.
    assert!(history[0].request_id.len() >= 32, "{history:#?}");
    let reasons: Vec<_> = history
        .iter()
        .map(|entry| entry.reason.as_deref())
        .collect();
    assert_eq!(reasons, [None, None, Some("firmó"), None]);
}
