//! What is wrong with TLS is said before anything starts.

use std::fs;

use crate::support::{Authority, Folder, Service};

/// What the service says when it does not start with these settings.
fn refused(settings: &[(&str, &str)]) -> String {
    let folder = Folder::new();
    let data = folder.data();
    let mut all = vec![
        ("CLIENTS_LISTEN", "127.0.0.1:0"),
        ("CLIENTS_DATA_DIR", data.to_str().expect("UTF-8")),
    ];
    all.extend(settings);
    let run = Service::run(&["serve"], &all);
    assert_eq!(run.status.code(), Some(2), "{run:?}");
    assert!(!data.exists());
    String::from_utf8(run.stderr).expect("UTF-8")
}

/// Settings, and what is said of them.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn every_mistake_names_its_variable_and_file() {
    let folder = Folder::new();
    let place = folder.0.path();
    let authority = Authority::new();
    let [certificate, key] = authority.server().write(place);
    let other = place.join("other.pem");
    fs::write(&other, authority.server().key).expect("written");
    let nothing = place.join("nothing.pem");
    let text = place.join("text.pem");
    fs::write(&text, "hunter2").expect("written");
    let paths = [&certificate, &key, &other, &nothing, &text];
    let [certificate, key, other, nothing, text] = paths.map(|path| path.to_str().expect("UTF-8"));

    let of_cert = "CLIENTS_TLS_CERTIFICATE";
    let (of_key, of_ca) = ("CLIENTS_TLS_KEY", "CLIENTS_TLS_CLIENT_CA");
    let of_names = "CLIENTS_TLS_CLIENT_NAMES";
    let whole = [(of_cert, certificate), (of_key, key)];
    let cases: [Case<'_>; 12] = [
        (&[(of_cert, certificate)], &["CLIENTS_TLS_KEY: "]),
        (&[(of_key, key)], &["CLIENTS_TLS_CERTIFICATE: "]),
        (&[(of_ca, certificate)], &["CLIENTS_TLS_CERTIFICATE: "]),
        (&[(of_names, "a.mx")], &["CLIENTS_TLS_CLIENT_CA: "]),
        (
            &[(of_cert, nothing), (of_key, text)],
            &[
                "nothing.pem: cannot be read: No such file",
                "text.pem: has no PEM private key",
            ],
        ),
        (
            &[(of_cert, text), (of_key, key)],
            &["text.pem: has no PEM certificate"],
        ),
        (
            &[(of_cert, certificate), (of_key, other)],
            &["other.pem: is not the key of the certificate"],
        ),
        (
            &[whole[0], whole[1], (of_ca, text)],
            &[
                "CLIENTS_TLS_CLIENT_CA: ",
                "text.pem: has no PEM certificate",
            ],
        ),
        (
            &[
                whole[0],
                whole[1],
                (of_ca, certificate),
                (of_names, "*.nvito.mx"),
            ],
            &["CLIENTS_TLS_CLIENT_NAMES: \"*.nvito.mx\" is neither"],
        ),
        (
            &[whole[0], whole[1], (of_ca, certificate), (of_names, ",")],
            &["CLIENTS_TLS_CLIENT_NAMES: names nobody"],
        ),
        (
            &[
                whole[0],
                whole[1],
                (of_ca, certificate),
                (of_names, nothing),
            ],
            &["CLIENTS_TLS_CLIENT_NAMES: ", "nothing.pem: cannot be read"],
        ),
        (&[("CLIENTS_CONNECTIONS", "0")], &["CLIENTS_CONNECTIONS: "]),
    ];
    for (settings, expected) in cases {
        let said = refused(settings);
        for expected in expected {
            assert!(said.contains(expected), "{settings:?}: {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn off_loopback_metadata_needs_clients_that_are_known() {
    let folder = Folder::new();
    let authority = Authority::new();
    let paths = authority.server().write(folder.0.path());
    let [certificate, key] = paths.each_ref().map(|path| path.to_str().expect("UTF-8"));
    let all = [
        ("CLIENTS_TLS_CERTIFICATE", certificate),
        ("CLIENTS_TLS_KEY", key),
        ("CLIENTS_TLS_CLIENT_CA", certificate),
        ("CLIENTS_TLS_CLIENT_NAMES", "gateway.nvito.mx"),
    ];
    for given in 0..all.len() {
        let mut settings = all[..given].to_vec();
        settings.push(("CLIENTS_LISTEN", "0.0.0.0:0"));
        let said = refused(&settings);
        let line = said
            .lines()
            .find(|line| line.starts_with("  CLIENTS_LISTEN: "));
        let line = line.expect("a mistake");
        for (variable, _) in all {
            assert!(line.contains(variable), "{line}");
        }
    }
}
