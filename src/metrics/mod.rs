//! What is counted, for Prometheus: a registry for each server.
//!
//! No label holds a word of a caller: methods are those of the compiled
//! descriptors, codes those of gRPC, and all else is `unknown`. So nothing
//! leaks, and no stranger makes series.

mod endpoint;
mod labels;
mod stores;

pub use self::labels::{Elsewhere, Source, Why, code_name};
pub use endpoint::Endpoint;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;

use self::stores::Stores;
use crate::grpc::Class;
use crate::repository::{Database, Standbys};
use labels::{
    CallLabels, ElsewhereLabels, METHODS, MethodLabels, ShedLabels, SourceLabels, UNKNOWN,
};

/// Seconds: from a read that hits the cache to the longest deadline.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
];

/// The counts of one server. A clone counts into the same registry.
#[derive(Clone)]
pub struct Metrics(Arc<Counts>);

struct Counts {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    durations: Family<MethodLabels, Histogram, fn() -> Histogram>,
    serving: Gauge,
    in_flight: Gauge,
    shed: Family<ShedLabels, Counter>,
    reads: Family<SourceLabels, Counter>,
    elsewhere: Family<ElsewhereLabels, Counter>,
    stores: Stores,
}

impl Default for Metrics {
    /// Nothing counted yet; every series that is sure to come stands at zero,
    /// so that its first increase is seen as one.
    fn default() -> Self {
        let mut registry = Registry::default();
        let started = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        registry.register_with_unit(
            "process_start_time",
            "When the service was started, since the Unix epoch",
            Unit::Seconds,
            ConstGauge::new(started),
        );
        let ours = registry.sub_registry_with_prefix("nvito_clients");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "The release that runs", version);
        let calls = Family::default();
        ours.register("calls", "Calls answered, by method and code", calls.clone());
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        ours.register_with_unit(
            "call_duration",
            "How long calls took, from their metadata to their answer",
            Unit::Seconds,
            durations.clone(),
        );
        let serving = Gauge::default();
        ours.register(
            "serving",
            "1 while health says SERVING, 0 while it does not",
            serving.clone(),
        );
        let in_flight = Gauge::default();
        ours.register(
            "calls_in_flight",
            "Calls being worked on",
            in_flight.clone(),
        );
        let shed = Family::default();
        ours.register(
            "shed_calls",
            "Calls turned away: too many in flight, or too many of one organization",
            shed.clone(),
        );
        let reads = Family::default();
        ours.register("reads", "Reads by the server they went to", reads.clone());
        let elsewhere = Family::default();
        ours.register(
            "standby_fallbacks",
            "Reads that a standby could have answered and the primary did",
            elsewhere.clone(),
        );
        for source in [Source::Primary, Source::Standby] {
            drop(reads.get_or_create(&SourceLabels::of(source)));
        }
        for why in [Elsewhere::Stale, Elsewhere::Failed, Elsewhere::Absent] {
            drop(elsewhere.get_or_create(&ElsewhereLabels::of(why)));
        }
        let stores = Stores::default();
        ours.register_collector(Box::new(stores.clone()));
        for labels in METHODS.values().copied() {
            drop(calls.get_or_create(&CallLabels::of(labels, Code::Ok)));
            drop(durations.get_or_create(&labels));
        }
        for labels in ShedLabels::all() {
            drop(shed.get_or_create(&labels));
        }
        Self(Arc::new(Counts {
            registry,
            calls,
            durations,
            serving,
            in_flight,
            shed,
            reads,
            elsewhere,
            stores,
        }))
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    /// Reads the connections of `database` at every scrape from now on.
    pub fn watch(&self, database: &Database) {
        self.0.stores.watch(database.clone());
    }

    /// Reads how far `standbys` are behind at every scrape from now on.
    pub fn watch_standbys(&self, standbys: &Standbys) {
        self.0.stores.watch_standbys(standbys.clone());
    }

    /// Whether health says SERVING from now on.
    pub fn serving(&self, serving: bool) {
        self.0.serving.set(serving.into());
    }

    /// A read that goes to such a server, there to stay.
    pub fn read(&self, source: Source) {
        self.0.reads.get_or_create(&SourceLabels::of(source)).inc();
    }

    /// A read that a standby could have answered and does not.
    pub fn elsewhere(&self, why: Elsewhere) {
        let labels = ElsewhereLabels::of(why);
        self.0.elsewhere.get_or_create(&labels).inc();
    }

    /// A call that has arrived, by the path of its URI.
    pub fn begin(&self, path: &str) -> CallCount {
        self.0.in_flight.inc();
        CallCount {
            metrics: self.clone(),
            method: METHODS.get(path).copied().unwrap_or(UNKNOWN),
            began: Instant::now(),
            code: Code::Cancelled,
        }
    }

    /// A call that was turned away because of load.
    pub fn shed(&self, class: Class, why: Why) {
        self.0.shed.get_or_create(&ShedLabels::of(class, why)).inc();
    }

    /// All of it in the text format of OpenMetrics 1.0.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = text::encode(&mut text, &self.0.registry);
        text
    }
}

/// A call in flight. Counted when dropped: as CANCELLED, which is what a caller
/// who hangs up leaves behind, unless [`end`](Self::end) said otherwise.
#[must_use]
pub struct CallCount {
    metrics: Metrics,
    method: MethodLabels,
    began: Instant,
    code: Code,
}

impl CallCount {
    /// Its method, as its path; `/unknown/unknown` for one that there is not.
    pub fn method(&self) -> String {
        format!("/{}/{}", self.method.service, self.method.method)
    }

    /// The call ends so: it is counted as this when dropped.
    pub fn end(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for CallCount {
    fn drop(&mut self) {
        let counts = &self.metrics.0;
        counts.in_flight.dec();
        let labels = CallLabels::of(self.method, self.code);
        counts.calls.get_or_create(&labels).inc();
        let seconds = self.began.elapsed().as_secs_f64();
        counts
            .durations
            .get_or_create(&self.method)
            .observe(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_make_no_series() {
        let metrics = Metrics::default();
        let lines = || metrics.text().lines().count();
        metrics
            .begin("/no.such.Service/Method")
            .end(Code::Unimplemented);
        let before = lines();
        for number in 0..100 {
            let path = format!("/canary{number}/Method");
            metrics.begin(&path).end(Code::Unimplemented);
        }
        assert_eq!(lines(), before);
        assert!(!metrics.text().contains("canary"));
        let counted = r#"nvito_clients_calls_total{service="unknown",method="unknown",code="UNIMPLEMENTED"} 101"#;
        assert!(metrics.text().contains(counted), "{}", metrics.text());
    }

    #[test]
    fn a_call_that_is_dropped_was_cancelled() {
        let metrics = Metrics::default();
        let call = metrics.begin("/nvito.clients.v1.ClientService/GetClient");
        assert!(metrics.text().contains("nvito_clients_calls_in_flight 1\n"));
        drop(call);
        let text = metrics.text();
        assert!(text.contains("nvito_clients_calls_in_flight 0\n"));
        assert!(
            text.contains(r#"method="GetClient",code="CANCELLED"} 1"#),
            "{text}"
        );
        assert!(text.contains(r#"nvito_clients_call_duration_seconds_count{service="nvito.clients.v1.ClientService",method="GetClient"} 1"#));
    }
}
