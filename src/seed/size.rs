//! How much bulk data there is, and which row is which: all of it computed,
//! nothing read, so that a caller under load knows ids without a database.

use crate::domain::directory::Event;
use crate::domain::ids::{ClientId, EventId, OrganizationId, UserId};
use crate::repository::bulk::{Batch, BulkClient};

use super::bulk::{self, ACTIVE, UNLINKED};

/// What bulk data was asked for. Clients, organizations and members are counted
/// from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Tenants, one at least.
    pub organizations: u32,
    /// Clients in all.
    pub clients: u32,
    /// How many of them the first organization has; without it the same as any
    /// other. The others have some as well.
    pub largest: Option<u32>,
}

impl Size {
    /// What was asked for, or in a sentence why `--largest` cannot be.
    pub fn new(organizations: u32, clients: u32, largest: Option<u32>) -> Result<Self, String> {
        if let Some(largest) = largest
            && (organizations < 2 || !(1..clients).contains(&largest))
        {
            return Err(format!(
                "--largest {largest}: the first of two or more organizations may have from 1 to {} \
                 of {clients} clients",
                clients.saturating_sub(1)
            ));
        }
        Ok(Self {
            organizations,
            clients,
            largest,
        })
    }

    /// As many clients for each.
    pub fn even(organizations: u32, clients: u32) -> Self {
        Self {
            organizations,
            clients,
            largest: None,
        }
    }

    /// Whose a client is, and how many of the same organization came before it.
    /// In either case one organization's clients come over all three years.
    pub fn place(self, index: u32) -> (u32, u32) {
        let Some(largest) = self.largest else {
            return (index % self.organizations, index / self.organizations);
        };
        let before = self.share(index, largest);
        if self.share(index + 1, largest) > before {
            return (0, before);
        }
        let (others, index) = (self.organizations - 1, index - before);
        (1 + index % others, index / others)
    }

    /// The client of an organization that so many of the same came before; the
    /// inverse of [`place`](Self::place).
    #[allow(
        clippy::missing_panics_doc,
        reason = "no number is greater than the clients are many"
    )]
    pub fn nth(self, organization: u32, rank: u32) -> u32 {
        let Some(largest) = self.largest else {
            return rank * self.organizations + organization;
        };
        let (clients, largest) = (u64::from(self.clients), u64::from(largest));
        let index = if organization == 0 {
            ((u64::from(rank) + 1) * clients).div_ceil(largest) - 1
        } else {
            let others = u64::from(self.organizations - 1);
            let rank = u64::from(rank) * others + u64::from(organization - 1);
            rank * clients / (clients - largest)
        };
        u32::try_from(index).expect("less than the clients")
    }

    /// How many clients an organization has.
    pub fn clients_of(self, organization: u32) -> u32 {
        let even = |clients: u32, organizations: u32, number: u32| {
            clients / organizations + u32::from(number < clients % organizations)
        };
        match self.largest {
            None => even(self.clients, self.organizations, organization),
            Some(largest) if organization == 0 => largest,
            Some(largest) => even(
                self.clients - largest,
                self.organizations - 1,
                organization - 1,
            ),
        }
    }

    /// What an organization is called by.
    pub fn organization_id(self, organization: u32) -> OrganizationId {
        bulk::organization_id(organization)
    }

    /// One of an organization's active members, `roll` saying which.
    pub fn member_id(self, organization: u32, roll: u64) -> UserId {
        bulk::user_id(organization, roll % ACTIVE)
    }

    /// One of an organization's events that nobody was linked to, `roll` saying which.
    pub fn loose_event_id(self, organization: u32, roll: u64) -> EventId {
        bulk::loose_event_id(organization, roll % UNLINKED)
    }

    /// What a client is called by.
    pub fn client_id(self, index: u32) -> ClientId {
        bulk::client_id(self.created_at(index), index)
    }

    /// All of a client as it was loaded, and its events.
    #[allow(clippy::missing_panics_doc, reason = "it has just been added")]
    pub fn client(self, index: u32) -> (BulkClient, Vec<Event>) {
        let mut batch = Batch::default();
        self.add_client(&mut batch, index);
        let client = batch.clients.pop().expect("the one just added");
        let events = batch.events.into_iter().map(|(event, _)| event).collect();
        (client, events)
    }

    /// How many of the first `count` clients are the largest's.
    fn share(self, count: u32, largest: u32) -> u32 {
        let share = u64::from(count) * u64::from(largest) / u64::from(self.clients);
        u32::try_from(share).expect("no more than the clients")
    }
}

/// What somebody might type who looks for the client: the last word of the
/// name, the e-mail up to the `@`, or the end of the telephone number as it was
/// typed; in turns, and the name where there is none of the others.
pub fn term(client: &BulkClient, index: u32) -> String {
    let fields = &client.fields;
    let found = match index % 3 {
        1 => fields
            .email
            .as_deref()
            .and_then(|email| email.split('@').next()),
        2 => fields.phone.as_ref().and_then(|phone| {
            let typed = phone.typed.as_str();
            // Telephones are ASCII.
            typed.get(typed.len().checked_sub(7)?..)
        }),
        _ => None,
    };
    let name = || fields.name.rsplit(' ').next().unwrap_or(&fields.name);
    found.unwrap_or_else(name).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_largest_leaves_something_to_the_others() {
        for (organizations, clients, largest) in
            [(7, 1000, 0), (7, 1000, 1000), (1, 1000, 10), (7, 0, 1)]
        {
            let refused = Size::new(organizations, clients, Some(largest));
            assert!(
                refused.is_err(),
                "{largest} of {clients} in {organizations}"
            );
        }
    }

    #[test]
    fn every_client_has_its_place() {
        for largest in [None, Some(1), Some(300), Some(999)] {
            let size = Size::new(7, 1000, largest).expect("possible");
            let mut counts = HashMap::new();
            for index in 0..size.clients {
                let (organization, rank) = size.place(index);
                let seen = counts.entry(organization).or_insert(0);
                assert_eq!(rank, *seen, "{largest:?} {index}");
                *seen += 1;
                assert_eq!(size.nth(organization, rank), index, "{largest:?}");
            }
            for organization in 0..7 {
                let count = counts.get(&organization).copied().unwrap_or(0);
                assert_eq!(size.clients_of(organization), count, "{largest:?}");
            }
        }
    }

    #[test]
    fn ids_are_those_of_the_rows() {
        let size = Size::new(3, 50, Some(30)).expect("possible");
        let batch = bulk::bulk(size).next().expect("one");
        for (index, row) in (0..).zip(&batch.clients) {
            assert_eq!(size.client_id(index), row.id);
            assert_eq!(size.organization_id(size.place(index).0), row.organization);
            assert!(!term(row, index).is_empty());
        }
        let largest = size.organization_id(0);
        let theirs = batch
            .clients
            .iter()
            .filter(|row| row.organization == largest);
        assert_eq!(theirs.count(), 30);
    }
}
