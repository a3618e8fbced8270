//! Where the metrics are served.

use std::net::SocketAddr;

use clap::Args;

/// The flags of the metrics.
#[derive(Debug, Args)]
pub(super) struct MetricsArgs {
    /// Address of the listener for Prometheus (GET /metrics), for example
    /// 0.0.0.0:9464, or off.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_METRICS_LISTEN",
        default_value = "off",
        hide_env_values = true
    )]
    metrics_listen: String,
}

impl MetricsArgs {
    /// Any address will do: nothing that is served there is secret.
    pub(super) fn check(&self, mistakes: &mut Vec<String>) -> Option<SocketAddr> {
        if self.metrics_listen == "off" {
            return None;
        }
        let address = self.metrics_listen.parse();
        if address.is_err() {
            mistakes.push(format!(
                "CLIENTS_METRICS_LISTEN: {:?} is neither off nor an address; write for example \
                 127.0.0.1:9464",
                self.metrics_listen
            ));
        }
        address.ok()
    }
}
