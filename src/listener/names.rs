//! Whose certificate opens the door.

use std::collections::BTreeSet;

use tokio_rustls::rustls::pki_types::{CertificateDer, DnsName};
use webpki::EndEntityCert;

/// Names that a client's certificate may bear: DNS names and URIs (SPIFFE IDs
/// are such), compared whole and without wildcards.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// Reads a list with commas or lines. The error names the first entry that
    /// is no name.
    pub fn parse(list: &str) -> Result<Self, String> {
        let entries = list.split([',', '\n']).map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty());
        let name = |entry: &str| {
            if entry.contains("://") {
                return Ok(entry.to_owned());
            }
            match DnsName::try_from(entry) {
                Ok(_) => Ok(entry.to_ascii_lowercase()),
                Err(_) => Err(format!("{entry:?} is neither a DNS name nor a URI")),
            }
        };
        entries.map(name).collect::<Result<_, _>>().map(Self)
    }

    /// Whether anyone with a certificate may enter.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a certificate bears one of the names; else the names it bears.
    pub(super) fn allow(&self, certificate: &CertificateDer<'_>) -> Result<(), Vec<String>> {
        if self.0.is_empty() {
            return Ok(());
        }
        let Ok(certificate) = EndEntityCert::try_from(certificate) else {
            return Err(Vec::new());
        };
        let names = certificate.valid_dns_names().map(str::to_ascii_lowercase);
        let uris = certificate.valid_uri_names().map(str::to_owned);
        let borne: Vec<_> = names.chain(uris).collect();
        if borne.iter().any(|name| self.0.contains(name)) {
            return Ok(());
        }
        Err(borne)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let names =
            Names::parse(" Gateway.nvito.mx, spiffe://nvito.mx/Gateway ,\n").expect("right");
        let names: Vec<_> = names.0.iter().map(String::as_str).collect();
        assert_eq!(names, ["gateway.nvito.mx", "spiffe://nvito.mx/Gateway"]);
        assert!(Names::parse(" , ").expect("none").is_empty());
        for wrong in ["*.nvito.mx", "a b", "gateway.nvito.mx,*"] {
            assert!(Names::parse(wrong).is_err(), "{wrong}");
        }
    }
}
