//! As many rows as a load test wants.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{Builder, Uuid};

use super::client::Party;
use super::dice::{Dice, Kind};
use super::life::Life;
use super::names::{CITIES, GIVEN, HOUSES, SURNAMES, ascii};
use super::size::Size;
use crate::domain::client::ClientFields;
use crate::domain::directory::{Event, Member, Organization, User};
use crate::domain::ids::{ClientId, EventId, OrganizationId, UserId};
use crate::domain::lifecycle::ClientStatus;
use crate::repository::bulk::{Batch, BulkClient};

/// Clients of one batch: a few megabytes, and a transaction of a second.
const BATCH: u32 = 10_000;
/// People of each organization; the last ones have left.
const MEMBERS: u64 = 20;
/// How many of them are active.
pub const ACTIVE: u64 = 18;
/// Events of each organization that nobody is linked to.
pub(super) const UNLINKED: u64 = 5;
/// Most events of one client.
const EVENTS: u64 = 3;
/// The clients came in the three years before 2026-11-01T00:00:00Z, in
/// microseconds.
const UNTIL: i64 = 1_793_491_200_000_000;
const SINCE: i64 = UNTIL - YEARS;
const YEARS: i64 = 3 * 365 * DAY;
const DAY: i64 = 86_400_000_000;

/// The organizations with their teams, and the clients with their events.
///
/// The first batch brings the organizations, the teams and the events of
/// nobody. Clients come in the order in which they were created, but for one
/// in fifty, which shares its microsecond with the client before it of the
/// same organization. The same arguments give the same rows. Other arguments
/// give other clients; an organization of the same number stays what it was.
pub fn bulk(size: Size) -> impl Iterator<Item = Batch> {
    let Size {
        organizations,
        clients,
        ..
    } = size;
    (0..clients.div_ceil(BATCH).max(1)).map(move |number| {
        let mut batch = Batch::default();
        if number == 0 {
            (0..organizations).for_each(|organization| add_team(&mut batch, organization));
        }
        let first = number * BATCH;
        (first..clients.min(first.saturating_add(BATCH)))
            .for_each(|index| size.add_client(&mut batch, index));
        batch
    })
}

fn add_team(batch: &mut Batch, organization: u32) {
    let mut dice = Dice::of(Kind::Organization, organization.into());
    let id = organization_id(organization);
    let (house, (_, city, _)) = (dice.pick(HOUSES), dice.pick(CITIES));
    batch.organizations.push(Organization {
        id,
        name: format!("{house} {} {city}", dice.pick(SURNAMES)),
    });
    batch.members.extend((0..MEMBERS).map(|number| {
        let (first_name, last_name) = (dice.pick_early(GIVEN), dice.pick_early(SURNAMES));
        let email = format!(
            "{}.{}@equipo{organization}.example",
            ascii(first_name),
            number + 1
        );
        let member = Member {
            user: User {
                id: user_id(organization, number),
                first_name: first_name.to_owned(),
                last_name: last_name.to_owned(),
                email: Some(email),
            },
            active: number < ACTIVE,
        };
        (id, member)
    }));
    batch.events.extend((0..UNLINKED).map(|number| {
        let index = u64::from(organization) * UNLINKED + number;
        let event = Event {
            id: EventId(uuid(SINCE, Kind::LooseEvent, index)),
            organization: id,
            name: format!("Boda {}–{}", dice.pick(SURNAMES), dice.pick(SURNAMES)),
            starts_at: Some(moment(UNTIL + days(dice.between(1, 400)))),
        };
        (event, None)
    }));
}

