//! Loads the service and measures it, against PostgreSQL alone where asked to.
//!
//! `load run` calls a service that runs; `docs/performance.md` says what its
//! figures mean.

mod ask;
mod caller;
mod cpu;
mod drive;
mod operation;
mod report;
mod run;
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
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(arguments) => run::main(arguments),
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
