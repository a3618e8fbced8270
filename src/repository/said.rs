//! What may be told of a driver's error.

use std::error::Error as StdError;
use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DriverError};

use super::error::is_known;

/// An error whose display leaves out what PostgreSQL quotes of its data.
///
/// A message that the driver has no kind for may end in a value ("invalid
/// input syntax for type integer: …"); by PostgreSQL's style guide that comes
/// after a colon. DETAIL and CONTEXT, which quote whole rows, are never shown.
#[derive(Debug)]
pub(super) struct Said(pub(super) DriverError);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DriverError::DatabaseError(DatabaseErrorKind::Unknown, information) = &self.0 else {
            return self.0.fmt(f);
        };
        let message = information.message();
        match message.split_once(": ") {
            Some((what, _)) if !is_known(message) => write!(f, "{what}: …"),
            _ => f.write_str(message),
        }
    }
}

impl StdError for Said {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out() {
        let cases = [
            (
                "invalid input syntax for type integer: \"Ana: 5\"",
                "invalid input syntax for type integer: …",
            ),
            (
                "could not extend file \"base/1/2\": No space left on device",
                "could not extend file \"base/1/2\": No space left on device",
            ),
            ("column \"x\" does not exist", "column \"x\" does not exist"),
        ];
        for (message, shown) in cases {
            let information = Box::new(message.to_owned());
            let error = DriverError::DatabaseError(DatabaseErrorKind::Unknown, information);
            assert_eq!(Said(error).to_string(), shown);
        }
    }
}
