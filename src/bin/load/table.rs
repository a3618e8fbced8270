//! `load table`: the service and PostgreSQL alone, in turns, on one machine in one hour.

mod figures;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use nvito_clients::error::Cause;
use tokio::signal::ctrl_c;

use super::ask::Rows;
use super::drive::Load;
use super::operation::{Mix, Operation};
use super::pgbench::{self, Pgbench, Schema, script};
use super::report::Report;
use super::run::{SizeArguments, fresh_seed, runtime, write_json};
use super::stage::{self, Stage};
use figures::{Cell, Table};

/// What `load table` may be told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    size: SizeArguments,
    /// Only rows of this organization, counted from 0.
    #[arg(long)]
    organization: Option<u32>,
    /// What is measured, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "get,list,list_status,search,create,update"
    )]
    operations: Vec<Operation>,
    /// How often each of the three is measured, in turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=3600))]
    seconds: u16,
    /// Seconds before each that do not count.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=3600))]
    warm_up: u16,
    /// Calls in flight, and connections of pgbench.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    in_flight: u16,
    /// Connections that the calls share.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=512))]
    connections: u16,
    /// Only the service, without pgbench.
    #[arg(long)]
    ours_only: bool,
    /// Keep the database here, or find one here with the same data.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// A setting of PostgreSQL for all three: shared_buffers=128MB. May be repeated.
    #[arg(long = "set", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// The service's program. [default: nvito-clients beside this one]
    #[arg(long)]
    service: Option<PathBuf>,
    /// Write the figures of every round as JSON too, to a file or to standard output (-).
    #[arg(long)]
    json: Option<String>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The program that is built together with this one.
pub(crate) fn service() -> Result<PathBuf, Cause> {
    let own = std::env::current_exe()?;
    Ok(own.with_file_name("nvito-clients"))
}

/// Measures and tells.
pub(crate) fn main(arguments: &Arguments) -> Result<bool, Cause> {
    let table = runtime(1)?.block_on(measured(arguments))?;
    match arguments.json.as_deref() {
        Some("-") => eprint!("{table}"),
        _ => print!("{table}"),
    }
    if let Some(place) = &arguments.json {
        write_json(place, &table)?;
    }
    Ok(table.clean())
}

async fn measured(arguments: &Arguments) -> Result<Table, Cause> {
    let plan = stage::Plan {
        data_dir: arguments.data_dir.clone(),
        settings: arguments.settings.clone(),
        size: arguments.size.size()?,
        service: arguments.service.clone().map_or_else(service, Ok)?,
    };
    let stage = Stage::set(&plan).await?;
    let table = tokio::select! {
        table = rounds(arguments, &stage) => table,
        _ = ctrl_c() => Err("interrupted".into()),
    };
    stage.clear().await?;
    table
}

async fn rounds(arguments: &Arguments, stage: &Stage) -> Result<Table, Cause> {
    let rows = Rows {
        size: arguments.size.size()?,
        only: arguments.organization,
    };
    let mut superuser = stage.superuser().await?;
    let pgbench = if arguments.ours_only {
        None
    } else {
        // Found before the schemas are made, which takes a while.
        let mut pgbench = Pgbench::find(stage)?;
        pgbench.blocks = pgbench::prepare(&mut superuser, rows).await?;
        pgbench.in_flight = arguments.in_flight.into();
        pgbench.warm_up = Duration::from_secs(arguments.warm_up.into());
        pgbench.time = Duration::from_secs(arguments.seconds.into());
        Some(pgbench)
    };
    let version = superuser
        .query_one("SHOW server_version", &[])
        .await?
        .get(0);
    let mut table = Table::new(rows.size, arguments.in_flight, arguments.seconds, version);
    for &operation in &arguments.operations {
        for _ in 0..arguments.rounds {
            // What the one before has left to write is not to be paid by the next.
            superuser.batch_execute("CHECKPOINT").await?;
            let load = Load {
                address: stage.address(),
                mix: Mix::of(operation),
                rows,
                check: false,
                connections: arguments.connections.into(),
                in_flight: arguments.in_flight.into(),
                rate: None,
                warm_up: Duration::from_secs(arguments.warm_up.into()),
                time: Duration::from_secs(arguments.seconds.into()),
                calls: None,
                seed: fresh_seed(),
                watched: stage.watched(),
            };
            let report = Report::of(&load, load.run().await?);
            let ours = Cell::of_service(&report);
            let mut others = [None, None];
            for (other, schema) in others.iter_mut().zip([Schema::Own, Schema::Plain]) {
                let (Some(pgbench), Some(script)) = (&pgbench, script(operation, schema)) else {
                    continue;
                };
                superuser.batch_execute("CHECKPOINT").await?;
                let ran = pgbench
                    .run(script, schema, stage.folder(), stage.watched())
                    .await?;
                *other = Some(Cell::of_pgbench(ran));
            }
            let [own, plain] = others;
            eprintln!("load: {}", table.add(operation, ours, own, plain));
        }
    }
    Ok(table)
}
