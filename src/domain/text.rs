//! Free text: trimmed, bounded, without control characters.

use crate::error::Problem;

/// How many lines a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// No control character at all.
    One,
    /// Line feed, carriage return and tab are welcome.
    Many,
}

/// Trims `text` and holds it to `most` characters (not bytes).
///
/// `None` when nothing is left. PostgreSQL cannot store a NUL, and a control
/// character in a name is always an accident.
pub fn parse(text: &str, most: usize, lines: Lines) -> Result<Option<String>, Problem> {
    let text = text.trim();
    let welcome = |c: char| lines == Lines::Many && matches!(c, '\n' | '\r' | '\t');
    if let Some(character) = text.chars().find(|&c| c.is_control() && !welcome(c)) {
        return Err(Problem::InvalidCharacter { character });
    }
    let given = text.chars().count();
    if given > most {
        return Err(Problem::TooLong { most, given });
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_counted_in_characters_and_free_of_control_characters() {
        let ok = |text: &str| Ok(Some(text.to_owned()));
        let cases: Vec<(String, Lines, Result<Option<String>, Problem>)> = vec![
            ("  Ana  ".into(), Lines::One, ok("Ana")),
            (" \u{a0}\t ".into(), Lines::One, Ok(None)),
            (String::new(), Lines::One, Ok(None)),
            ("ñandú 🎉".into(), Lines::One, ok("ñandú 🎉")),
            ("ñ".repeat(10), Lines::One, ok(&"ñ".repeat(10))),
            (
                "🎉".repeat(11),
                Lines::One,
                Err(Problem::TooLong {
                    most: 10,
                    given: 11,
                }),
            ),
            (
                "a\0b".into(),
                Lines::One,
                Err(Problem::InvalidCharacter { character: '\0' }),
            ),
            (
                "a\nb".into(),
                Lines::One,
                Err(Problem::InvalidCharacter { character: '\n' }),
            ),
            ("a\n\tb".into(), Lines::Many, ok("a\n\tb")),
            (
                "a\0b".into(),
                Lines::Many,
                Err(Problem::InvalidCharacter { character: '\0' }),
            ),
        ];
        for (text, lines, verdict) in cases {
            assert_eq!(parse(&text, 10, lines), verdict, "{text:?}");
        }
    }
}
