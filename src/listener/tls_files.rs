//! Certificate, key and client authorities, from files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{Error, RootCertStore, ServerConfig};

use super::names::Names;
use super::tls::Named;

/// Where they are, and who may enter.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM: the service's certificate and those between it and its authority.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
    /// PEM: authorities of clients; with it a client has to have a certificate.
    pub client_ca: Option<PathBuf>,
    /// Whom of their clients to let in.
    pub names: Allowed,
}

/// Where the list of names is.
#[derive(Debug, Clone)]
pub enum Allowed {
    /// Everybody with a certificate of an authority.
    All,
    /// Who bears one of these.
    These(Names),
    /// Who bears one of those in a file, which may change.
    In(PathBuf),
}

impl TlsFiles {
    /// Reads and compares all of it, or says all that is wrong, by variable.
    pub(super) fn read(&self) -> Result<ServerConfig, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut note = |variable: &str, path: &Path, what: &str| {
            mistakes.push(format!("{variable}: {}: {what}", path.display()));
        };
        let chain = certificates(&self.certificate)
            .map_err(|what| note("CLIENTS_TLS_CERTIFICATE", &self.certificate, &what));
        let key = key(&self.key).map_err(|what| note("CLIENTS_TLS_KEY", &self.key, &what));
        let roots = self
            .client_ca
            .as_deref()
            .map(|path| roots(path).map_err(|what| note("CLIENTS_TLS_CLIENT_CA", path, &what)));
        let names = self.names.read().map_err(|mistake| mistakes.push(mistake));
        let (Ok(chain), Ok(key), Ok(roots), Ok(names)) = (chain, key, roots.transpose(), names)
        else {
            return Err(mistakes);
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| vec![format!("CLIENTS_TLS_CERTIFICATE: {error}")])?;
        let builder = match roots {
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| vec![format!("CLIENTS_TLS_CLIENT_CA: {error}")])?;
                builder.with_client_cert_verifier(Arc::new(Named::new(verifier, names)))
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            let (variable, path, what) = match error {
                Error::InconsistentKeys(_) => (
                    "CLIENTS_TLS_KEY",
                    &self.key,
                    "is not the key of the certificate".to_owned(),
                ),
                error => (
                    "CLIENTS_TLS_CERTIFICATE",
                    &self.certificate,
                    format!("cannot be used: {error}"),
                ),
            };
            vec![format!("{variable}: {}: {what}", path.display())]
        })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // Whoever comes again shows the certificate again: it may have expired
        // since. Connections are few and live long, so it costs little.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// Whether everybody on this machine can read the key.
    pub(super) fn key_is_open(&self) -> bool {
        fs::metadata(&self.key).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
    }
}

impl Allowed {
    fn read(&self) -> Result<Names, String> {
        let path = match self {
            Self::All => return Ok(Names::default()),
            Self::These(names) => return Ok(names.clone()),
            Self::In(path) => path,
        };
        read(path)
            .and_then(|text| String::from_utf8(text).map_err(|_| "is no text".to_owned()))
            .and_then(|text| Names::parse(&text))
            .and_then(|names| {
                let some = Some(names).filter(|names| !names.is_empty());
                some.ok_or_else(|| "names nobody".to_owned())
            })
            .map_err(|what| format!("CLIENTS_TLS_CLIENT_NAMES: {}: {what}", path.display()))
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| format!("has something else than an authority: {error}"))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("has no PEM certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err("is no PEM file that can be read".to_owned()),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    // The parser's own words are not repeated: they may quote the file.
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| "has no PEM private key".to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot be read: {error}"))
}
