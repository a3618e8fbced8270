//! `CreateClient`.

use std::time::{Duration, SystemTime};

use nvito_clients::grpc::proto::{
    AcquisitionSource, Client, ClientStatus, ClientType, CreateClientRequest, UserSummary,
};
use tonic::Code;
use uuid::Uuid;

use super::{assert_no_assignee, assert_small, assert_taken_by, full, with_email};
use crate::support::{App, client, nobody};

#[tokio::test]
async fn a_name_is_enough() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let made = admin.create(client("Ana")).await.expect("created");
    let expected = Client {
        id: made.id.clone(),
        organization_id: org.id.clone(),
        name: "Ana".to_owned(),
        r#type: ClientType::Individual.into(),
        status: ClientStatus::Prospect.into(),
        created_at: made.created_at,
        updated_at: made.created_at,
        etag: made.etag.clone(),
        allowed_transitions: vec![ClientStatus::Active.into(), ClientStatus::Inactive.into()],
        ..Client::default()
    };
    assert_eq!(made, expected);
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
    assert!(!made.etag.is_empty());
    let id = Uuid::parse_str(&made.id).expect("a UUID");
    assert_eq!(id.get_version_num(), 7);
    let created = SystemTime::try_from(made.created_at.expect("a time")).expect("a time");
    let age = SystemTime::now()
        .duration_since(created)
        .unwrap_or_default();
    assert!(age < Duration::from_mins(1), "{age:?}");
}

#[tokio::test]
async fn the_creator_is_the_actor_when_the_directory_knows_them() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (admin, visitor, root) = (
        org.platform_admin(),
        org.platform_admin(),
        app.super_admin(),
    );
    let new = || CreateClientRequest {
        organization_id: org.id.clone(),
        ..client("Ana")
    };
    for (actor, home) in [(admin, &org), (visitor, &other), (root, &other)] {
        let unknown = actor.create(new()).await.expect("created");
        assert_eq!(unknown.created_by, None);
        home.upsert_member(&actor.user_id(), "Eva", false).await;
        let known = actor.create(new()).await.expect("created");
        assert_eq!(known.created_by, Some(actor.user_id()));
        assert_eq!(actor.get(&known.id).await.expect("found"), known);
        assert_eq!(actor.get(&unknown.id).await.expect("found"), unknown);
    }
}

#[tokio::test]
async fn everything_given_is_answered() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let admin = org.platform_admin();
    let member = org.member("Ana").await;
    let new = CreateClientRequest {
        organization_id: org.id.to_uppercase(),
        assigned_to_id: Some(member.clone()),
        ..full("Juan Pérez")
    };
    let made = admin.create(new.clone()).await.expect("created");
    let expected = Client {
        id: made.id.clone(),
        organization_id: org.id.clone(),
        name: new.name,
        email: new.email,
        phone: new.phone,
        phone_e164: Some("+525512345678".to_owned()),
        r#type: new.r#type,
        status: new.status,
        rfc: new.rfc,
        rfc_assessment: made.rfc_assessment.clone(),
        business_name: new.business_name,
        billing_address: new.billing_address,
        acquisition_source: new.acquisition_source,
        acquisition_detail: new.acquisition_detail,
        notes: new.notes,
        assigned_to: Some(UserSummary {
            id: member,
            first_name: "Ana".to_owned(),
            last_name: "García".to_owned(),
        }),
        created_at: made.created_at,
        updated_at: made.created_at,
        etag: made.etag.clone(),
        allowed_transitions: vec![
            ClientStatus::Completed.into(),
            ClientStatus::Inactive.into(),
        ],
        ..Client::default()
    };
    assert_eq!(made, expected);
    assert!(made.rfc_assessment.is_some());
    assert_eq!(admin.get(&made.id).await.expect("found"), made);
}

