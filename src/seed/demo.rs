//! The demonstration: two teams and their clients, to look around in.

use chrono::{DateTime, NaiveTime, SubsecRound, TimeDelta, Utc};
use uuid::Uuid;

use super::life::Life;
use crate::domain::client::{
    ACQUISITION_DETAIL_MOST, AcquisitionSource, BILLING_ADDRESS_MOST, BUSINESS_NAME_MOST,
    ClientFields, ClientType, NAME_MOST, NOTES_MOST,
};
use crate::domain::directory::{Event, Member, Organization, User};
use crate::domain::email;
use crate::domain::ids::{ClientId, EventId, OrganizationId, UserId};
use crate::domain::lifecycle::ClientStatus;
use crate::domain::phone::Phone;
use crate::domain::rfc::Rfc;
use crate::domain::text::{self, Lines};
use crate::error::Problem;
use crate::repository::bulk::{Batch, BulkClient};

/// An organization of the demonstration, in Mexico City.
pub const ORGANIZATION_A: OrganizationId = OrganizationId(id(0, 0xa));
/// The other one, in Querétaro.
pub const ORGANIZATION_B: OrganizationId = OrganizationId(id(0, 0xb));
/// Ana García, an active member of [`ORGANIZATION_A`].
pub const DEMO_USER: UserId = UserId(id(1, 0xa_0001));
/// Daniela Torres, an active member of [`ORGANIZATION_B`].
pub const DEMO_USER_B: UserId = UserId(id(1, 0xb_0001));
/// Mariana López, a client of [`ORGANIZATION_A`] with two events.
pub const DEMO_CLIENT: ClientId = ClientId(id(2, 0xa_0001));

/// Ids of version 7 by kind (1 users, 2 clients, 3 events) and number.
const fn id(kind: u128, number: u128) -> Uuid {
    Uuid::from_u128(0x0192_f0c1_0000_7000_8000_0000_0000_0000 | kind << 80 | number)
}

/// Both organizations with all that is theirs, dated around `now`. The ids are
/// the same at any time.
pub fn demonstration(now: DateTime<Utc>) -> Batch {
    let mut batch = Batch::default();
    let now = now.trunc_subsecs(0);
    for (organization, text) in [
        (ORGANIZATION_A, include_str!("organization_a.txt")),
        (ORGANIZATION_B, include_str!("organization_b.txt")),
    ] {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let mut stanzas = lines.split(|line| line.is_empty());
        let mut table = Table {
            organization,
            now,
            batch: &mut batch,
            clients: 0,
            events: 0,
        };
        table.read_team(stanzas.next().unwrap_or_default());
        stanzas.for_each(|stanza| table.read_client(stanza));
    }
    batch
}

/// One organization's file on its way into the batch.
struct Table<'a> {
    organization: OrganizationId,
    now: DateTime<Utc>,
    batch: &'a mut Batch,
    clients: u128,
    events: u128,
}

