//! New files for new connections, while the old ones go on.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::time::sleep;
use tonic::transport::Channel;

use crate::support::{App, Authority, Folder, Papers, Service, nobody};

/// Whether calls on a channel are answered.
async fn works(channel: &Channel) {
    let failure = App::super_admin_on(channel.clone()).get(&nobody()).await;
    failure
        .expect_err("nobody's id")
        .is(tonic::Code::NotFound, "CLIENT_NOT_FOUND");
}

/// Waits until the log has `text` `times` times.
async fn said(service: &Service, text: &str, times: usize) {
    let began = Instant::now();
    while service.log().matches(text).count() < times {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{}",
            service.log()
        );
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn on_sighup_new_connections_get_the_new_files() {
    let folder = Folder::used();
    let place = folder.0.path();
    let [old, new] = [(); 2].map(|()| Authority::new());
    let [old_clients, new_clients] = [(); 2].map(|()| Authority::new());
    let [certificate, key] = old.server().write(place);
    let (ca, names) = (place.join("clients.pem"), place.join("names"));
    fs::write(&ca, &old_clients.pem).expect("written");
    fs::write(&names, "old.nvito.mx\n").expect("written");
    let [certificate, key, ca, names] =
        [certificate, key, ca, names].map(|path| path.to_str().expect("UTF-8").to_owned());
    // With these, callers may come from anywhere.
    let service = Service::start(
        &folder,
        &[
            ("CLIENTS_LISTEN", "0.0.0.0:0"),
            ("CLIENTS_TLS_CERTIFICATE", &certificate),
            ("CLIENTS_TLS_KEY", &key),
            ("CLIENTS_TLS_CLIENT_CA", &ca),
            ("CLIENTS_TLS_CLIENT_NAMES", &names),
        ],
    );
    let address = service.address().replace("0.0.0.0", "127.0.0.1");
    let enter = |authority: &Authority, papers: &Papers| {
        let (authority, papers) = (authority.pem.clone(), papers.clone());
        let address = address.clone();
        async move {
            let stream = crate::support::knock(&address, &authority, Some(&papers)).await;
            // A client of TLS 1.3 is through before it is refused.
            let mut stream = stream.ok()?;
            let byte = tokio::io::AsyncReadExt::read_u8(&mut stream);
            let refused = tokio::time::timeout(Duration::from_millis(300), byte).await;
            refused.is_err().then_some(())
        }
    };
    let old_papers = old_clients.client("old.nvito.mx");
    let new_papers = new_clients.client("new.nvito.mx");
    let early = old.channel(&address, Some(&old_papers)).await.expect("in");
    works(&early).await;
    assert!(enter(&old, &new_papers).await.is_none());

    // Half a change cannot be used, and changes nothing.
    let papers = new.server();
    fs::write(&certificate, &papers.certificate).expect("written");
    service.tell(Signal::SIGHUP);
    said(&service, "those read before stay", 1).await;
    assert!(
        service.log().contains("CLIENTS_TLS_KEY"),
        "{}",
        service.log()
    );
    assert!(enter(&old, &old_papers).await.is_some());
    // Nor does a list that would let in everybody.
    fs::write(&key, &papers.key).expect("written");
    fs::write(&names, "\n").expect("written");
    service.tell(Signal::SIGHUP);
    said(&service, "those read before stay", 2).await;
    assert!(enter(&old, &old_papers).await.is_some());

    fs::write(&ca, &new_clients.pem).expect("written");
    fs::write(&names, "new.nvito.mx\n").expect("written");
    service.tell(Signal::SIGHUP);
    said(&service, "TLS files read again", 1).await;
    let late = new.channel(&address, Some(&new_papers)).await.expect("in");
    works(&late).await;
    assert!(enter(&old, &new_papers).await.is_none(), "another service");
    assert!(enter(&new, &old_papers).await.is_none(), "another client");
    works(&early).await;
    assert!(!service.log().contains("panic"), "{}", service.log());
}