#[tokio::test]
async fn every_enum_value_is_kept() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let made = async |status: i32, r#type: i32, acquisition_source: i32| {
        let new = CreateClientRequest {
            r#type,
            status,
            acquisition_source,
            ..client("Ana")
        };
        let made = admin.create(new).await.expect("created");
        (made.status, made.r#type, made.acquisition_source)
    };
    assert_eq!(made(0, 0, 0).await, (1, 1, 0));
    for number in 1..=6 {
        let (status, r#type) = (number.min(4), number.min(2));
        assert_eq!(made(status, r#type, number).await, (status, r#type, number));
    }
    assert_eq!(i32::from(ClientStatus::Inactive), 4);
    assert_eq!(i32::from(AcquisitionSource::Other), 6);
}

#[tokio::test]
async fn all_violations_are_told_at_once() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let admin = admin.saying("x-request-id", &"r".repeat(128));
    let text = |length: usize| Some("🎉".repeat(length));
    let new = CreateClientRequest {
        organization_id: "norte".to_owned(),
        name: " ".to_owned(),
        email: Some("ana@".to_owned()),
        phone: text(21),
        r#type: 9,
        status: -1,
        rfc: Some("EKU9003173C9X9".to_owned()),
        business_name: text(256),
        billing_address: text(501),
        acquisition_source: i32::MAX,
        acquisition_detail: Some("a\nb".to_owned()),
        notes: Some("a\0b".to_owned()),
        assigned_to_id: Some("1".to_owned()),
        request_id: "2".to_owned(),
        validate_only: false,
    };
    let before = app.contents().await;
    let refused = admin.create(new).await.expect_err("refused");
    refused.violates(&[
        ("organization_id", "INVALID_UUID"),
        ("name", "REQUIRED"),
        ("email", "INVALID_EMAIL"),
        ("phone", "TOO_LONG"),
        ("type", "INVALID_ENUM"),
        ("status", "INVALID_ENUM"),
        ("rfc", "RFC_INVALID_FORMAT"),
        ("business_name", "TOO_LONG"),
        ("billing_address", "TOO_LONG"),
        ("acquisition_source", "INVALID_ENUM"),
        ("acquisition_detail", "INVALID_CHARACTER"),
        ("notes", "INVALID_CHARACTER"),
        ("assigned_to_id", "INVALID_UUID"),
        ("request_id", "INVALID_UUID"),
    ]);
    assert_small(&refused);
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn whoever_is_no_active_member_cannot_be_assigned() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (inactive, removed) = (org.member("Eva").await, org.member("Luz").await);
    org.upsert_member(&inactive, "Eva", false).await;
    other.upsert_member(&inactive, "Eva", true).await;
    org.remove_member(&removed).await;
    let foreign = other.member("Sol").await;
    let active = org.member("Ana").await;
    let assigned = |user: &str| CreateClientRequest {
        organization_id: org.id.clone(),
        assigned_to_id: Some(user.to_owned()),
        ..client("Ana")
    };
    for actor in [org.platform_admin(), app.super_admin()] {
        let actor = actor.saying("x-request-id", "uno");
        let mut answers = Vec::new();
        for user in [&nobody(), &foreign, &inactive, &removed] {
            let refused = actor.create(assigned(user)).await.expect_err("refused");
            assert_no_assignee(&refused, "assigned_to_id");
            answers.push((refused.message, refused.status.details().to_vec()));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1);
        let made = actor.create(assigned(&active)).await.expect("created");
        assert_eq!(made.assigned_to.expect("assigned").id, active);
    }
    assert_eq!(app.count("SELECT count(*) FROM clients").await, 2);
}

#[tokio::test]
async fn a_super_admin_names_the_organization() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let root = app.super_admin();
    let within = |organization: &str| CreateClientRequest {
        organization_id: organization.to_owned(),
        ..client("Ana")
    };
    for (named, reason) in [("", "REQUIRED"), ("norte", "INVALID_UUID")] {
        let refused = root.create(within(named)).await.expect_err("refused");
        refused.violates(&[("organization_id", reason)]);
    }
    let refused = root.create(within(&nobody())).await.expect_err("refused");
    refused.is(Code::InvalidArgument, "ORGANIZATION_NOT_FOUND");
    assert_eq!(refused.violations[0].0, "organization_id");
    assert_eq!(app.count("SELECT count(*) FROM clients").await, 0);
    let made = root.create(within(&org.id)).await.expect("created");
    assert_eq!(made.organization_id, org.id);
}

#[tokio::test]
async fn an_email_has_one_live_client_of_an_organization() {
    let app = App::start().await;
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let first = admin.create(with_email("Ana", "Ana@Example.com")).await;
    let first = first.expect("created");
    for same in ["Ana@Example.com", "ana@example.COM", "  ANA@EXAMPLE.COM\t"] {
        let refused = admin.create(with_email("Eva", same)).await;
        assert_taken_by(&first, &refused.expect_err("taken"));
    }
    let elsewhere = other.platform_admin();
    let theirs = elsewhere.create(with_email("Ana", "ana@example.com")).await;
    let theirs = theirs.expect("another organization's");
    root.delete(&first.id).await.expect("deleted");
    let heir = admin.create(with_email("Eva", "ana@example.com")).await;
    let heir = heir.expect("free again");
    let refused = admin.create(with_email("Ana", "ANA@example.com")).await;
    assert_taken_by(&heir, &refused.expect_err("taken again"));
    assert_eq!(elsewhere.get(&theirs.id).await.expect("found"), theirs);
}

#[tokio::test]
async fn any_number_of_clients_has_no_email() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for name in ["Ana", "Ana", "Eva"] {
        admin.create(client(name)).await.expect("created");
        admin.create(with_email(name, " ")).await.expect("created");
    }
    assert_eq!(app.count("SELECT count(*) FROM clients").await, 6);
}
