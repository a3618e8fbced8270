//! UUIDs that cannot be taken for one another.

use std::fmt;

use uuid::Uuid;

use crate::error::Problem;

macro_rules! id {
    ($(#[doc = $doc:literal] $name:ident),+ $(,)?) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Reads the hyphenated form, in either case.
            pub fn parse(text: &str) -> Result<Self, Problem> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

id! {
    /// A tenant.
    OrganizationId,
    /// A client.
    ClientId,
    /// A user of any organization.
    UserId,
    /// An event.
    EventId,
    /// One call that may be repeated safely (AIP-155).
    RequestId,
}

impl ClientId {
    /// A new one: UUIDv7, so that rows created together lie together.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

/// Only the hyphenated form: the crate also reads braces, `urn:uuid:` and bare
/// hexadecimal digits, and one id should have one spelling.
fn parse(text: &str) -> Result<Uuid, Problem> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return Err(Problem::InvalidUuid);
    }
    Uuid::try_parse(text).map_err(|_| Problem::InvalidUuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        for text in [
            "0192f0c1-2345-7abc-8def-0123456789ab",
            "0192F0C1-2345-7ABC-8DEF-0123456789AB",
        ] {
            assert!(ClientId::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "1",
            "0192f0c123457abc8def0123456789ab",
            "{0192f0c1-2345-7abc-8def-0123456789ab}",
            "urn:uuid:0192f0c1-2345-7abc-8def-0123456789ab",
            "0192f0c1-2345-7abc-8def-0123456789aß",
            "0192f0c1-2345-7abc-8def-0123456789a\0",
        ] {
            assert_eq!(ClientId::parse(text), Err(Problem::InvalidUuid), "{text:?}");
        }
    }
}
