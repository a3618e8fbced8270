//! E-mail addresses.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::text::{self, Lines};
use crate::error::Problem;

/// Most characters of an address (spec §2).
pub const MOST: usize = 255;

/// A valid e-mail address of the HTML standard (§4.10.5.1.5), which is what the
/// web panel's forms accept, with the two things every mail server asks beyond
/// it: a domain with a dot, and no empty atom before the `@` (RFC 5321 §4.1.2).
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    const ATOM: &str = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+";
    const LABEL: &str = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
    Regex::new(&format!(r"^{ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})+$"))
        .expect("the pattern is a constant")
});

/// Trims an address and checks its form; `None` when nothing is left. The case
/// is kept: only uniqueness and search ignore it.
pub fn parse(text: &str) -> Result<Option<String>, Problem> {
    match text::parse(text, MOST, Lines::One)? {
        Some(address) if !ADDRESS.is_match(&address) => Err(Problem::InvalidEmail),
        address => Ok(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "juan@example.com",
            " juan.perez+boda@eventos.nvito.mx ",
            "o'brien@example.com",
            "x@y-z.mx",
        ] {
            assert_eq!(parse(good), Ok(Some(good.trim().to_owned())), "{good}");
        }
        for bad in [
            "juan",
            "juan@",
            "@example.com",
            "juan@localhost",
            "juan@@example.com",
            "juan perez@example.com",
            ".juan@example.com",
            "juan..perez@example.com",
            "juan@-example.com",
            "juan@example..com",
            "juan@example.com.",
            "josé@example.com",
            "🎉@example.com",
            "Juan <juan@example.com>",
        ] {
            assert_eq!(parse(bad), Err(Problem::InvalidEmail), "{bad}");
        }
        assert_eq!(parse("  "), Ok(None));
        assert!(matches!(
            parse(&format!("{}@example.com", "a".repeat(250))),
            Err(Problem::TooLong {
                most: 255,
                given: 262
            })
        ));
    }
}
