//! Where a client stands and where it may go from there (spec §3).

use std::fmt;

use crate::error::Error;

/// Where a client stands (spec §2 `ClientStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ClientStatus {
    /// Still being quoted.
    #[default]
    Prospect,
    /// Has an event under way.
    Active,
    /// All events are over.
    Completed,
    /// Left, or never came.
    Inactive,
}

impl ClientStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [
        Self::Prospect,
        Self::Active,
        Self::Completed,
        Self::Inactive,
    ];

    /// The name of the spec, which is also the database's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prospect => "PROSPECT",
            Self::Active => "ACTIVE",
            Self::Completed => "COMPLETED",
            Self::Inactive => "INACTIVE",
        }
    }

    /// The status of a name of [`as_str`](Self::as_str).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Where the team may take a client that stands here: the table of spec §3.
    pub fn allowed_transitions(self) -> &'static [Self] {
        match self {
            Self::Prospect => &[Self::Active, Self::Inactive],
            Self::Active => &[Self::Completed, Self::Inactive],
            Self::Completed => &[Self::Active],
            Self::Inactive => &[Self::Prospect],
        }
    }

    /// Where a client stands after it was asked to go from here to `target`.
    /// Staying is no step and always fine.
    ///
    /// Fails with `CLIENT_TRANSITION_NOT_ALLOWED` where the table has no such
    /// step.
    pub fn transition(self, target: Self) -> Result<Self, Error> {
        if self == target || self.allowed_transitions().contains(&target) {
            Ok(target)
        } else {
            Err(Error::TransitionNotAllowed {
                from: self,
                to: target,
            })
        }
    }
}

impl fmt::Display for ClientStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClientStatus::{Active, Completed, Inactive, Prospect};

    #[test]
    fn all_sixteen_pairs() {
        let steps = [
            (Prospect, Active),
            (Prospect, Inactive),
            (Active, Completed),
            (Active, Inactive),
            (Completed, Active),
            (Inactive, Prospect),
        ];
        for from in ClientStatus::ALL {
            for to in ClientStatus::ALL {
                let outcome = from.transition(to);
                if from == to || steps.contains(&(from, to)) {
                    assert_eq!(outcome.expect("a step"), to, "{from} → {to}");
                } else {
                    let Err(Error::TransitionNotAllowed { from: a, to: b }) = outcome else {
                        panic!("{from} → {to}: {outcome:?}");
                    };
                    assert_eq!((a, b), (from, to));
                }
            }
        }
    }

    #[test]
    fn names_read_back() {
        for status in ClientStatus::ALL {
            assert_eq!(ClientStatus::from_name(status.as_str()), Some(status));
        }
        assert_eq!(ClientStatus::from_name("prospect"), None);
    }
}
