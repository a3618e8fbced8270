//! A span for each call, for traces (feature `otlp`); without it, nothing.

use http::HeaderMap;
use tonic::Code;
use tracing::Span;

use super::context::Context;

/// The span of a call by its known path, below the span that `traceparent`
/// names. One that is malformed is ignored (W3C Trace Context §3.2).
#[cfg(feature = "otlp")]
pub(super) fn of(path: &str, context: &Context, headers: &HeaderMap) -> Span {
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    let name = path.trim_start_matches('/');
    let (service, method) = name.rsplit_once('/').unwrap_or((name, ""));
    let span = tracing::info_span!(
        target: crate::telemetry::SPANS,
        "call",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = tracing::field::Empty,
        request_id = context.request_id,
    );
    // Fails where nobody traces.
    let _ = span.set_parent(crate::otlp::parent(headers));
    span
}

/// How the call ended.
#[cfg(feature = "otlp")]
pub(super) fn end(span: &Span, code: Code) {
    span.record("rpc.grpc.status_code", i32::from(code));
    // The codes that are a server's fault (OpenTelemetry, conventions for gRPC).
    let ours = [
        Code::Unknown,
        Code::DeadlineExceeded,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
    ];
    if ours.contains(&code) {
        span.record("otel.status_code", "ERROR");
    }
}

#[cfg(not(feature = "otlp"))]
pub(super) fn of(_: &str, _: &Context, _: &HeaderMap) -> Span {
    Span::none()
}

#[cfg(not(feature = "otlp"))]
pub(super) fn end(_: &Span, _: Code) {}
