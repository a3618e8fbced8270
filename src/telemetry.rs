//! The log: for a person at a terminal, JSON anywhere else.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Logs to standard error what `filter` lets through. Standard output is for
/// what the command was asked for.
pub fn start(filter: &Targets) {
    let lines: Box<dyn Layer<_> + Send + Sync> = if io::stderr().is_terminal() {
        fmt::layer()
            .with_writer(io::stderr)
            .with_target(false)
            .compact()
            .boxed()
    } else {
        fmt::layer()
            .with_writer(io::stderr)
            .json()
            .flatten_event(true)
            .boxed()
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter.clone()))
        .init();
}
