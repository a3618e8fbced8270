//! TLS: who gets in and who does not.

use std::fs;
use std::time::Duration;

use nvito_clients::listener::{Allowed, ListenerConfig, Names, Tls, TlsFiles};
use tokio::io::AsyncReadExt;
use tonic::Code;

use super::{app, kept};
use crate::support::{App, Authority, Folder, Papers, knock, nobody};

const NAMES: &str = "gateway.nvito.mx,spiffe://nvito.mx/gateway";

/// TLS files in a folder: the service's papers, and an authority of clients.
pub(super) fn files(folder: &Folder, papers: &Papers, clients: Option<&Authority>) -> TlsFiles {
    let [certificate, key] = papers.write(folder.0.path());
    let client_ca = clients.map(|authority| {
        let path = folder.0.path().join("clients.pem");
        fs::write(&path, &authority.pem).expect("written");
        path
    });
    let names = match client_ca {
        Some(_) => Allowed::These(Names::parse(NAMES).expect("names")),
        None => Allowed::All,
    };
    TlsFiles {
        certificate,
        key,
        client_ca,
        names,
    }
}

async fn served(files: TlsFiles) -> App {
    let tls = Tls::new(files).expect("right");
    app(ListenerConfig {
        tls: Some(tls.into()),
        ..ListenerConfig::default()
    })
    .await
}

/// Whether somebody with these papers is answered.
async fn is_let_in(app: &App, authority: &Authority, papers: Option<&Papers>) -> bool {
    let channel = authority.channel(&app.address.to_string(), papers).await;
    let Ok(channel) = channel else {
        return false;
    };
    match App::super_admin_on(channel).get(&nobody()).await {
        Err(failure) => failure.code == Code::NotFound,
        Ok(_) => unreachable!("nobody's id"),
    }
}

#[tokio::test]
async fn without_an_authority_of_clients_anyone_may_come() {
    let folder = Folder::new();
    let authority = Authority::new();
    let app = served(files(&folder, &authority.server(), None)).await;
    assert!(is_let_in(&app, &authority, None).await);
    let stranger = Authority::new();
    assert!(!is_let_in(&app, &stranger, None).await, "who is that?");

    let address = app.address.to_string();
    let stream = knock(&address, &authority.pem, None).await.expect("in");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn with_one_only_its_clients_with_a_name_that_is_listed() {
    let folder = Folder::new();
    let (authority, clients) = (Authority::new(), Authority::new());
    let app = served(files(&folder, &authority.server(), Some(&clients))).await;
    for name in [
        "gateway.nvito.mx",
        "GATEWAY.nvito.mx",
        "spiffe://nvito.mx/gateway",
    ] {
        let papers = clients.client(name);
        assert!(is_let_in(&app, &authority, Some(&papers)).await, "{name}");
    }
    let refused = [
        ("no certificate", None),
        ("another name", Some(clients.client("other.nvito.mx"))),
        ("a longer name", Some(clients.client("a.gateway.nvito.mx"))),
        (
            "another URI",
            Some(clients.client("spiffe://nvito.mx/gateway/a")),
        ),
        (
            "a URI as a name",
            Some(clients.client("https://gateway.nvito.mx")),
        ),
        ("expired", Some(clients.expired("gateway.nvito.mx"))),
        (
            "another authority",
            Some(Authority::new().client("gateway.nvito.mx")),
        ),
        ("a server's", Some(clients.server())),
    ];
    for (why, papers) in refused {
        assert!(!is_let_in(&app, &authority, papers.as_ref()).await, "{why}");
    }
}

#[tokio::test]
async fn plain_bytes_and_old_versions_are_put_out_at_once() {
    let folder = Folder::new();
    let app = served(files(&folder, &Authority::new().server(), None)).await;
    let soon = Duration::from_secs(2);
    let plain = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // A hello of TLS 1.1, whole: version 3.2, a random, no session, one suite.
    let mut old = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
    old.extend([7; 32]);
    old.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let old: &'static [u8] = old.leak();
    for said in [&plain[..], old] {
        kept(app.address, said, soon).await.expect("put out");
    }
}

#[tokio::test]
async fn inside_tls_the_first_bytes_have_their_time_too() {
    let folder = Folder::new();
    let authority = Authority::new();
    let files = files(&folder, &authority.server(), None);
    let app = app(ListenerConfig {
        first_bytes: Duration::from_millis(300),
        tls: Some(Tls::new(files).expect("right").into()),
        ..ListenerConfig::default()
    })
    .await;
    let address = app.address.to_string();
    let mut silent = knock(&address, &authority.pem, None).await.expect("in");
    let ended = silent.read_u8();
    let ended = tokio::time::timeout(Duration::from_secs(2), ended).await;
    assert!(ended.expect("put out").is_err());
}
