//! The listener's own flags.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::number;
use crate::listener::{Allowed, ListenerConfig, Names, Tls, TlsFiles};

/// How to listen.
#[derive(Debug, Args)]
pub(super) struct ListenerArgs {
    /// Most connections of callers at once.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_CONNECTIONS",
        default_value = "512",
        hide_env_values = true
    )]
    connections: String,

    /// Seconds until a client is asked to connect anew, calls in flight ending as
    /// they would; 0: never.
    #[arg(
        long,
        global = true,
        env = "CLIENTS_CONNECTION_SECONDS",
        default_value = "1800",
        hide_env_values = true
    )]
    connection_seconds: String,

    /// TLS: the certificate and those up to its authority, PEM. Read again, as
    /// the other TLS files, on SIGHUP. [default: no TLS]
    #[arg(
        long,
        global = true,
        env = "CLIENTS_TLS_CERTIFICATE",
        hide_env_values = true
    )]
    tls_certificate: Option<PathBuf>,

    /// TLS: the certificate's private key, PEM. [default: no TLS]
    #[arg(long, global = true, env = "CLIENTS_TLS_KEY", hide_env_values = true)]
    tls_key: Option<PathBuf>,

    /// Mutual TLS: authorities of clients' certificates, PEM. [default: clients need none]
    #[arg(
        long,
        global = true,
        env = "CLIENTS_TLS_CLIENT_CA",
        hide_env_values = true
    )]
    tls_client_ca: Option<PathBuf>,

    /// Mutual TLS: DNS names and URIs, one of which a client's certificate has
    /// to bear, separated by commas; or the path of a file of them. [default: any]
    #[arg(
        long,
        global = true,
        env = "CLIENTS_TLS_CLIENT_NAMES",
        hide_env_values = true
    )]
    tls_client_names: Option<String>,
}

impl ListenerArgs {
    /// Whether only clients whose names are listed are to be let in. What is
    /// wrong with the files or the list is a mistake of its own.
    pub(super) fn knows_its_callers(&self) -> bool {
        given(self.tls_certificate.as_ref()).is_some()
            && given(self.tls_key.as_ref()).is_some()
            && given(self.tls_client_ca.as_ref()).is_some()
            && self.names().is_some()
    }

    /// Checks all of it; the files are read only by a command that serves.
    pub(super) fn check(self, serves: bool, mistakes: &mut Vec<String>) -> ListenerConfig {
        let connections = number(
            "CLIENTS_CONNECTIONS",
            &self.connections,
            1..=100_000,
            mistakes,
        );
        let age = number(
            "CLIENTS_CONNECTION_SECONDS",
            &self.connection_seconds,
            0..=86_400,
            mistakes,
        );
        let known = mistakes.len();
        let files = self.files(mistakes);
        let tls = files
            .filter(|_| serves && mistakes.len() == known)
            .and_then(|files| Tls::new(files).map_err(|more| mistakes.extend(more)).ok());
        ListenerConfig {
            connections: usize::try_from(connections).unwrap_or(1),
            age: (age > 0).then(|| Duration::from_secs(age)),
            tls: tls.map(Arc::new),
            ..ListenerConfig::default()
        }
    }

    fn files(&self, mistakes: &mut Vec<String>) -> Option<TlsFiles> {
        let names = self.names();
        let client_ca = given(self.tls_client_ca.as_ref());
        let mut needs = |name: &str, other: &str, what: &str| {
            mistakes.push(format!("{name}: {other} needs {what} too"));
        };
        if names.is_some() && client_ca.is_none() {
            needs(
                "CLIENTS_TLS_CLIENT_CA",
                "CLIENTS_TLS_CLIENT_NAMES",
                "the authority that vouches for the names",
            );
        }
        let certificate = given(self.tls_certificate.as_ref());
        let key = given(self.tls_key.as_ref());
        let (certificate, key) = match (certificate, key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) if client_ca.is_none() => return None,
            (None, key) => {
                let other = key.map_or("CLIENTS_TLS_CLIENT_CA", |_| "CLIENTS_TLS_KEY");
                needs("CLIENTS_TLS_CERTIFICATE", other, "a certificate");
                return None;
            }
            (Some(_), None) => {
                needs("CLIENTS_TLS_KEY", "CLIENTS_TLS_CERTIFICATE", "its key");
                return None;
            }
        };
        let names = match names {
            None => Allowed::All,
            Some(path) if path.starts_with('/') => Allowed::In(path.into()),
            Some(list) => match Names::parse(list) {
                Ok(names) if !names.is_empty() => Allowed::These(names),
                parsed => {
                    let what = parsed.err().unwrap_or_else(|| "names nobody".to_owned());
                    mistakes.push(format!("CLIENTS_TLS_CLIENT_NAMES: {what}"));
                    return None;
                }
            },
        };
        Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: client_ca.cloned(),
            names,
        })
    }

    fn names(&self) -> Option<&str> {
        let names = self.tls_client_names.as_deref().map(str::trim);
        names.filter(|names| !names.is_empty())
    }
}

/// A path that is set; an empty variable sets nothing.
fn given(path: Option<&PathBuf>) -> Option<&PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}
