//! Telephone numbers: kept as typed, understood where possible.

use phonenumber::{Mode, country};

use crate::domain::text::{self, Lines};
use crate::error::Problem;

/// Most characters of a number (spec §2).
pub const MOST: usize = 20;

/// Most characters of the E.164 form: the plus sign and 15 digits.
const E164_MOST: usize = 16;

/// A telephone or WhatsApp number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// As the caller typed it.
    pub typed: String,
    /// In E.164, when it is a number that can exist.
    pub e164: Option<String>,
}

impl Phone {
    /// Trims a number; `None` when nothing is left. One that cannot be
    /// understood is no error: teams note extensions and the like.
    pub fn parse(text: &str) -> Result<Option<Self>, Problem> {
        let typed = text::parse(text, MOST, Lines::One)?;
        Ok(typed.map(|typed| Self {
            e164: e164(&typed),
            typed,
        }))
    }
}

/// The E.164 form (ITU-T E.164) of a number, Mexico assumed where it names no
/// country. `None` when no such number can exist.
pub fn e164(text: &str) -> Option<String> {
    let number = phonenumber::parse(Some(country::MX), text).ok()?;
    if number.extension().is_some() {
        return None;
    }
    let e164 = number.format().mode(Mode::E164).to_string();
    // Until 2019 mobiles were called from abroad with a 1 after the country
    // code; WhatsApp still writes it, and the same telephone answers without.
    if let Some(national) = e164
        .strip_prefix("+521")
        .filter(|digits| digits.len() == 10)
    {
        return e164_of_mexico(national);
    }
    // The crate lets some countries have more digits than E.164 does.
    (e164.len() <= E164_MOST && phonenumber::is_valid(&number)).then_some(e164)
}

fn e164_of_mexico(national: &str) -> Option<String> {
    let number = phonenumber::parse(Some(country::MX), national).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_understood_however_they_are_written() {
        let cases = [
            ("55 1234 5678", Some("+525512345678")),
            ("(55) 1234-5678", Some("+525512345678")),
            ("+52 55 1234 5678", Some("+525512345678")),
            ("+52 1 55 1234 5678", Some("+525512345678")),
            ("+5215512345678", Some("+525512345678")),
            ("5215512345678", Some("+525512345678")),
            ("81-8345-6789", Some("+528183456789")),
            ("+1 415 555 2671", Some("+14155552671")),
            ("+34 612 34 56 78", Some("+34612345678")),
            ("+49301234567890123", None),
            ("1234", None),
            ("preguntar a Ana", None),
            ("🎉", None),
        ];
        for (typed, e164) in cases {
            let phone = Phone::parse(typed)
                .expect("kept as typed")
                .expect("not empty");
            assert_eq!(phone.typed, typed);
            assert_eq!(phone.e164.as_deref(), e164, "{typed}");
        }
        assert_eq!(Phone::parse(" "), Ok(None));
        assert_eq!(
            Phone::parse(&"5".repeat(21)),
            Err(Problem::TooLong {
                most: 20,
                given: 21
            })
        );
    }
}