impl Size {
    pub(super) fn add_client(self, batch: &mut Batch, index: u32) {
        let mut dice = Dice::of(Kind::Client, index.into());
        let (owner, _) = self.place(index);
        let organization = organization_id(owner);
        let created_at = self.created_at(index);
        let id = client_id(created_at, index);
        let party = Party::roll(&mut dice);
        let mut anybody = |share| {
            dice.percent(share)
                .then(|| user_id(owner, dice.below(ACTIVE)))
        };
        let (assigned_to, created_by) = (anybody(60), anybody(90));
        let fields = ClientFields {
            assigned_to,
            ..party.fields(&mut dice, index)
        };
        let mut events = Vec::new();
        for number in 0..events_of(&mut dice, fields.status) {
            let index = u64::from(index) * EVENTS + number;
            let event = Event {
                id: EventId(uuid(created_at, Kind::Event, index)),
                organization,
                name: party.event(&mut dice),
                starts_at: starts_at(&mut dice, fields.status, created_at),
            };
            events.push(event.id);
            batch.events.push((event, Some(id)));
        }
        // Dice of its own: the rows stay what they were before they had lives.
        let mut dice = Dice::of(Kind::Life, index.into());
        let life = Life {
            fields: &fields,
            events: &events,
            actor: created_by.unwrap_or_default(),
            created_at: moment(created_at),
            until: moment(UNTIL),
            pace: TimeDelta::microseconds(
                days(1) + dice.below(60 * DAY.unsigned_abs()).cast_signed(),
            ),
            was_active: dice.percent(40),
        };
        batch.clients.push(BulkClient {
            id,
            organization,
            history: life.entries(),
            fields,
            created_by,
            created_at: moment(created_at),
        });
    }

    /// Anywhere in its share of the three years, or with the client before it.
    pub(super) fn created_at(self, index: u32) -> i64 {
        let tied = Dice::of(Kind::Tie, index.into()).percent(2);
        let (owner, rank) = self.place(index);
        let index = match rank.checked_sub(1) {
            Some(before) if tied => self.nth(owner, before),
            _ => index,
        };
        let share = YEARS / i64::from(self.clients);
        let within = Dice::of(Kind::Time, index.into()).below(share.unsigned_abs());
        SINCE + i64::from(index) * share + within.cast_signed()
    }
}

fn events_of(dice: &mut Dice, status: ClientStatus) -> u64 {
    let roll = dice.below(100);
    match status {
        ClientStatus::Prospect | ClientStatus::Inactive => u64::from(roll < 20),
        _ => 1 + u64::from(roll < 30) + u64::from(roll < 8),
    }
}

/// Ahead for those whose event is to come, behind for the others; one in
/// twenty has no date.
fn starts_at(dice: &mut Dice, status: ClientStatus, created_at: i64) -> Option<DateTime<Utc>> {
    let ahead = matches!(status, ClientStatus::Prospect | ClientStatus::Active);
    let at = if ahead {
        UNTIL + days(dice.between(1, 400))
    } else {
        let since = (UNTIL - created_at) / DAY;
        UNTIL - days(dice.between(0, since.unsigned_abs()))
    };
    (!dice.percent(5)).then(|| moment(at))
}

pub(super) fn organization_id(organization: u32) -> OrganizationId {
    OrganizationId(uuid(SINCE, Kind::Organization, organization.into()))
}

pub(super) fn user_id(organization: u32, number: u64) -> UserId {
    let index = u64::from(organization) * MEMBERS + number;
    UserId(uuid(SINCE, Kind::User, index))
}

pub(super) fn client_id(created_at: i64, index: u32) -> ClientId {
    ClientId(uuid(created_at, Kind::Client, index.into()))
}

pub(super) fn loose_event_id(organization: u32, number: u64) -> EventId {
    let index = u64::from(organization) * UNLINKED + number;
    EventId(uuid(SINCE, Kind::LooseEvent, index))
}

/// An id of version 7, of a moment in microseconds. Kind and index make it
/// unique; what comes before them keeps rows of one moment out of their order.
fn uuid(at: i64, kind: Kind, index: u64) -> Uuid {
    let noise = Dice::of(kind, index).roll().to_be_bytes();
    let index = index.to_be_bytes();
    let mut bytes = [0; 10];
    bytes[..4].copy_from_slice(&noise[..4]);
    bytes[4] = kind as u8;
    bytes[5..].copy_from_slice(&index[3..]);
    Builder::from_unix_timestamp_millis(at.unsigned_abs() / 1000, &bytes).into_uuid()
}

fn moment(microseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(microseconds).expect("a moment of this century")
}

fn days(count: u64) -> i64 {
    i64::try_from(count).map_or(0, |count| count * DAY)
}

#[cfg(test)]
mod tests;
