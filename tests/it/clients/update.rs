//! `UpdateClient`: which fields a mask changes.

use nvito_clients::grpc::proto::{
    AcquisitionSource, Client, ClientPatch, ClientStatus, ClientType, CreateClientRequest,
};

use super::{assert_changed, assert_small, full, link_event, masked, patch};
use crate::support::{App, nobody};

/// A path in both cases and what it changes.
type Step = (&'static str, &'static str, fn(&mut Client, ClientPatch));

const STEPS: [Step; 12] = [
    ("name", "name", |c, p| c.name = p.name.expect("given")),
    ("email", "email", |c, p| c.email = p.email),
    ("phone", "phone", |c, p| {
        c.phone = p.phone;
        c.phone_e164 = Some("+528183456789".to_owned());
    }),
    ("type", "type", |c, p| c.r#type = p.r#type.expect("given")),
    ("status", "status", |c, p| {
        c.status = p.status.expect("given");
        c.allowed_transitions = vec![ClientStatus::Active.into()];
    }),
    ("rfc", "rfc", |c, p| {
        c.rfc = p.rfc;
        c.rfc_assessment.as_mut().expect("assessed").kind = 3;
    }),
    ("business_name", "businessName", |c, p| {
        c.business_name = p.business_name;
    }),
    ("billing_address", "billingAddress", |c, p| {
        c.billing_address = p.billing_address;
    }),
    ("acquisition_source", "acquisitionSource", |c, p| {
        c.acquisition_source = p.acquisition_source.expect("given");
    }),
    ("acquisition_detail", "acquisitionDetail", |c, p| {
        c.acquisition_detail = p.acquisition_detail;
    }),
    ("notes", "notes", |c, p| c.notes = p.notes),
    ("assigned_to_id", "assignedToId", |c, p| {
        c.assigned_to.as_mut().expect("assigned").id = p.assigned_to_id.expect("given");
    }),
];

/// Other values for all fields of [`full`] with a generic RFC.
fn other_values(assignee: &str) -> ClientPatch {
    let text = |text: &str| Some(text.to_owned());
    ClientPatch {
        name: text("Eva Ñúñez"),
        email: text("eva@example.com"),
        phone: text("81 8345 6789"),
        r#type: Some(ClientType::Individual.into()),
        status: Some(ClientStatus::Completed.into()),
        rfc: text("XEXX010101000"),
        business_name: text("Eva"),
        billing_address: text("Monterrey"),
        acquisition_source: Some(AcquisitionSource::Google.into()),
        acquisition_detail: text("anuncio"),
        notes: text("nuevas"),
        assigned_to_id: text(assignee),
    }
}

#[tokio::test]
async fn a_path_changes_its_field_alone_in_either_case() {
    let app = App::start().await;
    for camel in [false, true] {
        let org = app.org("Norte").await;
        let admin = org.platform_admin();
        let (first, second) = (org.member("Ana").await, org.member("Ana").await);
        let new = CreateClientRequest {
            rfc: Some("XAXX010101000".to_owned()),
            assigned_to_id: Some(first),
            ..full("Juan")
        };
        let made = admin.create(new).await.expect("created");
        link_event(&app, &made, &nobody(), "Boda", "now()").await;
        let mut before = Client {
            event_count: 1,
            ..made
        };
        for (snake_path, camel_path, change) in STEPS {
            let path = if camel { camel_path } else { snake_path };
            let new = other_values(&second);
            let request = masked(&before.id, new.clone(), &[path]);
            let after = admin.update(request).await.expect(path);
            assert_changed(&before, &after, |client| change(client, new));
            before = after;
        }
        let mut found = admin.get(&before.id).await.expect("found");
        assert_eq!(found.events.len(), 1);
        found.events.clear();
        assert_eq!(found, before);
    }
}

#[tokio::test]
async fn without_a_mask_what_is_populated_changes() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let made = admin.create(full("Juan")).await.expect("created");
    let some = patch(|p| {
        p.phone = Some("  ".to_owned());
        p.notes = Some(" nuevas ".to_owned());
        p.status = Some(ClientStatus::Inactive.into());
    });
    let empty_mask = masked(&made.id, some.clone(), &[]);
    let changed = |client: &mut Client| {
        (client.phone, client.phone_e164) = (None, None);
        client.notes = Some("nuevas".to_owned());
        client.status = ClientStatus::Inactive.into();
        client.allowed_transitions = vec![ClientStatus::Prospect.into()];
    };
    let after = admin.patch(&made.id, some).await.expect("changed");
    assert_changed(&made, &after, changed);
    assert_eq!(admin.update(empty_mask).await.expect("the same"), after);

    let all = other_values(&org.member("Ana").await);
    let all = ClientPatch {
        status: Some(ClientStatus::Prospect.into()),
        ..all
    };
    let last = admin.patch(&made.id, all.clone()).await.expect("changed");
    let told = ClientPatch {
        name: Some(last.name),
        email: last.email,
        phone: last.phone,
        r#type: Some(last.r#type),
        status: Some(last.status),
        rfc: last.rfc,
        business_name: last.business_name,
        billing_address: last.billing_address,
        acquisition_source: Some(last.acquisition_source),
        acquisition_detail: last.acquisition_detail,
        notes: last.notes,
        assigned_to_id: last.assigned_to.map(|user| user.id),
    };
    assert_eq!(told, all);
}

