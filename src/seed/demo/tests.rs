use std::collections::{HashMap, HashSet};

use super::*;
use crate::domain::rfc::RfcKind;

fn noon() -> DateTime<Utc> {
    "2026-11-22T18:00:00.123456789Z".parse().expect("a moment")
}

#[test]
fn every_row_is_within_the_rules() {
    let batch = demonstration(noon());
    let active: HashMap<UserId, OrganizationId> = batch
        .members
        .iter()
        .filter(|(_, member)| member.active)
        .map(|(organization, member)| (member.user.id, *organization))
        .collect();
    let mut emails = HashSet::new();
    for client in &batch.clients {
        let fields = &client.fields;
        assert!(!fields.name.is_empty(), "{client:?}");
        fields.check().expect("type and RFC fit");
        if let Some(rfc) = &fields.rfc {
            assert_eq!(rfc.advisories(), [], "{client:?}");
        }
        for user in fields.assigned_to.iter().chain(&client.created_by) {
            assert_eq!(active.get(user), Some(&client.organization), "{client:?}");
        }
        if let Some(email) = &fields.email {
            let new = emails.insert((client.organization, email.to_lowercase()));
            assert!(new, "{email} twice");
        }
        let age = noon() - client.created_at;
        assert!(
            age > TimeDelta::zero() && age < TimeDelta::days(366),
            "{client:?}"
        );
    }
    let ids: HashSet<Uuid> = (batch.organizations.iter().map(|row| row.id.0))
        .chain(batch.members.iter().map(|(_, row)| row.user.id.0))
        .chain(batch.clients.iter().map(|row| row.id.0))
        .chain(batch.events.iter().map(|(row, _)| row.id.0))
        .collect();
    let rows = 2 + batch.members.len() + batch.clients.len() + batch.events.len();
    assert_eq!(ids.len(), rows, "no id twice");
    assert!(ids.iter().all(|id| id.get_version_num() == 7));
}

#[test]
fn there_is_something_of_everything() {
    let batch = demonstration(noon());
    assert_eq!(batch.organizations.len(), 2);
    assert_eq!(batch.clients.len(), 40);
    let fields: Vec<_> = batch.clients.iter().map(|client| &client.fields).collect();
    let some = |what: &dyn Fn(&ClientFields) -> bool| fields.iter().any(|&fields| what(fields));
    for &status in ClientStatus::ALL {
        assert!(some(&|fields| fields.status == status), "{status}");
    }
    for &client_type in ClientType::ALL {
        assert!(some(&|fields| fields.client_type == client_type));
    }
    for &source in AcquisitionSource::ALL {
        assert!(some(&|fields| fields.acquisition_source == Some(source)));
    }
    for kind in [
        RfcKind::Normal,
        RfcKind::GenericNational,
        RfcKind::GenericForeign,
    ] {
        assert!(some(
            &|fields| fields.rfc.as_ref().map(Rfc::kind) == Some(kind)
        ));
    }
    assert!(some(&|fields| {
        let phone = fields.phone.as_ref();
        phone.is_some_and(|phone| phone.e164.is_none())
    }));
    assert!(some(&|fields| fields.assigned_to.is_none()));
    for organization in [ORGANIZATION_A, ORGANIZATION_B] {
        for active in [true, false] {
            let mut members = batch.members.iter();
            assert!(members.any(|(of, member)| *of == organization && member.active == active));
        }
    }
    let count = |id| {
        batch
            .events
            .iter()
            .filter(|(_, of)| *of == Some(id))
            .count()
    };
    let counts: HashSet<_> = batch
        .clients
        .iter()
        .map(|client| count(client.id))
        .collect();
    assert_eq!(counts, HashSet::from([0, 1, 2, 3]), "events of a client");
    assert!(
        batch
            .events
            .iter()
            .any(|(event, _)| event.starts_at.is_none())
    );
}

#[test]
fn what_the_readme_names_is_there() {
    let batch = demonstration(noon());
    for (organization, user, first_name) in [
        (ORGANIZATION_A, DEMO_USER, "Ana"),
        (ORGANIZATION_B, DEMO_USER_B, "Daniela"),
    ] {
        let mut members = batch.members.iter();
        let (of, member) = members
            .find(|(_, member)| member.user.id == user)
            .expect("a member");
        assert_eq!((*of, member.active), (organization, true));
        assert_eq!(member.user.first_name, first_name);
    }
    let mut clients = batch.clients.iter();
    let client = clients.find(|client| client.id == DEMO_CLIENT);
    let client = client.expect("a client");
    assert_eq!(client.organization, ORGANIZATION_A);
    assert_eq!(client.fields.name, "Mariana López Hernández");
    let texts = [
        (
            ORGANIZATION_A.to_string(),
            "0192f0c1-0000-7000-8000-00000000000a",
        ),
        (
            ORGANIZATION_B.to_string(),
            "0192f0c1-0000-7000-8000-00000000000b",
        ),
        (
            DEMO_USER.to_string(),
            "0192f0c1-0001-7000-8000-0000000a0001",
        ),
        (
            DEMO_CLIENT.to_string(),
            "0192f0c1-0002-7000-8000-0000000a0001",
        ),
    ];
    for (id, text) in texts {
        assert_eq!(id, text);
    }
}
