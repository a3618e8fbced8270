//! Authorities, the certificates they make, and connections that show them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Channel, Endpoint, Error};
use tower::service_fn;

/// Somebody whose word is taken.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Papers {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// For the service on 127.0.0.1.
    pub(crate) fn server(&self) -> Papers {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]);
        self.sign(params.expect("names"), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a client with a DNS name, or a URI.
    pub(crate) fn client(&self, name: &str) -> Papers {
        self.sign(named(name), ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// As [`client`](Self::client), but its time is over.
    pub(crate) fn expired(&self, name: &str) -> Papers {
        let mut params = named(name);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Papers {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Papers {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

fn named(name: &str) -> CertificateParams {
    if !name.contains("://") {
        return CertificateParams::new(vec![name.to_owned()]).expect("a name");
    }
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    let uri = SanType::URI(name.try_into().expect("ASCII"));
    params.subject_alt_names = vec![uri];
    params
}

impl Papers {
    /// Writes `certificate.pem` and `key.pem` into a folder.
    pub(crate) fn write(&self, folder: &Path) -> [PathBuf; 2] {
        let paths = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
        fs::write(&paths[0], &self.certificate).expect("written");
        fs::write(&paths[1], &self.key).expect("written");
        paths
    }
}

fn config(authority: &str, papers: Option<&Papers>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority.as_bytes());
    roots.add(authority.expect("PEM")).expect("an authority");
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match papers {
        None => builder.with_no_client_auth(),
        Some(papers) => {
            let chain = CertificateDer::from_pem_slice(papers.certificate.as_bytes());
            let key = PrivateKeyDer::from_pem_slice(papers.key.as_bytes());
            builder
                .with_client_auth_cert(vec![chain.expect("PEM")], key.expect("PEM"))
                .expect("they fit")
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// A TLS connection to the service, as far as the client knows.
pub(crate) async fn knock(
    address: &str,
    authority: &str,
    papers: Option<&Papers>,
) -> io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(config(authority, papers)));
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let socket = TcpStream::connect(address).await?;
    connector.connect(name, socket).await
}

impl Authority {
    /// A channel to a service that this authority vouches for.
    pub(crate) async fn channel(
        &self,
        address: &str,
        papers: Option<&Papers>,
    ) -> Result<Channel, Error> {
        let (address, papers) = (address.to_owned(), papers.cloned());
        let authority = self.pem.clone();
        let connect = service_fn(move |_| {
            let (address, authority) = (address.clone(), authority.clone());
            let papers = papers.clone();
            async move {
                let stream = knock(&address, &authority, papers.as_ref()).await;
                stream.map(TokioIo::new)
            }
        });
        let endpoint = Endpoint::from_static("http://127.0.0.1");
        endpoint.connect_with_connector(connect).await
    }
}