#[tokio::test]
async fn a_path_without_a_value_clears_its_field() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let new = CreateClientRequest {
        assigned_to_id: Some(org.member("Ana").await),
        ..full("Juan")
    };
    let made = admin.create(new).await.expect("created");
    let unasked = patch(|p| {
        p.name = Some("Otro".to_owned());
        p.status = Some(99);
    });
    let clearable: Vec<_> = STEPS
        .iter()
        .map(|(path, ..)| *path)
        .filter(|path| !["name", "type", "status"].contains(path))
        .collect();
    let request = masked(&made.id, unasked, &clearable);
    let after = admin.update(request).await.expect("cleared");
    assert_changed(&made, &after, |client| {
        *client = Client {
            id: client.id.clone(),
            organization_id: client.organization_id.clone(),
            name: client.name.clone(),
            r#type: client.r#type,
            status: client.status,
            created_at: client.created_at,
            updated_at: client.updated_at,
            etag: client.etag.clone(),
            allowed_transitions: client.allowed_transitions.clone(),
            ..Client::default()
        };
    });
}

#[tokio::test]
async fn what_a_client_must_have_cannot_be_cleared() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = admin.create(full("Juan")).await.expect("created");
    let notes = patch(|p| p.notes = Some("nuevas".to_owned()));
    let cleared = masked(&made.id, notes, &["notes", "name", "type", "status"]);
    let required = [
        ("client.name", "REQUIRED"),
        ("client.type", "REQUIRED"),
        ("client.status", "REQUIRED"),
    ];
    let refused = admin.update(cleared).await.expect_err("refused");
    refused.violates(&required);
    let blank = patch(|p| p.name = Some(" ".to_owned()));
    let refused = admin.patch(&made.id, blank).await.expect_err("refused");
    refused.violates(&required[..1]);
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
}

#[tokio::test]
async fn a_path_that_cannot_be_written_is_refused() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let admin = admin.saying("x-request-id", &"r".repeat(128));
    let made = admin.create(full("Juan")).await.expect("created");
    let paths = ["name", "nmae", "client.name", "*", "createdAt", "etag", ""];
    let request = masked(&made.id, other_values(&nobody()), &paths);
    let refused = admin.update(request).await.expect_err("refused");
    refused.violates(&[
        ("update_mask.paths[1]", "UNKNOWN_FIELD"),
        ("update_mask.paths[2]", "UNKNOWN_FIELD"),
        ("update_mask.paths[3]", "UNKNOWN_FIELD"),
        ("update_mask.paths[4]", "READ_ONLY_FIELD"),
        ("update_mask.paths[5]", "READ_ONLY_FIELD"),
        ("update_mask.paths[6]", "UNKNOWN_FIELD"),
    ]);
    let many = masked(&made.id, ClientPatch::default(), &["nmae"; 40]);
    let refused = admin.update(many).await.expect_err("refused");
    assert!(refused.violations.len() > 6);
    assert_small(&refused);
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
}

#[tokio::test]
async fn all_violations_are_told_at_once() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let admin = admin.saying("x-request-id", &"r".repeat(128));
    let made = admin.create(full("Juan")).await.expect("created");
    let text = |length: usize| Some("ñ".repeat(length));
    let bad = ClientPatch {
        name: text(256),
        email: text(5),
        phone: text(21),
        r#type: Some(3),
        status: Some(5),
        rfc: text(12),
        business_name: text(256),
        billing_address: text(501),
        acquisition_source: Some(7),
        acquisition_detail: text(256),
        notes: text(2001),
        assigned_to_id: text(36),
    };
    let refused = admin.patch(&made.id, bad).await.expect_err("refused");
    refused.violates(&[
        ("client.name", "TOO_LONG"),
        ("client.email", "INVALID_EMAIL"),
        ("client.phone", "TOO_LONG"),
        ("client.type", "INVALID_ENUM"),
        ("client.status", "INVALID_ENUM"),
        ("client.rfc", "RFC_INVALID_FORMAT"),
        ("client.business_name", "TOO_LONG"),
        ("client.billing_address", "TOO_LONG"),
        ("client.acquisition_source", "INVALID_ENUM"),
        ("client.acquisition_detail", "TOO_LONG"),
        ("client.notes", "TOO_LONG"),
        ("client.assigned_to_id", "INVALID_UUID"),
    ]);
    assert_small(&refused);
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
}
