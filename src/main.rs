//! Reads the command and calls the library.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use nvito_clients::config::{Cli, Command, Config};
use nvito_clients::error::{Cause, causes};
use nvito_clients::{commands, server, telemetry};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config = match Cli::parse().check() {
        Ok(config) => config,
        Err(mistakes) => {
            eprintln!("nvito-clients: {mistakes}");
            return ExitCode::from(2);
        }
    };
    let ran = runtime(config.threads)
        .map_err(Cause::from)
        .and_then(|runtime| runtime.block_on(observed(config)));
    telemetry::rest();
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nvito-clients: {}", causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// One thread has nobody to share its tasks with, and is spared what that takes. It has
/// one queue, and the listener bounds what calls add to it (`listener::turn`).
fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder
        .worker_threads(threads)
        .on_thread_park(telemetry::rest)
        .enable_all()
        .build()
}

async fn observed(config: Config) -> Result<(), Cause> {
    let telemetry = telemetry::start(&config.log);
    if !config.unknown.is_empty() {
        let names = config.unknown.join(", ");
        tracing::warn!(names, "variables of no meaning to this release");
    }
    let ran = run(config).await;
    telemetry.finish().await;
    ran
}

async fn run(config: Config) -> Result<(), Cause> {
    match config.command {
        Command::Serve => {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let stop = async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            if let Some(tls) = config.server.listener.tls.clone() {
                tokio::spawn(tls.reload_on(signal(SignalKind::hangup())?));
            }
            server::serve(config, Box::pin(stop)).await
        }
        Command::Migrate => commands::migrate(&config.database).await,
        Command::Seed(arguments) => commands::seed(&config.database, arguments).await,
    }
}
