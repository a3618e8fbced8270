//! What is told of the service as a whole: that it serves while its database answers.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::{CLIENTS, DIRECTORY, EVENTS};
use crate::error::Reason;
use crate::metrics::Metrics;
use crate::repository::Database;

/// How often the database is asked whether it still answers.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often while it does not: clients that heed health wait for it.
const AGAIN: Duration = Duration::from_secs(1);

/// What health knows: the whole, and each service.
const REPORTED: [&str; 4] = ["", CLIENTS, EVENTS, DIRECTORY];

/// Tells those who ask for health, and those who read the metrics.
pub(super) struct Health {
    reporter: HealthReporter,
    metrics: Metrics,
}

impl Health {
    /// Says NOT_SERVING, where tonic-health would say SERVING until told otherwise.
    pub(super) async fn new(reporter: HealthReporter, metrics: Metrics) -> Self {
        let health = Self { reporter, metrics };
        health.report(false).await;
        health
    }

    /// Whether calls are taken.
    pub(super) async fn report(&self, serving: bool) {
        self.metrics.serving(serving);
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for service in REPORTED {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Ends the streams of those who watch, who have been told: they would hold
    /// the drain to its cap.
    pub(super) async fn end_watches(&self) {
        for service in REPORTED {
            self.reporter.clone().clear_service_status(service).await;
        }
    }

    /// Keeps what is told true to what `database` answers; never ends. The log
    /// has a line when it does not, for each reason, and one when it does again.
    pub(super) async fn follow(&self, database: &Database) {
        let mut serving = false;
        let mut told = None;
        loop {
            let before = serving;
            match ask(database).await {
                Ok(()) => {
                    serving = true;
                    if told.take().is_some() {
                        tracing::info!("the database answers again");
                    }
                }
                Err(reason) => {
                    // Every connection is busy: that is load, and no reason to send
                    // it to the next instance.
                    serving &= reason == Reason::ServerOverloaded;
                    if told.replace(reason) != Some(reason) {
                        tracing::warn!(reason = reason.as_str(), "the database does not answer");
                    }
                }
            }
            // Who watches is to hear of changes.
            if serving != before {
                self.report(serving).await;
            }
            sleep(if serving { HEARTBEAT } else { AGAIN }).await;
        }
    }
}

async fn ask(database: &Database) -> Result<(), Reason> {
    match timeout(HEARTBEAT, database.ping()).await {
        Ok(answer) => answer.map_err(|error| error.reason()),
        Err(_) => Err(Reason::DeadlineExceeded),
    }
}
