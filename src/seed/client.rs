//! One client of the many.

use super::dice::Dice;
use super::names::{CITIES, Company, GIVEN, HEADS, Person, STEMS, STREETS, SURNAMES, ascii};
use super::tax;
use crate::domain::client::{AcquisitionSource, ClientFields, ClientType};
use crate::domain::lifecycle::ClientStatus;
use crate::domain::phone::Phone;
use crate::domain::rfc::Rfc;

/// Who a client is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Party {
    Person(Person),
    Company(Company),
}

/// What each source's detail may be (spec §8).
const DETAILS: &[(AcquisitionSource, &[&str])] = &[
    (
        AcquisitionSource::SocialMedia,
        &[
            "Instagram - campana bodas 2026",
            "Facebook - grupo de novias",
            "TikTok - mesa de dulces",
        ],
    ),
    (
        AcquisitionSource::Google,
        &[
            "Google Ads - keyword: invitaciones digitales",
            "Búsqueda orgánica",
        ],
    ),
    (
        AcquisitionSource::Website,
        &["Formulario de contacto en nvito.mx"],
    ),
    (
        AcquisitionSource::Direct,
        &["Expo Bodas CDMX Marzo 2026", "Desayuno de networking"],
    ),
    (
        AcquisitionSource::Other,
        &["Contacto por WhatsApp", "Tarjeta en la florería"],
    ),
];

const NOTES: &[&str] = &[
    "Prefiere WhatsApp por las tardes.",
    "Pide factura con uso de CFDI G03.",
    "Cotización enviada; llamar la próxima semana.",
    "Menú vegetariano para doce personas.\nSin pirotecnia.",
    "Quiere salón con jardín y estacionamiento.",
    "Anticipo del 30 % pagado por transferencia.",
];

impl Party {
    pub(super) fn roll(dice: &mut Dice) -> Self {
        if dice.percent(75) {
            Self::Person(Person {
                given: dice.pick_early(GIVEN),
                paternal: dice.pick_early(SURNAMES),
                maternal: dice.pick_early(SURNAMES),
            })
        } else {
            Self::Company(Company {
                head: dice.pick(HEADS),
                stem: dice.pick(STEMS),
            })
        }
    }

    fn name(self) -> String {
        match self {
            Self::Person(person) => person.name(),
            Self::Company(company) => company.name(),
        }
    }

    /// Everything but the assignee. `index` keeps e-mail addresses apart.
    pub(super) fn fields(self, dice: &mut Dice, index: u32) -> ClientFields {
        let city = dice.pick_early(CITIES);
        let rfc = dice.percent(40).then(|| self.rfc(dice)).flatten();
        let invoiced = rfc.is_some() && dice.percent(70);
        let (acquisition_source, acquisition_detail) =
            dice.percent(85).then(|| source(dice)).unzip();
        ClientFields {
            name: self.name(),
            email: dice.percent(85).then(|| self.email(dice, index)),
            phone: dice.percent(90).then(|| phone(dice, city.0)),
            client_type: match self {
                Self::Person(_) => ClientType::Individual,
                Self::Company(_) => ClientType::Company,
            },
            status: match dice.below(100) {
                0..30 => ClientStatus::Prospect,
                30..70 => ClientStatus::Active,
                70..90 => ClientStatus::Completed,
                _ => ClientStatus::Inactive,
            },
            rfc,
            business_name: invoiced.then(|| self.business_name()),
            billing_address: invoiced.then(|| {
                let (street, number) = (dice.pick(STREETS), dice.between(1, 2400));
                format!("{street} {number}, Centro, {}", city.2)
            }),
            acquisition_source,
            acquisition_detail,
            notes: dice.percent(25).then(|| dice.pick(NOTES).to_owned()),
            assigned_to: None,
        }
    }

    fn rfc(self, dice: &mut Dice) -> Option<Rfc> {
        match self {
            Self::Person(person) => tax::of_person(dice, person),
            Self::Company(company) => tax::of_company(dice, company),
        }
    }

    fn business_name(self) -> String {
        let name = self.name().to_uppercase();
        match self {
            Self::Person(_) => name,
            Self::Company(_) => format!("{name} SA DE CV"),
        }
    }

    /// At a domain that RFC 2606 keeps free of people.
    fn email(self, dice: &mut Dice, index: u32) -> String {
        const DOMAINS: &[&str] = &[
            "example.com",
            "example.org",
            "example.net",
            "correo.example",
        ];
        match self {
            Self::Person(Person {
                given, paternal, ..
            }) => {
                let (given, paternal) = (ascii(given), ascii(paternal));
                format!("{given}.{paternal}{index}@{}", dice.pick(DOMAINS))
            }
            Self::Company(Company { head, stem }) => {
                let (head, stem) = (ascii(head), ascii(stem));
                format!("contacto@{head}-{stem}{index}.example")
            }
        }
    }

    /// What an event of the client is called.
    pub(super) fn event(self, dice: &mut Dice) -> String {
        match self {
            Self::Person(Person {
                given, paternal, ..
            }) => match dice.below(10) {
                0..5 => format!("Boda {paternal}–{}", dice.pick_early(SURNAMES)),
                5..7 => format!("XV años de {}", dice.pick_early(GIVEN)),
                7 => format!("Bautizo de {}", dice.pick_early(GIVEN)),
                _ => format!("Cumpleaños de {given} {paternal}"),
            },
            Self::Company(company) => {
                const KINDS: &[&str] = &["Posada", "Congreso", "Aniversario", "Lanzamiento"];
                format!("{} {}", dice.pick(KINDS), company.name())
            }
        }
    }
}

fn source(dice: &mut Dice) -> (AcquisitionSource, String) {
    if dice.percent(30) {
        let (given, surname) = (dice.pick_early(GIVEN), dice.pick_early(SURNAMES));
        let detail = format!("Referido por {given} {surname} (Boda {surname})");
        return (AcquisitionSource::Referral, detail);
    }
    let (source, details) = dice.pick_early(DETAILS);
    (source, dice.pick(details).to_owned())
}

/// Ten digits in one of the ways people write them. E.164 follows from them;
/// asking libphonenumber as well would take longer than all the rest.
fn phone(dice: &mut Dice, area: &str) -> Phone {
    let length = 10 - area.len();
    let mut local = dice.between(2, 9).to_string();
    while local.len() < length {
        local.push_str(&dice.below(10).to_string());
    }
    let (front, back) = local.split_at(length - 4);
    let typed = match dice.below(6) {
        0 | 1 => format!("{area} {front} {back}"),
        2 => format!("{area}{local}"),
        3 => format!("({area}) {front}-{back}"),
        4 => format!("+52 {area} {front} {back}"),
        _ => format!("+52 1 {area} {front} {back}"),
    };
    Phone {
        typed,
        e164: Some(format!("+52{area}{local}")),
    }
}
