//! What a connection may ask of HTTP/2.

use tonic::transport::Server;

use super::ListenerConfig;

/// Calls at once on a connection; what the specification recommends at least.
const STREAMS: u32 = 100;
/// Bytes under way in one call: a whole message of 64 KiB with its frame.
const STREAM_WINDOW: u32 = 80 * 1024;
/// Bytes under way in all calls of a connection that nobody has read yet.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Bytes of a call's headers.
const HEADERS: u32 = 16 * 1024;
/// Calls that a peer may take back before they are begun (rapid reset), and
/// mistakes that it may make, before its connection is closed. Where there are many
/// (`turn`) it brings two at a time, each is begun, and none counts.
const RESETS: usize = 20;
const MISTAKES: usize = 64;

/// A server that keeps to these bounds.
///
/// Of tonic's two ages this takes the one that asks (GOAWAY) and waits; the
/// other, `max_connection_age_grace`, cuts calls in flight.
pub fn server(config: &ListenerConfig) -> Server {
    let server = Server::builder()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADERS)
        .http2_max_pending_accept_reset_streams(Some(RESETS))
        .http2_max_local_error_reset_streams(Some(MISTAKES))
        .http2_keepalive_interval(Some(config.keepalive))
        .http2_keepalive_timeout(Some(config.keepalive_answer));
    match config.age {
        Some(age) => server.max_connection_age(age),
        None => server,
    }
}
