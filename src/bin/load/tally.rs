//! What came out: latencies, codes, wrong answers.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::operation::Operation;

/// Nanoseconds, from a microsecond to a minute, to three digits.
const LEAST: u64 = 1_000;
const MOST: u64 = 60_000_000_000;
/// Sentences kept of wrong answers and failures, of each operation.
const KEPT: usize = 3;

/// All of one operation.
pub(crate) struct Series {
    pub(crate) latencies: Histogram<u64>,
    /// How often each `grpc-status` came.
    pub(crate) codes: BTreeMap<i32, u64>,
    /// Answers that were not what was asked for.
    pub(crate) wrong: u64,
    /// Some of what was wrong or failed.
    pub(crate) samples: Vec<String>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            latencies: Histogram::new_with_bounds(LEAST, MOST, 3).expect("sound bounds"),
            codes: BTreeMap::new(),
            wrong: 0,
            samples: Vec::new(),
        }
    }
}

impl Series {
    pub(crate) fn calls(&self) -> u64 {
        self.codes.values().sum()
    }

    fn keep(&mut self, sample: String) {
        if self.samples.len() < KEPT {
            self.samples.push(sample);
        }
    }
}

/// All of all operations.
#[derive(Default)]
pub(crate) struct Tally(pub(crate) BTreeMap<Operation, Series>);

impl Tally {
    /// One call that was answered after `latency`. Refused ones have a latency as well.
    pub(crate) fn add(&mut self, operation: Operation, code: i32, latency: Duration) {
        let series = self.0.entry(operation).or_default();
        *series.codes.entry(code).or_default() += 1;
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(MOST);
        series.latencies.saturating_record(nanoseconds);
    }

    /// What a failure said.
    pub(crate) fn failed(&mut self, operation: Operation, said: &[u8]) {
        let said = String::from_utf8_lossy(said).into_owned();
        self.0.entry(operation).or_default().keep(said);
    }

    /// An answer that was wrong, and how.
    pub(crate) fn wrong(&mut self, operation: Operation, how: String) {
        let series = self.0.entry(operation).or_default();
        series.wrong += 1;
        series.keep(how);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (operation, theirs) in other.0 {
            let ours = self.0.entry(operation).or_default();
            ours.latencies
                .add(&theirs.latencies)
                .expect("the same bounds");
            for (code, count) in theirs.codes {
                *ours.codes.entry(code).or_default() += count;
            }
            ours.wrong += theirs.wrong;
            theirs
                .samples
                .into_iter()
                .for_each(|sample| ours.keep(sample));
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.0.values().map(Series::calls).sum()
    }
}
