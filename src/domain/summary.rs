//! How many clients came and how many of them became active (spec §8).

use chrono::{DateTime, Utc};

use crate::error::Problem;

/// What a summary is grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SummaryGroup {
    /// How the clients found us.
    #[default]
    Source,
    /// Where they stand.
    Status,
    /// Persons or companies.
    Type,
    /// Who looks after them.
    Assignee,
    /// The month of their creation, in Mexico City.
    Month,
}

/// The moments from one to another, the last one left out; open where there is
/// none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

impl Period {
    /// A period that holds a moment; `Err` is what is wrong with `to`.
    pub fn new(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Result<Self, Problem> {
        match (from, to) {
            (Some(from), Some(to)) if to <= from => Err(Problem::InvalidRange { from: "from" }),
            _ => Ok(Self { from, to }),
        }
    }

    /// Its first moment.
    pub fn from(self) -> Option<DateTime<Utc>> {
        self.from
    }

    /// The moment after its last one.
    pub fn to(self) -> Option<DateTime<Utc>> {
        self.to
    }
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryRow {
    /// What its clients have in common; empty for those without a value.
    pub key: String,
    /// How many clients.
    pub total: i64,
    /// How many of them ever stood at ACTIVE.
    pub reached_active: i64,
    /// Half of those took at most so many days from creation to the first time.
    pub median_days_to_active: Option<f64>,
}

impl SummaryRow {
    /// The share of those who ever stood at ACTIVE, 0–1.
    #[allow(clippy::cast_precision_loss, reason = "exact below 2^53 clients")]
    pub fn conversion(&self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        self.reached_active as f64 / self.total as f64
    }
}
