//! What clients, teams and places are called.

use unicode_normalization::UnicodeNormalization;

/// Given names, the common ones first.
#[rustfmt::skip]
pub(super) const GIVEN: &[&str] = &[
    "María", "Juan", "Guadalupe", "José Luis", "Ana", "Carlos", "Fernanda", "Luis", "Sofía",
    "Miguel Ángel", "Alejandra", "Jorge", "Valentina", "Alejandro", "Daniela", "Ricardo",
    "María José", "Eduardo", "Ximena", "Fernando", "Regina", "Roberto", "Paola", "Diego", "Andrea",
    "Javier", "Renata", "Raúl", "Mónica", "Óscar", "Gabriela", "Sergio", "Verónica", "Héctor",
    "Lucía", "Iván", "Natalia", "Andrés", "Itzel", "Tomás", "Beatriz", "Ángel", "Carolina",
    "Emilio", "Inés", "Joaquín", "Abril", "Saúl",
];

/// Surnames, the common ones first.
#[rustfmt::skip]
pub(super) const SURNAMES: &[&str] = &[
    "Hernández", "García", "Martínez", "López", "González", "Pérez", "Rodríguez", "Sánchez",
    "Ramírez", "Cruz", "Flores", "Gómez", "Morales", "Vázquez", "Reyes", "Jiménez", "Torres",
    "Díaz", "Gutiérrez", "Ruiz", "Mendoza", "Aguilar", "Ortiz", "Moreno", "Castillo", "Romero",
    "Álvarez", "Méndez", "Chávez", "Rivera", "Juárez", "Ramos", "Domínguez", "Herrera", "Medina",
    "Castro", "Vargas", "Guzmán", "Muñoz", "Salazar", "Rojas", "Ortega", "Contreras", "Luna",
    "Núñez", "Peña", "Cervantes", "Zúñiga", "Ibarra", "Ochoa", "Lozano", "Treviño", "Cantú",
    "Escobedo", "Arreola", "Yáñez",
];

/// What a company is.
#[rustfmt::skip]
pub(super) const HEADS: &[&str] = &[
    "Grupo", "Constructora", "Despacho", "Colegio", "Hotel", "Clínica", "Laboratorios",
    "Inmobiliaria", "Transportes", "Fundación", "Universidad", "Autopartes", "Restaurante",
    "Agencia", "Textiles", "Hacienda",
];

/// Whose or whence a company is.
#[rustfmt::skip]
pub(super) const STEMS: &[&str] = &[
    "García Leal", "Alameda", "del Bajío", "San Ángel", "Reforma", "Tezontle", "Santa Elena",
    "Jacaranda", "Hernández y Asociados", "Ahuehuete", "del Valle", "Loma Dorada", "Mirasol",
    "Quetzal", "Peña Blanca", "Monte Albán", "del Pacífico", "La Huasteca", "Anáhuac",
    "Villa Serena", "Noreste", "Río Bravo", "Cantera Rosa", "Nogal",
];

/// What tenants are called before their place.
#[rustfmt::skip]
pub(super) const HOUSES: &[&str] = &[
    "Eventos", "Banquetes", "Celebraciones", "Bodas y Eventos", "Momentos", "Casa de Fiestas",
    "Producciones", "Recepciones",
];

/// Cities: area code, name, and what ends an address there.
pub(super) const CITIES: &[(&str, &str, &str)] = &[
    ("55", "Ciudad de México", "06700, CDMX"),
    ("33", "Guadalajara", "44100, Guadalajara, Jal."),
    ("81", "Monterrey", "64000, Monterrey, N.L."),
    ("55", "Ciudad de México", "03100, CDMX"),
    ("222", "Puebla", "72000, Puebla, Pue."),
    ("442", "Querétaro", "76000, Querétaro, Qro."),
    ("477", "León", "37000, León, Gto."),
    ("999", "Mérida", "97000, Mérida, Yuc."),
    ("664", "Tijuana", "22000, Tijuana, B.C."),
    ("56", "Ciudad de México", "04100, CDMX"),
    ("777", "Cuernavaca", "62000, Cuernavaca, Mor."),
    ("998", "Cancún", "77500, Cancún, Q. Roo"),
    ("951", "Oaxaca", "68000, Oaxaca, Oax."),
    ("444", "San Luis Potosí", "78000, San Luis Potosí, S.L.P."),
];

/// Streets of any city.
#[rustfmt::skip]
pub(super) const STREETS: &[&str] = &[
    "Av. Juárez", "Calle Hidalgo", "Av. Revolución", "Calle Morelos", "Blvd. Independencia",
    "Calle Allende", "Av. Universidad", "Calle 5 de Mayo", "Calzada del Ejército", "Privada Nogal",
];

/// A natural person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    pub(super) given: &'static str,
    pub(super) paternal: &'static str,
    pub(super) maternal: &'static str,
}

impl Person {
    pub(super) fn name(self) -> String {
        format!("{} {} {}", self.given, self.paternal, self.maternal)
    }

    /// SAT passes over a José or a María that another given name follows.
    pub(super) fn given_for_rfc(self) -> &'static str {
        match self.given.split_once(' ') {
            Some(("José" | "María", second)) => second,
            _ => self.given,
        }
    }
}

/// A legal person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Company {
    pub(super) head: &'static str,
    pub(super) stem: &'static str,
}

impl Company {
    pub(super) fn name(self) -> String {
        format!("{} {}", self.head, self.stem)
    }
}

/// The letters and digits of a name, without accents, in lower case.
pub(super) fn ascii(text: &str) -> String {
    text.nfd()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
