//! Traces to an OpenTelemetry collector, over gRPC (feature `otlp`).
//!
//! Set by OpenTelemetry's own variables: `OTEL_EXPORTER_OTLP_ENDPOINT` turns it
//! on; `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME`, `OTEL_BSP_…` as specified.

use std::env;
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::SPANS;

const NAME: &str = "nvito-clients";
/// How long the last traces may take to be sent.
const FLUSH: Duration = Duration::from_secs(2);

/// Traces that are on their way.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends what is left; a collector that is away holds up nobody for long.
    pub async fn finish(self) {
        let flush = spawn_blocking(move || self.0.shutdown_with_timeout(FLUSH));
        let _ = timeout(FLUSH, flush).await;
    }
}

/// The exporter and the layer that feeds it; none unless an endpoint is set.
///
/// The layer hears the spans of calls and nothing else: events would carry the
/// text of errors along.
pub fn start<S>() -> Option<(Traces, Box<dyn Layer<S> + Send + Sync>)>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if !set("OTEL_EXPORTER_OTLP_ENDPOINT") && !set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
        return None;
    }
    let exporter = match SpanExporter::builder().with_tonic().build() {
        Ok(exporter) => exporter,
        Err(error) => {
            eprintln!("nvito-clients: no traces: {error}");
            return None;
        }
    };
    let mut resource = Resource::builder();
    if !set("OTEL_SERVICE_NAME") {
        resource = resource.with_service_name(NAME);
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(NAME))
        .with_location(false)
        .with_threads(false)
        .with_filter(Targets::new().with_target(SPANS, LevelFilter::INFO));
    Some((Traces(provider), Box::new(layer)))
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// What `traceparent` and `tracestate` name.
pub(crate) fn parent(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers))
}
