//! The log: for a person at a terminal, JSON anywhere else.

mod lines;

use std::io::{self, IsTerminal};
use std::panic;

use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use lines::Lines;
pub use lines::rest;

/// The target of the spans of calls.
pub const SPANS: &str = "calls";

/// What is to be sent off before the end.
#[must_use]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    traces: Option<crate::otlp::Traces>,
}

impl Telemetry {
    /// Sends off the traces that are left.
    #[cfg_attr(
        not(feature = "otlp"),
        allow(clippy::unused_async, reason = "nothing to send")
    )]
    pub async fn finish(self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = self.traces {
            traces.finish().await;
        }
    }
}

/// Logs to standard error what `filter` lets through. Standard output is for
/// what the command was asked for.
pub fn start(filter: &Targets) -> Telemetry {
    let lines: Box<dyn Layer<_> + Send + Sync> = if io::stderr().is_terminal() {
        fmt::layer()
            .with_writer(Lines)
            .with_target(false)
            .compact()
            .boxed()
    } else {
        fmt::layer()
            .with_writer(Lines)
            .json()
            .flatten_event(true)
            .boxed()
    };
    #[cfg(feature = "otlp")]
    let (traces, spans) = crate::otlp::start().unzip();
    let subscriber =
        tracing_subscriber::registry().with(lines.with_filter(filter.clone().and(discreet())));
    #[cfg(feature = "otlp")]
    let subscriber = subscriber.with(spans);
    subscriber.init();
    panic::set_hook(Box::new(panicked));
    Telemetry {
        #[cfg(feature = "otlp")]
        traces,
    }
}

/// What may be logged at all, whatever the filter asks for.
///
/// Libraries tell at DEBUG and below what they carry: tokio-postgres the
/// parameters of statements, h2 and hyper headers and frames, rustls
/// handshakes. So only this crate is heard below INFO, and a library that is
/// added is held to the same. What tokio-postgres has to say at INFO are
/// PostgreSQL's notices, which a trigger may fill with data.
fn discreet() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("tokio_postgres", LevelFilter::WARN)
        .with_target("nvito_clients", LevelFilter::TRACE)
        // Spans are for traces; a line has its call's id anyway.
        .with_target(SPANS, LevelFilter::OFF)
}

/// Where it happened and not what was said: indexing a text that is no
/// character's boundary quotes the text.
fn panicked(panic: &panic::PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location = location.unwrap_or_default(), "panic");
}
