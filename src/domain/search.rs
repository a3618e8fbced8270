//! What a caller looks for in a list.

use crate::domain::phone;
use crate::domain::text::{self, Lines};
use crate::error::Problem;

/// Most characters of a search (api.md, decision 11).
pub const MOST: usize = 100;

/// A fragment of a name, an e-mail or a telephone number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Search {
    /// As typed; `%` and `_` are plain characters.
    pub fragment: String,
    /// Its digits, when it looks like a part of a telephone number: a number
    /// is found however either side wrote it.
    pub digits: Option<String>,
}

impl Search {
    /// Trims a search; `None` when nothing is left.
    pub fn parse(text: &str) -> Result<Option<Self>, Problem> {
        let fragment = text::parse(text, MOST, Lines::One)?;
        Ok(fragment.map(|fragment| Self {
            digits: digits(&fragment),
            fragment,
        }))
    }
}

/// A whole number gives its national digits, which every way of writing it
/// contains; a part of one gives its digits, three at least, without what
/// stands before a national number.
fn digits(fragment: &str) -> Option<String> {
    let of_a_number = |c: char| c.is_ascii_digit() || " +-().".contains(c);
    if !fragment.chars().all(of_a_number) {
        return None;
    }
    if let Some(e164) = phone::e164(fragment) {
        return Some(e164.strip_prefix("+52").unwrap_or(&e164[1..]).to_owned());
    }
    let mut digits: String = fragment.chars().filter(char::is_ascii_digit).collect();
    if let Some(national) = fragment.strip_prefix("+52").and(digits.strip_prefix("52")) {
        // No area code begins with the 1 that once told mobile phones.
        let national = national.strip_prefix('1').unwrap_or(national);
        digits = match national.len() {
            0..3 => format!("52{national}"),
            _ => national.to_owned(),
        };
    }
    (digits.len() >= 3).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_looked_for_by_its_digits() {
        let cases = [
            ("López", None),
            ("12", None),
            ("1234-5678", Some("12345678")),
            ("(55) 12", Some("5512")),
            ("+52 1 55 1234 5678", Some("5512345678")),
            ("+52 1 55 1234", Some("551234")),
            ("+52 551", Some("551")),
            ("+52 1 55", Some("5255")),
            ("+52 1", None),
            ("52 1 55 1234", Some("521551234")),
            ("55.1234.5678", Some("5512345678")),
            ("+1 415 555 2671", Some("14155552671")),
            ("ana 5512", None),
        ];
        for (text, digits) in cases {
            let search = Search::parse(text).expect("short").expect("not empty");
            assert_eq!(search.digits.as_deref(), digits, "{text}");
        }
        assert_eq!(Search::parse("   "), Ok(None));
        assert!(matches!(
            Search::parse(&"a".repeat(101)),
            Err(Problem::TooLong { .. })
        ));
    }
}
