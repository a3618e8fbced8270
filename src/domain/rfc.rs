//! Registro Federal de Contribuyentes (spec §7; api.md "RFC").
//!
//! Three tiers: what is no RFC is rejected (A), one that belongs to the other
//! type of client is rejected (B), one that looks odd is accepted with an
//! advisory (C), because SAT itself has issued odd ones.

use std::fmt;
use std::sync::LazyLock;

use chrono::NaiveDate;
use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use crate::domain::client::ClientType;
use crate::error::Problem;

/// Of the general public.
const GENERIC_NATIONAL: &str = "XAXX010101000";
/// Of residents abroad.
const GENERIC_FOREIGN: &str = "XEXX010101000";

/// The form (spec §7). Written without `\d` and `(?i)`, whose Unicode versions
/// would let Arabic digits and `ſ` in.
static FORM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^[A-ZÑ&]{3,4}[0-9]{6}[A-Z0-9]{3}$").expect("the pattern is a constant")
});

/// A well-formed RFC of 12 or 13 characters, normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rfc(String);

impl Rfc {
    /// Normalises `text` and holds it to the form of an RFC (tier A); `None`
    /// when nothing is left.
    pub fn parse(text: &str) -> Result<Option<Self>, Problem> {
        let rfc = normalize(text);
        if rfc.is_empty() {
            return Ok(None);
        }
        if FORM.is_match(&rfc) {
            Ok(Some(Self(rfc)))
        } else {
            Err(Problem::RfcInvalidFormat)
        }
    }

    /// One that was parsed before it was stored.
    pub fn from_stored(rfc: String) -> Self {
        Self(rfc)
    }

    /// Normalised.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose RFC it is.
    pub fn kind(&self) -> RfcKind {
        match self.as_str() {
            GENERIC_NATIONAL => RfcKind::GenericNational,
            GENERIC_FOREIGN => RfcKind::GenericForeign,
            _ => RfcKind::Normal,
        }
    }

    /// Holds the RFC to the length of its client's type (tier B). The generic
    /// ones serve both.
    pub fn check_type(&self, client_type: ClientType) -> Result<(), Problem> {
        let expected = match client_type {
            ClientType::Individual => 13,
            ClientType::Company => 12,
        };
        if self.kind() == RfcKind::Normal && self.0.chars().count() != expected {
            return Err(Problem::RfcTypeMismatch { expected });
        }
        Ok(())
    }

    /// What looks odd (tier C). A generic one is what it is.
    pub fn advisories(&self) -> Vec<Advisory> {
        if self.kind() != RfcKind::Normal {
            return Vec::new();
        }
        let characters: Vec<char> = self.0.chars().collect();
        let (body, last) = characters.split_at(characters.len() - 1);
        let letters = characters.len() - 9;
        let mut advisories = Vec::new();
        if letters == 4 && is_inconvenient(&characters[..4]) {
            advisories.push(Advisory::InconvenientWord);
        }
        if !is_possible_date(&characters[letters..letters + 6]) {
            advisories.push(Advisory::DateImpossible);
        }
        // A last character that no check digit can be says more than that it
        // is not this one.
        if !(last[0].is_ascii_digit() || last[0] == 'A') {
            advisories.push(Advisory::LastCharacter);
        } else if check_digit(body) != last[0] {
            advisories.push(Advisory::CheckDigit);
        }
        advisories
    }
}

/// Whose RFC it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RfcKind {
    /// One taxpayer's own.
    Normal,
    /// The general public's.
    GenericNational,
    /// The residents' abroad.
    GenericForeign,
}

/// An oddity that rejects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advisory {
    /// No such day in 1900–1999 nor in 2000–2099.
    DateImpossible,
    /// Neither a digit nor `A`.
    LastCharacter,
    /// Not what the other characters give.
    CheckDigit,
    /// A person's four letters spell a word that SAT replaces.
    InconvenientWord,
}

impl Advisory {
    /// As it stands in `RfcAdvisory.code`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DateImpossible => "RFC_DATE_IMPOSSIBLE",
            Self::LastCharacter => "RFC_LAST_CHARACTER",
            Self::CheckDigit => "RFC_CHECK_DIGIT",
            Self::InconvenientWord => "RFC_INCONVENIENT_WORD",
        }
    }
}

impl fmt::Display for Advisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Without the spaces and signs people put between the parts, in upper case, in
/// NFC: last, since what was apart may be one letter now. Only ASCII letters and
/// `ñ` are raised: `to_uppercase` would turn `ſ` into `S` and let it pass.
pub fn normalize(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '.' | '/'))
        .map(|c| {
            if c == 'ñ' {
                'Ñ'
            } else {
                c.to_ascii_uppercase()
            }
        })
        .nfc()
        .collect()
}

