//! `load run`: calls a service that runs.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Args;
use nvito_clients::error::Cause;
use nvito_clients::seed::Size;
use tokio::runtime::{Builder, Runtime};

use super::ask::Rows;
use super::cpu::Watched;
use super::drive::Load;
use super::operation::Mix;
use super::report::Report;

/// What `load run` may be told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the service listens, without TLS and with identities in the metadata.
    #[arg(long, default_value = "127.0.0.1:50051")]
    address: SocketAddr,
    /// Which calls, and how often relative to each other: get=70,list=20,create=10, or all.
    #[arg(long, default_value = "get")]
    mix: Mix,
    #[command(flatten)]
    size: SizeArguments,
    /// Only rows of this organization, counted from 0.
    #[arg(long)]
    organization: Option<u32>,
    /// Calls in flight. With --rate, most of them.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    in_flight: u16,
    /// Calls a second, made when their time comes and not when others are answered.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Connections that the calls share.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=512))]
    connections: u16,
    /// Seconds that count.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Ends after so many calls, if before the time.
    #[arg(long)]
    calls: Option<u64>,
    /// Seconds before those that count.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=3600))]
    warm_up: u32,
    /// Look at every answer; wrong ones are counted, and make the command fail.
    #[arg(long)]
    check: bool,
    /// Repeats a run; rolled when not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads of the caller.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// The service's process, to tell its processor time.
    #[arg(long)]
    server_pid: Option<u32>,
    /// PostgreSQL's first process; found when it is a private one of --server-pid.
    #[arg(long)]
    postgres_pid: Option<u32>,
    /// Write the figures as JSON too, to a file or to standard output (-).
    #[arg(long)]
    json: Option<String>,
}

/// What was seeded.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SizeArguments {
    /// Organizations that were seeded.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    organizations: u32,
    /// Clients that were seeded, in all.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    clients: u32,
    /// How many of them the first organization has, if not as many as any other.
    #[arg(long)]
    largest: Option<u32>,
}

impl SizeArguments {
    pub(crate) fn size(self) -> Result<Size, String> {
        Size::new(self.organizations, self.clients, self.largest)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "no number".to_owned())?;
    if (0.1..=1_000_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("from 0.1 to 1000000".to_owned())
    }
}

/// Runs the load and tells its figures; `false` when answers were wrong.
pub(crate) fn main(arguments: Arguments) -> Result<bool, Cause> {
    let size = arguments.size.size()?;
    if let Some(organization) = arguments.organization
        && (organization >= size.organizations || size.clients_of(organization) == 0)
    {
        return Err(format!("organization {organization} has no clients").into());
    }
    let load = Load {
        address: arguments.address,
        mix: arguments.mix,
        rows: Rows {
            size,
            only: arguments.organization,
        },
        check: arguments.check,
        connections: arguments.connections.into(),
        in_flight: arguments.in_flight.into(),
        rate: arguments.rate,
        warm_up: Duration::from_secs(arguments.warm_up.into()),
        time: Duration::from_secs(arguments.seconds.into()),
        calls: arguments.calls,
        seed: arguments.seed.unwrap_or_else(fresh_seed),
        watched: Watched::find(arguments.server_pid, arguments.postgres_pid),
    };
    let runtime = runtime(arguments.threads.into())?;
    let outcome = runtime.block_on(load.run())?;
    let report = Report::of(&load, outcome);
    // The table is for people: beside JSON on standard output it would be in the way.
    match arguments.json.as_deref() {
        Some("-") => eprint!("{report}"),
        _ => print!("{report}"),
    }
    if let Some(place) = &arguments.json {
        write_json(place, &report)?;
    }
    Ok(report.wrong == 0)
}

/// One thread calls and reads; more only where one is not enough.
pub(crate) fn runtime(threads: usize) -> Result<Runtime, Cause> {
    let runtime = if threads == 1 {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
    };
    Ok(runtime?)
}

/// E-mail addresses and request ids of one run are not to be those of the one before.
pub(crate) fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(1, |now| u64::try_from(now.as_micros()).unwrap_or(1))
}

pub(crate) fn write_json(place: &str, figures: &impl serde::Serialize) -> Result<(), Cause> {
    let json = serde_json::to_string_pretty(figures)? + "\n";
    if place == "-" {
        std::io::stdout().write_all(json.as_bytes())?;
    } else {
        fs::write(Path::new(place), json).map_err(|error| format!("{place}: {error}"))?;
    }
    Ok(())
}
