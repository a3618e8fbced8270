//! Where a client stands and where it may go from there (spec §3).

use std::fmt;

use crate::domain::names::names;
use crate::error::Error;

names! {
    /// Where a client stands (spec §2 `ClientStatus`).
    ClientStatus {
        /// Still being quoted.
        Prospect = "PROSPECT",
        /// Has an event under way.
        Active = "ACTIVE",
        /// All events are over.
        Completed = "COMPLETED",
        /// Left, or never came.
        Inactive = "INACTIVE",
    }
}

impl Default for ClientStatus {
    /// Where a client begins (spec §2).
    fn default() -> Self {
        Self::Prospect
    }
}

impl ClientStatus {
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
        for &from in ClientStatus::ALL {
            for &to in ClientStatus::ALL {
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
        for &status in ClientStatus::ALL {
            assert_eq!(ClientStatus::from_name(status.as_str()), Some(status));
        }
        assert_eq!(ClientStatus::from_name("prospect"), None);
    }
}
