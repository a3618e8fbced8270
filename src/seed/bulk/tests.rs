use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::*;
use crate::domain::client::{AcquisitionSource, ClientType};
use crate::domain::email;
use crate::domain::phone::Phone;
use crate::domain::rfc::Rfc;

fn rows(organizations: u32, clients: u32) -> Batch {
    bulk(Size::even(organizations, clients)).fold(Batch::default(), |mut all, batch| {
        all.organizations.extend(batch.organizations);
        all.members.extend(batch.members);
        all.clients.extend(batch.clients);
        all.events.extend(batch.events);
        all
    })
}

fn digest(text: &str) -> String {
    let mut hex = String::new();
    for byte in &Sha256::digest(text)[..8] {
        write!(hex, "{byte:02x}").expect("a String takes all");
    }
    hex
}

#[test]
fn the_same_arguments_give_the_same_rows() {
    let debug = |organizations, clients| {
        let batches: Vec<_> = bulk(Size::even(organizations, clients)).collect();
        digest(&format!("{batches:?}"))
    };
    assert_eq!(debug(3, 1200), debug(3, 1200));
    assert_ne!(debug(3, 120), debug(4, 120));
}

/// Red when a roll is added or moved: load figures before and after are then
/// of different rows.
#[test]
fn the_first_rows_are_these() {
    let batch = rows(5, 1000);
    let mut text = String::new();
    for client in &batch.clients[..100] {
        let fields = &client.fields;
        writeln!(
            text,
            "{} {} {} {:?} {:?} {} {:?} {:?} {:?}",
            client.id,
            client.created_at.timestamp_micros(),
            fields.name,
            fields.email,
            fields.phone.as_ref().map(|phone| &phone.typed),
            fields.status,
            fields.rfc.as_ref().map(Rfc::as_str),
            fields.assigned_to.map(|user| user.0),
            fields.acquisition_detail,
        )
        .expect("a String takes all");
    }
    let first = "018b9016-9bd7-72d1-aa43-030000000000 1698929482711771 \
        Fernando Medina Rodríguez Some(\"fernando.medina0@example.com\") \
        Some(\"+52 81 7352 8744\") PROSPECT Some(\"MERF55041822A\") \
        Some(018b8d54-6400-782f-8f87-020000000011) \
        Some(\"Formulario de contacto en nvito.mx\")";
    assert_eq!(text.lines().next(), Some(first));
    assert_eq!(digest(&text), "67fb5e63a80995c8");
}

#[test]
fn counts_are_exact_and_ids_unique() {
    for (organizations, clients) in [(1, 0), (7, 3), (3, 10_001)] {
        let batch = rows(organizations, clients);
        let (organizations, clients) = (organizations as usize, clients as usize);
        assert_eq!(batch.organizations.len(), organizations);
        assert_eq!(batch.members.len(), organizations * 20);
        assert_eq!(batch.clients.len(), clients);
        let active = batch.members.iter().filter(|(_, member)| member.active);
        assert_eq!(active.count(), organizations * 18);

        let ids: HashSet<Uuid> = (batch.organizations.iter().map(|row| row.id.0))
            .chain(batch.members.iter().map(|(_, row)| row.user.id.0))
            .chain(batch.clients.iter().map(|row| row.id.0))
            .chain(batch.events.iter().map(|(row, _)| row.id.0))
            .collect();
        assert_eq!(ids.len(), organizations * 21 + clients + batch.events.len());
    }
    let sizes: Vec<_> = bulk(Size::even(3, 10_001))
        .map(|batch| (batch.organizations.len(), batch.clients.len()))
        .collect();
    assert_eq!(sizes, [(3, 10_000), (0, 1)]);
}

#[test]
fn every_row_is_within_the_rules() {
    let batch = rows(4, 800);
    let active: HashMap<_, _> = (batch.members.iter().filter(|(_, member)| member.active))
        .map(|(organization, member)| (member.user.id, *organization))
        .collect();
    let owners: HashMap<_, _> = (batch.clients.iter())
        .map(|client| (client.id, client.organization))
        .collect();
    let mut emails = HashSet::new();
    for client in &batch.clients {
        let fields = &client.fields;
        fields.check().expect("type and RFC fit");
        if let Some(rfc) = &fields.rfc {
            assert_eq!(Rfc::parse(rfc.as_str()), Ok(Some(rfc.clone())));
            assert_eq!(rfc.advisories(), [], "{rfc:?}");
        }
        if let Some(phone) = &fields.phone {
            assert_eq!(Phone::parse(&phone.typed), Ok(Some(phone.clone())));
        }
        if let Some(address) = &fields.email {
            assert_eq!(email::parse(address), Ok(Some(address.clone())));
            assert!(emails.insert((client.organization, address.to_lowercase())));
        }
        for user in fields.assigned_to.iter().chain(&client.created_by) {
            assert_eq!(active.get(user), Some(&client.organization));
        }
        let (seconds, nanos) = (client.id.0.get_timestamp().expect("a UUIDv7")).to_unix();
        let milliseconds = seconds * 1000 + u64::from(nanos) / 1_000_000;
        assert_eq!(
            milliseconds.cast_signed(),
            client.created_at.timestamp_millis()
        );
        assert!((moment(SINCE)..moment(UNTIL)).contains(&client.created_at));
    }
    for (event, client) in &batch.events {
        if let Some(client) = client {
            assert_eq!(owners.get(client), Some(&event.organization));
        }
    }
}

#[test]
fn shares_are_believable() {
    let batch = rows(4, 4000);
    let near = |expected: usize, what: &str, seen: &dyn Fn(&BulkClient) -> bool| {
        let seen = batch.clients.iter().filter(|client| seen(client)).count();
        assert!(seen.abs_diff(expected * 40) < 80, "{what}: {seen}");
    };
    for (status, share) in ClientStatus::ALL.iter().zip([30, 40, 20, 10]) {
        near(share, status.as_str(), &|client| {
            client.fields.status == *status
        });
    }
    near(75, "persons", &|client| {
        client.fields.client_type == ClientType::Individual
    });
    near(60, "assigned", &|client| {
        client.fields.assigned_to.is_some()
    });
    near(85, "e-mail", &|client| client.fields.email.is_some());
    near(90, "phone", &|client| client.fields.phone.is_some());
    near(40, "RFC", &|client| client.fields.rfc.is_some());
    near(6, "García", &|client| {
        client.fields.name.contains("García")
    });
    for &source in AcquisitionSource::ALL {
        let of = |client: &BulkClient| client.fields.acquisition_source == Some(source);
        assert!(batch.clients.iter().filter(|client| of(client)).count() > 50);
    }
}

#[test]
fn some_clients_of_an_organization_share_a_moment() {
    let batch = rows(4, 4000);
    let mut moments: HashMap<_, usize> = HashMap::new();
    for client in &batch.clients {
        *moments
            .entry((client.organization, client.created_at))
            .or_default() += 1;
    }
    let tied = moments.values().filter(|&&count| count > 1).count();
    assert!((40..120).contains(&tied), "{tied}");
}