impl Table<'_> {
    /// An id of the organization: its letter, then the row's number.
    fn id(&self, kind: u128, number: u128) -> Uuid {
        id(kind, (self.organization.0.as_u128() & 0xf) << 16 | number)
    }

    fn read_team(&mut self, stanza: &[&str]) {
        for (number, (key, value)) in (0..).zip(pairs(stanza)) {
            if key == "name" {
                self.batch.organizations.push(Organization {
                    id: self.organization,
                    name: line(value, NAME_MOST).unwrap_or_default(),
                });
                continue;
            }
            let mut columns = value.split(" | ").map(str::to_owned);
            let mut next = || columns.next().unwrap_or_default();
            let member = Member {
                user: User {
                    id: UserId(self.id(1, number)),
                    first_name: next(),
                    last_name: next(),
                    email: right(email::parse(&next())),
                },
                active: key == "member",
            };
            self.batch.members.push((self.organization, member));
        }
    }

    fn read_client(&mut self, stanza: &[&str]) {
        self.clients += 1;
        let id = ClientId(self.id(2, self.clients));
        let mut fields = ClientFields {
            name: String::new(),
            email: None,
            phone: None,
            client_type: ClientType::Individual,
            status: ClientStatus::default(),
            rfc: None,
            business_name: None,
            billing_address: None,
            acquisition_source: None,
            acquisition_detail: None,
            notes: None,
            assigned_to: None,
        };
        let mut age = TimeDelta::zero();
        let mut events = Vec::new();
        for (key, value) in pairs(stanza) {
            match key {
                "name" => fields.name = line(value, NAME_MOST).unwrap_or_default(),
                "email" => fields.email = right(email::parse(value)),
                "phone" => fields.phone = right(Phone::parse(value)),
                "type" => fields.client_type = known(ClientType::from_name(value)),
                "status" => fields.status = known(ClientStatus::from_name(value)),
                "rfc" => fields.rfc = right(Rfc::parse(value)),
                "business_name" => fields.business_name = line(value, BUSINESS_NAME_MOST),
                "billing_address" => fields.billing_address = line(value, BILLING_ADDRESS_MOST),
                "acquisition_source" => {
                    fields.acquisition_source = Some(known(AcquisitionSource::from_name(value)));
                }
                "acquisition_detail" => {
                    fields.acquisition_detail = line(value, ACQUISITION_DETAIL_MOST);
                }
                "notes" => fields.notes = right(text::parse(value, NOTES_MOST, Lines::Many)),
                "assigned_to" => fields.assigned_to = Some(self.active_member(value)),
                "created" => age = known(value.parse().ok().and_then(TimeDelta::try_days)),
                "event" => events.push(self.read_event(known(value.split_once(' ')), id)),
                _ => panic!("{key} is no field of a client"),
            }
        }
        right(fields.check());
        // At another hour each, as a day brings them.
        let hour = TimeDelta::minutes(i64::try_from(self.clients * 37).unwrap_or_default());
        let created_at = self.now - age - hour;
        let days = i64::try_from(3 + self.clients * 5 % 30).unwrap_or_default();
        let life = Life {
            fields: &fields,
            events: &events,
            actor: fields.assigned_to.unwrap_or_default(),
            created_at,
            until: self.now,
            pace: TimeDelta::days(days),
            was_active: !events.is_empty(),
        };
        self.batch.clients.push(BulkClient {
            id,
            organization: self.organization,
            history: life.entries(),
            created_by: fields.assigned_to,
            created_at,
            fields,
        });
    }

    /// `days` of `?` are those of an event that has no date yet.
    fn read_event(&mut self, (days, name): (&str, &str), client: ClientId) -> EventId {
        self.events += 1;
        // One in the morning in UTC is seven in the evening in Mexico City.
        let evening =
            self.now.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(1);
        let event = Event {
            id: EventId(self.id(3, self.events)),
            organization: self.organization,
            name: known(line(name, NAME_MOST)),
            starts_at: (days != "?")
                .then(|| evening + known(days.parse().ok().and_then(TimeDelta::try_days))),
        };
        let id = event.id;
        self.batch.events.push((event, Some(client)));
        id
    }

    fn active_member(&self, first_name: &str) -> UserId {
        let found = self.batch.members.iter().find(|(organization, member)| {
            *organization == self.organization
                && member.active
                && member.user.first_name == first_name
        });
        known(found).1.user.id
    }
}

fn pairs<'a>(stanza: &[&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    stanza.iter().map(|line| known(line.split_once(": ")))
}

fn line(value: &str, most: usize) -> Option<String> {
    right(text::parse(value, most, Lines::One))
}

/// What the domain makes of a value: the files are constants, read in a test.
fn right<T>(parsed: Result<T, Problem>) -> T {
    parsed.expect("a value within the rules")
}

/// As [`right`], for what is a name, a number or two parts.
fn known<T>(value: Option<T>) -> T {
    value.expect("a field of the demonstration")
}

#[cfg(test)]
mod tests;
