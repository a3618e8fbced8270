//! What the neighbours own: writing it, and what that does to clients.

mod events;
mod members;
mod organizations;

use nvito_clients::grpc::proto::{
    Event, ListMembersRequest, ListMembersResponse, Member, Organization, RemoveEventRequest,
    RemoveMemberRequest, UpsertEventRequest, UpsertMemberRequest, UpsertOrganizationRequest, User,
};
use prost_types::Timestamp;
use tonic::Code;

use crate::support::{Actor, App, Failure, nobody};

fn organization(id: &str, name: &str) -> UpsertOrganizationRequest {
    UpsertOrganizationRequest {
        id: id.to_owned(),
        name: name.to_owned(),
    }
}

fn user(id: &str, first_name: &str, last_name: &str, email: &str) -> User {
    User {
        id: id.to_owned(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        email: email.to_owned(),
    }
}

fn member(organization: &str, user: User) -> UpsertMemberRequest {
    UpsertMemberRequest {
        organization_id: organization.to_owned(),
        user: Some(user),
        active: None,
    }
}

fn event(id: &str, organization: &str, name: &str) -> UpsertEventRequest {
    UpsertEventRequest {
        id: id.to_owned(),
        organization_id: organization.to_owned(),
        name: name.to_owned(),
        starts_at: None,
    }
}

async fn put_organization(
    actor: &Actor,
    request: UpsertOrganizationRequest,
) -> Result<Organization, Failure> {
    let answer = actor.directory().upsert_organization(request).await?;
    Ok(answer.into_inner().organization.expect("an organization"))
}

async fn put_member(actor: &Actor, request: UpsertMemberRequest) -> Result<Member, Failure> {
    let answer = actor.directory().upsert_member(request).await?;
    Ok(answer.into_inner().member.expect("a member"))
}

async fn put_event(actor: &Actor, request: UpsertEventRequest) -> Result<Event, Failure> {
    let answer = actor.directory().upsert_event(request).await?;
    Ok(answer.into_inner().event.expect("an event"))
}

async fn remove_member(actor: &Actor, organization: &str, user: &str) -> Result<(), Failure> {
    let request = RemoveMemberRequest {
        organization_id: organization.to_owned(),
        user_id: user.to_owned(),
    };
    Ok(actor.directory().remove_member(request).await.map(drop)?)
}

async fn remove_event(actor: &Actor, id: &str) -> Result<(), Failure> {
    let request = RemoveEventRequest { id: id.to_owned() };
    Ok(actor.directory().remove_event(request).await.map(drop)?)
}

/// The active members of an organization.
async fn members(actor: &Actor, organization: &str) -> ListMembersResponse {
    let request = ListMembersRequest {
        organization_id: organization.to_owned(),
        ..ListMembersRequest::default()
    };
    let answer = actor.directory().list_members(request).await;
    answer.expect("listed").into_inner()
}

#[tokio::test]
async fn an_upsert_makes_repeats_and_renames() {
    let app = App::start().await;
    let root = app.super_admin();
    let (org, person, party) = (nobody(), nobody(), nobody());
    let first = async |name: &str| {
        let made = put_organization(&root, organization(&org, &format!(" {name} "))).await;
        let expected = Organization {
            id: org.clone(),
            name: name.to_owned(),
        };
        assert_eq!(made.expect("upserted"), expected);
        let made = put_member(&root, member(&org, user(&person, name, " ", ""))).await;
        let expected = Member {
            user: Some(user(&person, name, "", "")),
            active: true,
        };
        assert_eq!(made.expect("upserted"), expected);
        let made = put_event(&root, event(&party, &org, name)).await;
        let expected = Event {
            id: party.clone(),
            organization_id: org.clone(),
            name: name.to_owned(),
            starts_at: None,
            client: None,
        };
        assert_eq!(made.expect("upserted"), expected);
        app.contents().await
    };
    let made = first("Uno").await;
    assert_eq!(first("Uno").await, made);
    assert_ne!(first("Dós 🎉").await, made);
    for table in ["organizations", "users", "organization_members", "events"] {
        let rows = format!("SELECT count(*) FROM {table}");
        assert_eq!(app.count(&rows).await, 1, "{table}");
    }
    assert_eq!(first("Uno").await, made);
}

#[tokio::test]
async fn a_malformed_entry_tells_every_violation() {
    let app = App::start().await;
    let root = app.super_admin();
    let before = app.contents().await;
    let long = "ñ".repeat(256);
    let refused = put_organization(&root, organization("1", " ")).await;
    let refused = refused.expect_err("refused");
    refused.violates(&[("id", "INVALID_UUID"), ("name", "REQUIRED")]);

    let refused = put_member(&root, member("", user("1", " ", &long, "ana@"))).await;
    refused.expect_err("refused").violates(&[
        ("organization_id", "REQUIRED"),
        ("user.id", "INVALID_UUID"),
        ("user.first_name", "REQUIRED"),
        ("user.last_name", "TOO_LONG"),
        ("user.email", "INVALID_EMAIL"),
    ]);
    let nobody_at_all = UpsertMemberRequest {
        organization_id: nobody(),
        ..UpsertMemberRequest::default()
    };
    let refused = put_member(&root, nobody_at_all).await;
    refused
        .expect_err("refused")
        .violates(&[("user.id", "REQUIRED"), ("user.first_name", "REQUIRED")]);

    let timeless = UpsertEventRequest {
        starts_at: Some(Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        }),
        ..event("", "1", &long)
    };
    let refused = put_event(&root, timeless).await.expect_err("refused");
    refused.violates(&[
        ("id", "REQUIRED"),
        ("organization_id", "INVALID_UUID"),
        ("name", "TOO_LONG"),
        ("starts_at", "INVALID_TIMESTAMP"),
    ]);
    let refused = remove_member(&root, "", "1").await.expect_err("refused");
    refused.violates(&[("organization_id", "REQUIRED"), ("user_id", "INVALID_UUID")]);
    let refused = remove_event(&root, "1").await.expect_err("refused");
    refused.violates(&[("id", "INVALID_UUID")]);
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn names_have_255_characters() {
    let app = App::start().await;
    let root = app.super_admin();
    let org = app.org("Norte").await;
    let most = "🎉".repeat(255);
    let over = format!("{most}ñ");
    put_organization(&root, organization(&org.id, &most))
        .await
        .expect("as long as can be");
    let refused = put_organization(&root, organization(&org.id, &over)).await;
    refused.expect_err("long").violates(&[("name", "TOO_LONG")]);
    put_member(&root, member(&org.id, user(&nobody(), &most, &most, "")))
        .await
        .expect("as long as can be");
    let refused = put_member(&root, member(&org.id, user(&nobody(), &over, &over, ""))).await;
    refused.expect_err("long").violates(&[
        ("user.first_name", "TOO_LONG"),
        ("user.last_name", "TOO_LONG"),
    ]);
    put_event(&root, event(&nobody(), &org.id, &most))
        .await
        .expect("as long as can be");
    assert_eq!(members(&root, &org.id).await.members.len(), 1);
}

#[tokio::test]
async fn an_unknown_organization_has_no_members_and_events() {
    let app = App::start().await;
    let root = app.super_admin();
    let before = app.contents().await;
    for refused in [
        put_member(&root, member(&nobody(), user(&nobody(), "Ana", "", "")))
            .await
            .expect_err("refused"),
        put_event(&root, event(&nobody(), &nobody(), "Boda"))
            .await
            .expect_err("refused"),
    ] {
        refused.is(Code::InvalidArgument, "ORGANIZATION_NOT_FOUND");
        assert_eq!(refused.violations[0].0, "organization_id");
    }
    assert_eq!(app.contents().await, before);
}

#[tokio::test]
async fn who_and_what_is_not_there_cannot_be_removed() {
    let app = App::start().await;
    let root = app.super_admin();
    let (org, other) = (app.org("Norte").await, app.org("Sur").await);
    let (person, party) = (org.member("Ana").await, nobody());
    put_event(&root, event(&party, &org.id, "Boda"))
        .await
        .expect("upserted");
    let before = app.contents().await;
    for (organization, user) in [(&other.id, &person), (&org.id, &nobody())] {
        let refused = remove_member(&root, organization, user).await;
        let refused = refused.expect_err("absent");
        refused.is(Code::NotFound, "MEMBER_NOT_FOUND");
        let resource = refused.details.resource_info().expect("a resource");
        assert_eq!(&resource.resource_name, user);
    }
    let refused = remove_event(&root, &nobody()).await.expect_err("absent");
    refused.is(Code::NotFound, "EVENT_NOT_FOUND");
    assert_eq!(app.contents().await, before);

    remove_member(&root, &org.id, &person)
        .await
        .expect("removed");
    let refused = remove_member(&root, &org.id, &person).await;
    refused
        .expect_err("removed")
        .is(Code::NotFound, "MEMBER_NOT_FOUND");
    remove_event(&root, &party).await.expect("removed");
    let refused = remove_event(&root, &party).await.expect_err("removed");
    refused.is(Code::NotFound, "EVENT_NOT_FOUND");
}
