//! Loads the service and measures it, against PostgreSQL alone where asked to.
//!
//! `load run` calls a service that runs; `load table` starts one of its own and
//! compares it with pgbench; `load statements` says whether the two still do the
//! same. `docs/performance.md` says what the figures mean.

mod ask;
mod caller;
mod check;
mod cpu;
mod drive;
mod operation;
mod pgbench;
mod report;
mod run;
mod stage;
mod statements;
mod table;
mod tally;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nvito_clients::error::causes;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load for Nvito Clients.
#[derive(Parser)]
#[command(name = "load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Call a running service whose data is `seed`ed.
    Run(run::Arguments),
    /// Measure a service of its own and PostgreSQL alone, in turns.
    Table(table::Arguments),
    /// Print the statements that the service sends, and compare the scripts of `table` with them.
    Statements(statements::Arguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(arguments) => run::main(arguments),
        Command::Table(arguments) => table::main(&arguments),
        Command::Statements(arguments) => statements::main(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {}", causes(error.as_ref()));
            ExitCode::from(2)
        }
    }
}
