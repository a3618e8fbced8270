//! The figures of `load table`: medians of rounds, and ratios within a round.

use std::fmt;

use nvito_clients::seed::Size;
use serde::Serialize;

use super::super::operation::Operation;
use super::super::pgbench::Ran;
use super::super::report::Report;

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    organizations: u32,
    clients: u32,
    largest: Option<u32>,
    in_flight: u16,
    seconds: u16,
    postgres: String,
    operations: Vec<Rounds>,
}

/// One operation.
#[derive(Debug, Serialize)]
struct Rounds {
    name: &'static str,
    rounds: Vec<Round>,
}

/// Measured one right after the other.
#[derive(Debug, Serialize)]
struct Round {
    ours: Cell,
    own_sql: Option<Cell>,
    plain_sql: Option<Cell>,
}

/// One measurement. Processor time is in microseconds an operation.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Cell {
    per_second: f64,
    /// The caller's: `load` or pgbench.
    caller_us: f64,
    service_us: Option<f64>,
    postgres_us: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    /// Calls that were not answered with OK.
    failed: u64,
}

impl Cell {
    pub(super) fn of_service(report: &Report) -> Self {
        let latency = report.operations.first().map(|row| &row.latency_us);
        Self {
            per_second: report.per_second,
            caller_us: report.cpu.load_us,
            service_us: report.cpu.server_us,
            postgres_us: report.cpu.postgres_us,
            p50_us: latency.map(|latency| latency.p50),
            p99_us: latency.map(|latency| latency.p99),
            failed: report.failed(),
        }
    }

    pub(super) fn of_pgbench(ran: Ran) -> Self {
        Self {
            per_second: ran.per_second,
            caller_us: ran.pgbench_us,
            service_us: None,
            postgres_us: ran.postgres_us,
            p50_us: None,
            p99_us: None,
            failed: 0,
        }
    }
}

impl Table {
    pub(super) fn new(size: Size, in_flight: u16, seconds: u16, postgres: String) -> Self {
        Self {
            organizations: size.organizations,
            clients: size.clients,
            largest: size.largest,
            in_flight,
            seconds,
            postgres,
            operations: Vec::new(),
        }
    }

    /// Adds a round and says it in a line.
    pub(super) fn add(
        &mut self,
        operation: Operation,
        ours: Cell,
        own_sql: Option<Cell>,
        plain_sql: Option<Cell>,
    ) -> String {
        let name = operation.name();
        let shown =
            |cell: Option<Cell>| cell.map_or("—".to_owned(), |cell| rate(cell.per_second));
        let line = format!(
            "{name}: ours {}, own SQL {}, plain SQL {}",
            rate(ours.per_second),
            shown(own_sql),
            shown(plain_sql)
        );
        if self.operations.last().is_none_or(|last| last.name != name) {
            let rounds = Vec::new();
            self.operations.push(Rounds { name, rounds });
        }
        if let Some(last) = self.operations.last_mut() {
            last.rounds.push(Round {
                ours,
                own_sql,
                plain_sql,
            });
        }
        line
    }

    /// Whether every call was answered with OK.
    pub(super) fn clean(&self) -> bool {
        let mut rounds = self.operations.iter().flat_map(|one| &one.rounds);
        rounds.all(|round| round.ours.failed == 0)
    }
}

/// The middle one, the least and the most.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Rounds {
    fn spread(&self, figure: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
        spread(self.rounds.iter().filter_map(figure).collect())
    }
}

fn spread(mut figures: Vec<f64>) -> Option<Spread> {
    figures.sort_unstable_by(f64::total_cmp);
    let (least, most) = (*figures.first()?, *figures.last()?);
    let half = figures.len() / 2;
    let median = if figures.len().is_multiple_of(2) {
        f64::midpoint(figures[half - 1], figures[half])
    } else {
        figures[half]
    };
    Some(Spread {
        median,
        least,
        most,
    })
}

impl fmt::Display for Table {
    /// As it may stand in a Markdown document.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest = self.largest.map_or(String::new(), |largest| {
            format!(", {largest} of them in the first")
        });
        writeln!(
            f,
            "{} clients of {} organizations{largest}; {} in flight; {} s a measurement; PostgreSQL {}; \
             loopback and Unix socket, no TLS; median (least–most) of the rounds\n",
            self.clients, self.organizations, self.in_flight, self.seconds, self.postgres
        )?;
        writeln!(
            f,
            "| operation | ours/s | own SQL/s | plain SQL/s | ours : own SQL | ours : plain SQL |"
        )?;
        writeln!(f, "|--|--|--|--|--|--|")?;
        for one in &self.operations {
            let own = |round: &Round| round.own_sql.map(|cell| cell.per_second);
            let plain = |round: &Round| round.plain_sql.map(|cell| cell.per_second);
            let over = |other: Option<f64>, round: &Round| Some(round.ours.per_second / other?);
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} |",
                one.name,
                shown(one.spread(|round| Some(round.ours.per_second)), rate),
                shown(one.spread(own), rate),
                shown(one.spread(plain), rate),
                shown(one.spread(|round| over(own(round), round)), ratio),
                shown(one.spread(|round| over(plain(round), round)), ratio),
            )?;
        }
        writeln!(
            f,
            "\nProcessor µs an operation, medians; latency of ours\n\n\
             | operation | load | service | PostgreSQL | own SQL: pgbench | PostgreSQL | plain SQL: \
             pgbench | PostgreSQL | p50 ms | p99 ms | failed |\n|--|--|--|--|--|--|--|--|--|--|--|"
        )?;
        for one in &self.operations {
            let median = |figure: &dyn Fn(&Round) -> Option<f64>| {
                let spread = one.spread(figure);
                spread.map_or("—".to_owned(), |spread| format!("{:.0}", spread.median))
            };
            let ms = |figure: &dyn Fn(&Round) -> Option<f64>| {
                let spread = one.spread(figure);
                spread.map_or("—".to_owned(), |spread| {
                    format!("{:.2}", spread.median / 1e3)
                })
            };
            let failed: u64 = one.rounds.iter().map(|round| round.ours.failed).sum();
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {failed} |",
                one.name,
                median(&|round| Some(round.ours.caller_us)),
                median(&|round| round.ours.service_us),
                median(&|round| round.ours.postgres_us),
                median(&|round| Some(round.own_sql?.caller_us)),
                median(&|round| round.own_sql?.postgres_us),
                median(&|round| Some(round.plain_sql?.caller_us)),
                median(&|round| round.plain_sql?.postgres_us),
                ms(&|round| round.ours.p50_us),
                ms(&|round| round.ours.p99_us),
            )?;
        }
        Ok(())
    }
}

fn shown(spread: Option<Spread>, one: fn(f64) -> String) -> String {
    spread.map_or("—".to_owned(), |spread| {
        let Spread {
            median,
            least,
            most,
        } = spread;
        format!("{} ({}–{})", one(median), one(least), one(most))
    })
}

fn rate(per_second: f64) -> String {
    format!("{per_second:.0}")
}

fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_rounds() {
        let of = |figures: &[f64]| spread(figures.to_vec()).map(|spread| spread.median);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
