//! GET /metrics on a listener of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Metrics;
use crate::error::Cause;

/// Prometheus needs one; a few more for people who look.
const CONNECTIONS_MOST: usize = 8;
/// How long a connection may stay, busy or idle: several scrapes.
const CONNECTION: Duration = Duration::from_mins(2);
/// How long a request may take to arrive.
const HEADERS: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be accepted, as without file handles.
const PAUSE: Duration = Duration::from_millis(100);

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// A listener for Prometheus. It ends when dropped: after the drain, so that
/// the last scrape sees the calls that ended in it.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Endpoint {
    /// Serves `metrics` on `address`; fails when that is taken.
    pub async fn start(address: SocketAddr, metrics: Metrics) -> Result<Self, Cause> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|cause| format!("cannot listen on {address} for the metrics: {cause}"))?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "metrics are served");
        let serving = tokio::spawn(accept(listener, metrics));
        Ok(Self { address, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(listener: TcpListener, metrics: Metrics) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MOST));
    loop {
        // Who finds no room waits in the listener's queue.
        let Ok(place) = room.clone().acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let metrics = metrics.clone();
        let service = service_fn(move |request| {
            let answer = answer(&request, &metrics);
            async move { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            // How it ends is the scraper's affair.
            let _ = timeout(CONNECTION, connection).await;
            drop(place);
        });
    }
}

fn answer<B>(request: &Request<B>, metrics: &Metrics) -> Response<String> {
    let refuse = |status: StatusCode| {
        let mut response = Response::new(String::new());
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return refuse(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED);
        let get = HeaderValue::from_static("GET");
        response.headers_mut().insert(ALLOW, get);
        return response;
    }
    let mut response = Response::new(metrics.text());
    response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    response
}