fn is_possible_date(digits: &[char]) -> bool {
    let pair = |at: usize| {
        digits[at].to_digit(10).unwrap_or(0) * 10 + digits[at + 1].to_digit(10).unwrap_or(0)
    };
    let (year, month, day) = (pair(0), pair(2), pair(4));
    [1900, 2000].into_iter().any(|century| {
        let year = i32::try_from(century + year).unwrap_or_default();
        NaiveDate::from_ymd_opt(year, month, day).is_some()
    })
}

/// The check digit of the first 11 or 12 characters (SAT's algorithm, modulo 11).
fn check_digit(body: &[char]) -> char {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ";
    let value = |c: char| ALPHABET.chars().position(|a| a == c).unwrap_or_default();
    let padding = std::iter::repeat_n(' ', 12 - body.len());
    let sum: usize = padding
        .chain(body.iter().copied())
        .zip((2..=13).rev())
        .map(|(character, weight)| value(character) * weight)
        .sum();
    match (11 - sum % 11) % 11 {
        10 => 'A',
        digit => char::from(b'0' + u8::try_from(digit).unwrap_or_default()),
    }
}

/// The words that SAT does not let a person's first four letters spell
/// (Instructivo para la formación de la clave del RFC, Anexo IV).
fn is_inconvenient(letters: &[char]) -> bool {
    const WORDS: [&str; 45] = [
        "BUEI", "BUEY", "CACA", "CACO", "CAGA", "CAGO", "CAKA", "CAKO", "COGE", "COJA", "COJE",
        "COJI", "COJO", "CULO", "FETO", "GUEY", "JOTO", "KACA", "KACO", "KAGA", "KAGO", "KAKA",
        "KOGE", "KOJO", "KULO", "LOCA", "LOCO", "LOKA", "LOKO", "MAME", "MAMO", "MEAR", "MEAS",
        "MEON", "MION", "MOCO", "MULA", "PEDA", "PEDO", "PENE", "PUTA", "PUTO", "QULO", "RATA",
        "RUIN",
    ];
    WORDS
        .iter()
        .any(|word| word.chars().eq(letters.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each line of `rfc-vectors.csv` says: input, type, verdict,
    /// normalised form and detail.
    const VECTORS: &str = include_str!("../../tests/data/rfc-vectors.csv");

    #[test]
    fn vectors() {
        let mut seen = 0;
        for line in VECTORS.lines().skip(1) {
            let [input, client_type, verdict, normalized, detail] = line
                .split(',')
                .collect::<Vec<_>>()
                .try_into()
                .expect("five columns");
            let client_type = ClientType::from_name(client_type).expect("a type");
            let parsed = Rfc::parse(input).and_then(|rfc| {
                let rfc = rfc.expect("not empty");
                rfc.check_type(client_type).map(|()| rfc)
            });
            match (verdict, parsed) {
                ("reject", Err(problem)) => assert_eq!(problem.reason().as_str(), detail, "{line}"),
                ("advise", Ok(rfc)) => {
                    assert_eq!(rfc.as_str(), normalized, "{line}");
                    let codes: Vec<_> = rfc.advisories().iter().map(ToString::to_string).collect();
                    assert!(codes.iter().any(|code| code == detail), "{line}: {codes:?}");
                }
                ("valid", Ok(rfc)) => {
                    assert_eq!(rfc.as_str(), normalized, "{line}");
                    assert_eq!(rfc.advisories(), [], "{line}");
                    let kind = match detail {
                        "GENERIC_NATIONAL" => RfcKind::GenericNational,
                        "GENERIC_FOREIGN" => RfcKind::GenericForeign,
                        _ => RfcKind::Normal,
                    };
                    assert_eq!(rfc.kind(), kind, "{line}");
                }
                (verdict, parsed) => panic!("{line}: {verdict} expected, {parsed:?} found"),
            }
            seen += 1;
        }
        assert_eq!(seen, 40, "every vector is read");
    }

    #[test]
    fn nothing_is_no_rfc_and_no_error() {
        for text in ["", "  ", " - . / _ "] {
            assert_eq!(Rfc::parse(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn look_alikes_are_refused() {
        for text in [
            "ＥＫＵ９００３１７３Ｃ９",
            "EKU٩٠٠٣١٧٣C9",
            "ſKU9003173C9",
            "EKU9003173C9\0",
            "🎉KU9003173C9",
        ] {
            assert_eq!(Rfc::parse(text), Err(Problem::RfcInvalidFormat), "{text}");
        }
    }
}
