//! The figures, for people and for programs.
#![allow(clippy::cast_precision_loss, reason = "nobody makes 2^52 calls")]

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use nvito_clients::metrics::code_name;
use serde::Serialize;
use tonic::Code;

use super::drive::{Load, Outcome};
use super::tally::Series;

/// One run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `closed`: so many in flight; `open`: so many a second.
    pub(crate) mode: &'static str,
    pub(crate) in_flight: usize,
    pub(crate) rate: Option<f64>,
    pub(crate) connections: usize,
    pub(crate) organizations: u32,
    pub(crate) clients: u32,
    /// Repeats the run.
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    pub(crate) calls: u64,
    pub(crate) per_second: f64,
    pub(crate) checked: bool,
    pub(crate) wrong: u64,
    pub(crate) cpu: Cpu,
    pub(crate) operations: Vec<Row>,
}

/// Processor time, in microseconds a call; null of what was not watched.
#[allow(clippy::struct_field_names, reason = "units, in the JSON")]
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cpu {
    pub(crate) load_us: f64,
    pub(crate) server_us: Option<f64>,
    pub(crate) postgres_us: Option<f64>,
}

/// One operation.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) calls: u64,
    pub(crate) per_second: f64,
    pub(crate) codes: BTreeMap<&'static str, u64>,
    pub(crate) wrong: u64,
    pub(crate) latency_us: Latency,
    pub(crate) samples: Vec<String>,
}

/// Microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Report {
    pub(crate) fn of(load: &Load, outcome: Outcome) -> Self {
        let Outcome { tally, took, used } = outcome;
        let calls = tally.calls();
        let seconds = took.as_secs_f64();
        let each = |used: Duration| micros(used) / (calls.max(1) as f64);
        let rows = tally.0.into_iter();
        Self {
            mode: if load.rate.is_some() {
                "open"
            } else {
                "closed"
            },
            in_flight: load.in_flight,
            rate: load.rate,
            connections: load.connections,
            organizations: load.rows.size.organizations,
            clients: load.rows.size.clients,
            seed: load.seed,
            seconds,
            calls,
            per_second: calls as f64 / seconds,
            checked: load.check,
            wrong: 0,
            cpu: Cpu {
                load_us: each(used.load),
                server_us: used.server.map(each),
                postgres_us: used.postgres.map(each),
            },
            operations: rows
                .map(|(operation, series)| Row::of(operation.name(), series, seconds))
                .collect(),
        }
        .summed()
    }

    fn summed(mut self) -> Self {
        self.wrong = self.operations.iter().map(|row| row.wrong).sum();
        self
    }

    /// Calls that were answered with anything but OK.
    pub(crate) fn failed(&self) -> u64 {
        let ok = |row: &Row| row.codes.get("OK").copied().unwrap_or(0);
        self.operations.iter().map(|row| row.calls - ok(row)).sum()
    }
}

impl Row {
    fn of(name: &'static str, series: Series, seconds: f64) -> Self {
        let calls = series.calls();
        let latencies = &series.latencies;
        let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
        let code = |code: i32| code_name(Code::from_i32(code));
        Self {
            name,
            calls,
            per_second: calls as f64 / seconds,
            latency_us: Latency {
                mean: latencies.mean() / 1000.0,
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: latencies.max() as f64 / 1000.0,
            },
            codes: series
                .codes
                .iter()
                .map(|(&one, &count)| (code(one), count))
                .collect(),
            wrong: series.wrong,
            samples: series.samples,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.rate {
            Some(rate) => format!("{rate} calls/s, at most {} in flight", self.in_flight),
            None => format!("{} in flight", self.in_flight),
        };
        writeln!(
            f,
            "{} loop, {how}, {} connection(s), {} clients of {} organizations, {:.1} s, seed {}",
            self.mode, self.connections, self.clients, self.organizations, self.seconds, self.seed
        )?;
        writeln!(
            f,
            "{:<12}{:>9}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}  codes",
            "operation", "calls", "calls/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"
        )?;
        for row in &self.operations {
            let ms = |us: f64| us / 1000.0;
            let latency = &row.latency_us;
            writeln!(
                f,
                "{:<12}{:>9}{:>10.1}{:>9.2}{:>9.2}{:>9.2}{:>9.2}{:>9.2}  {}",
                row.name,
                row.calls,
                row.per_second,
                ms(latency.p50),
                ms(latency.p90),
                ms(latency.p99),
                ms(latency.p999),
                ms(latency.max),
                row.told(),
            )?;
        }
        let cpu = |us: Option<f64>| us.map_or("not watched".to_owned(), |us| format!("{us:.1}"));
        writeln!(
            f,
            "all: {:.1} calls/s; processor µs/call: load {}, service {}, PostgreSQL {}",
            self.per_second,
            cpu(Some(self.cpu.load_us)),
            cpu(self.cpu.server_us),
            cpu(self.cpu.postgres_us),
        )?;
        if self.checked {
            writeln!(f, "answers were checked: {} wrong", self.wrong)?;
        }
        for row in &self.operations {
            for sample in &row.samples {
                writeln!(f, "  {}: {sample}", row.name)?;
            }
        }
        Ok(())
    }
}

impl Row {
    fn told(&self) -> String {
        let mut told = String::new();
        for (code, count) in &self.codes {
            let _ = write!(told, "{code} {count} ");
        }
        if self.wrong > 0 {
            let _ = write!(told, "WRONG {}", self.wrong);
        }
        told.trim_end().to_owned()
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
