//! TLS as it is now, and as it becomes when the files change.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::signal::unix::Signal;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};

use super::names::Names;
use super::seldom::Seldom;
use super::tls_files::TlsFiles;

/// TLS from files. New connections get what was read last; those that are open
/// keep what they have.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files; the errors are all that is wrong with them.
    pub fn new(files: TlsFiles) -> Result<Self, Vec<String>> {
        let current = RwLock::new(Arc::new(files.read()?));
        Ok(Self { files, current })
    }

    /// Whether clients have to have a certificate.
    pub fn is_mutual(&self) -> bool {
        self.files.client_ca.is_some()
    }

    /// Reads the files again. What cannot be used changes nothing and is logged.
    pub fn reload(&self) {
        match self.files.read() {
            Ok(config) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(config);
                tracing::info!("TLS files read again");
            }
            Err(mistakes) => tracing::error!(
                mistakes = mistakes.join("; "),
                "the TLS files cannot be used; those read before stay"
            ),
        }
        self.remark();
    }

    /// Reads the files again at each signal.
    pub async fn reload_on(self: Arc<Self>, mut signal: Signal) {
        while signal.recv().await.is_some() {
            let this = Arc::clone(&self);
            // Files may be slow, and a reload is nothing a call should wait for.
            if tokio::task::spawn_blocking(move || this.reload())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Logs what works but should not be so.
    pub(super) fn remark(&self) {
        if self.files.key_is_open() {
            let path = self.files.key.display();
            tracing::warn!(%path, "everybody on this machine can read the TLS key");
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current).into()
    }
}

/// A client's certificate must be good, and then bear a name of the list.
#[derive(Debug)]
pub(super) struct Named {
    verifier: Arc<dyn ClientCertVerifier>,
    names: Names,
    refusals: Seldom,
}

impl Named {
    pub(super) fn new(verifier: Arc<dyn ClientCertVerifier>, names: Names) -> Self {
        Self {
            verifier,
            names,
            refusals: Seldom::default(),
        }
    }
}

impl ClientCertVerifier for Named {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .verifier
            .verify_client_cert(certificate, intermediates, now)?;
        self.names.allow(certificate).map_err(|borne| {
            // An authority of ours vouches for these, so they may be logged.
            if let Some(unsaid) = self.refusals.say() {
                tracing::warn!(names = ?borne, unsaid, "a client's certificate bears no name that is let in");
            }
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
        })?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
