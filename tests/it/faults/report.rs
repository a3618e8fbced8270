//! What a scenario found, as a line of the table.

use std::fmt::{self, Write as _};
use std::fs;
use std::thread::available_parallelism;
use std::time::Duration;

use chrono::Utc;

use crate::support::BUSY;

/// How much of a scenario is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Seconds, on a machine that is busy with other tests.
    Short,
    /// As much as the promise says.
    Long,
}

impl Size {
    pub(crate) fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }
}

/// One promise and what became of it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) promise: String,
    pub(crate) runs: String,
    pub(crate) seen: String,
    pub(crate) limit: String,
    pub(crate) held: bool,
    /// A figure of the machine as much as of the service: not asserted where
    /// other tests share the machine.
    pub(crate) measured: bool,
}

impl Line {
    pub(crate) fn new(
        promise: &str,
        runs: impl fmt::Display,
        seen: impl fmt::Display,
        limit: &str,
        held: bool,
    ) -> Self {
        Self {
            promise: promise.to_owned(),
            runs: runs.to_string(),
            seen: seen.to_string(),
            limit: limit.to_owned(),
            held,
            measured: false,
        }
    }

    /// The longest of `seen`, against a limit of so many milliseconds; where
    /// other tests share the machine, a second more.
    pub(crate) fn longest(promise: &str, seen: &[Duration], limit: u64, size: Size) -> Self {
        let longest = seen.iter().max().copied().unwrap_or_default();
        let limit = Duration::from_millis(limit) + size.pick(BUSY, Duration::ZERO);
        let held = !seen.is_empty() && longest <= limit;
        let (seen, limit, runs) = (millis(longest), format!("≤ {}", millis(limit)), seen.len());
        Self::new(promise, runs, format!("longest {seen}"), &limit, held)
    }

    /// See [`measured`](Self::measured).
    pub(crate) fn measured(mut self) -> Self {
        self.measured = true;
        self
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = if self.held { "" } else { "NOT: " };
        let Self {
            promise,
            runs,
            seen,
            limit,
            ..
        } = self;
        write!(f, "| {promise} | {runs} | {held}{seen} | {limit} |")
    }
}

/// All lines, with the machine and the day.
pub(crate) fn table(lines: &[Line]) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().unwrap_or_default();
    let memory = memory.trim_start_matches("MemTotal:").trim();
    let day = Utc::now().format("%Y-%m-%d");
    let mut table = format!("\n{cores} cores, {memory}, {day}\n\n");
    table += "| promise | runs | seen | limit |\n|--|--|--|--|\n";
    for line in lines {
        let _ = writeln!(table, "{line}");
    }
    table
}

/// A time as a table says it.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

/// The time that so many in a thousand stay within.
pub(crate) fn quantile(times: &mut [Duration], thousandths: usize) -> Duration {
    times.sort_unstable();
    let at = (times.len() * thousandths / 1000).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}
