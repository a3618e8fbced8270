//! Where keys come from: a URL or a file.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use http::header::{ACCEPT, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::error::Cause;

/// Most bytes of a set of keys; Clerk's has some hundred.
pub(super) const DOCUMENT_MOST: usize = 256 * 1024;

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A JWKS endpoint.
    Url(Uri),
    /// A file with the same content.
    File(PathBuf),
}

impl Source {
    /// Reads an address: `https://…`, `http://…` of this machine, or a path.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.contains("://") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let url: Uri = text.parse().map_err(|_| "is no URL")?;
        let host = url.host().unwrap_or_default();
        if url
            .authority()
            .is_none_or(|whole| whole.as_str().contains('@'))
        {
            return Err("has to be a URL with a host and without a password");
        }
        match url.scheme_str() {
            Some("https") => Ok(Self::Url(url)),
            // Whoever could change the answer on its way could let anybody in.
            Some("http") if is_loopback(host) => Ok(Self::Url(url)),
            Some("http") => Err("has to be https, but on this machine"),
            _ => Err("has to be an https URL or a path"),
        }
    }

    /// What is there now.
    pub(super) async fn read(&self) -> Result<Vec<u8>, Cause> {
        match self {
            Self::Url(url) if url.scheme_str() == Some("http") => {
                get(HttpConnector::new(), url.clone()).await
            }
            Self::Url(url) => {
                // Built anew each time: an authority that is added or taken
                // from the system counts from the next fetch on.
                let roots = HttpsConnectorBuilder::new().with_native_roots()?;
                get(roots.https_only().enable_http1().build(), url.clone()).await
            }
            Self::File(path) => {
                let file = tokio::fs::metadata(path).await?;
                if !file.is_file() || file.len() > DOCUMENT_MOST as u64 {
                    return Err("it is no file or too long".into());
                }
                Ok(tokio::fs::read(path).await?)
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Follows no redirection: the keys are where the operator says they are.
async fn get<C>(connector: C, url: Uri) -> Result<Vec<u8>, Cause>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::get(url)
        .header(ACCEPT, "application/json")
        .header(
            USER_AGENT,
            concat!("nvito-clients/", env!("CARGO_PKG_VERSION")),
        )
        .body(Empty::<&[u8]>::new())?;
    let answer = client.request(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the answer is {}", answer.status()).into());
    }
    let body = Limited::new(answer.into_body(), DOCUMENT_MOST);
    Ok(body.collect().await?.to_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let url = |text: &str| matches!(Source::parse(text), Ok(Source::Url(_)));
        for good in [
            "https://clerk.example.com/.well-known/jwks.json",
            "http://localhost:8080/jwks",
            "http://127.0.0.1:1/",
            "http://[::1]:1/",
        ] {
            assert!(url(good), "{good}");
        }
        for bad in [
            "http://clerk.example.com/.well-known/jwks.json",
            "http://localhost.example.com/",
            "http://127.0.0.1@example.com/",
            "https://me:secret@example.com/",
            "https://",
            "ftp://example.com/",
            "file:///etc/keys.json",
            "https:// ",
        ] {
            assert!(Source::parse(bad).is_err(), "{bad}");
        }
        let file = Source::File(PathBuf::from("/etc/keys.json"));
        assert_eq!(Source::parse("/etc/keys.json"), Ok(file));
    }
}
