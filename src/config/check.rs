//! How one setting is read; what is wrong with it goes to the mistakes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::CommandFactory;

use tokio_postgres::config::Host;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{Cli, Place};
use crate::domain::principal::Role;
use crate::postgres;

/// Variables that look like ours and are none: a mistake where one of ours was meant, as
/// it would else be as if it were not there; of the others, which may be of another release
/// or another program, the names.
pub(super) fn unknown<'a>(
    given: impl Iterator<Item = &'a str>,
    mistakes: &mut Vec<String>,
) -> Vec<String> {
    let command = Cli::command();
    let arguments = command.get_arguments();
    let known: Vec<_> = arguments
        .filter_map(|argument| argument.get_env()?.to_str())
        .collect();
    let mut others = Vec::new();
    for name in given.filter(|name| name.starts_with("CLIENTS_") && !known.contains(name)) {
        let meant = |known: &&&str| name.ends_with(**known) || is_near(name, known);
        match known.iter().find(meant) {
            Some(known) => mistakes.push(format!("{name}: it is called {known}")),
            None => others.push(name.to_owned()),
        }
    }
    others
}

/// Whether one character is too many, is missing or is another, or two are the wrong way
/// round. Both are ASCII or they are not near.
fn is_near(given: &str, known: &str) -> bool {
    let (given, known) = (given.as_bytes(), known.as_bytes());
    let same =
        |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(a, b)| a == b).count();
    let begin = same(&mut given.iter().zip(known));
    let (given, known) = (&given[begin..], &known[begin..]);
    let end = same(&mut given.iter().rev().zip(known.iter().rev()));
    match (&given[..given.len() - end], &known[..known.len() - end]) {
        ([a, b], [c, d]) => (a, b) == (d, c),
        (given, known) => given.len() <= 1 && known.len() <= 1,
    }
}

/// What to log. A word alone that is no level would be a target, and nothing else be
/// logged.
pub(super) fn filter(value: &str, mistakes: &mut Vec<String>) -> Targets {
    let of_no_level = |part: &&str| {
        part.is_empty() || !part.contains('=') && part.parse::<LevelFilter>().is_err()
    };
    let fault = match value.split(',').map(str::trim).find(of_no_level) {
        Some(part) => format!("{part:?} is no level (error, warn, info, debug, trace, off)"),
        None => match value.parse() {
            Ok(filter) => return filter,
            Err(error) => format!("{error}"),
        },
    };
    mistakes.push(format!(
        "CLIENTS_LOG: {fault}; write for example info, or info,nvito_clients=debug"
    ));
    Targets::new()
}

pub(super) fn switch(name: &str, value: &str, mistakes: &mut Vec<String>) -> bool {
    match value {
        "on" => true,
        "off" => false,
        other => {
            mistakes.push(format!("{name}: {other:?} is neither on nor off"));
            false
        }
    }
}

pub(super) fn number(
    name: &str,
    value: &str,
    range: std::ops::RangeInclusive<u64>,
    mistakes: &mut Vec<String>,
) -> u64 {
    value
        .parse()
        .ok()
        .filter(|number| range.contains(number))
        .unwrap_or_else(|| {
            let (least, most) = (range.start(), range.end());
            mistakes.push(format!(
                "{name}: {value:?} is no whole number from {least} to {most}"
            ));
            *least
        })
}

pub(super) fn roles(value: &str, mistakes: &mut Vec<String>) -> Vec<Role> {
    let mut roles = Vec::new();
    for name in value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match Role::from_name(name) {
            Some(role) => roles.push(role),
            None => mistakes.push(format!(
                "CLIENTS_ADMIN_PANEL_ROLES: {name:?} is none of {}",
                Role::ALL.map(Role::as_str).join(", ")
            )),
        }
    }
    if roles.is_empty() {
        mistakes.push("CLIENTS_ADMIN_PANEL_ROLES: names no role".to_owned());
    }
    roles
}

pub(super) fn place(
    url: Option<&str>,
    folder: Option<OsString>,
    mistakes: &mut Vec<String>,
) -> Option<Place> {
    match url {
        // More often a secret that is missing than a wish for a private one.
        Some("") => {
            mistakes
                .push("DATABASE_URL: is empty; for a private PostgreSQL leave it out".to_owned());
            None
        }
        // The parser's own words may quote the URL and the password in it.
        Some(url) => match url.parse() {
            Ok(config) => Some(Place::Given(Box::new(config))),
            Err(_) => {
                mistakes.push(format!("DATABASE_URL: {}", no_address(url)));
                None
            }
        },
        None => match folder
            .map(PathBuf::from)
            .or_else(postgres::default_data_dir)
        {
            Some(folder) if folder.as_os_str().is_empty() => {
                mistakes
                    .push("CLIENTS_DATA_DIR: is empty; for the default leave it out".to_owned());
                None
            }
            Some(folder) => Some(Place::Private(folder)),
            None => {
                mistakes.push(
                    "CLIENTS_DATA_DIR: no home folder is known; name a folder for the private \
                     PostgreSQL"
                        .to_owned(),
                );
                None
            }
        },
    }
}

/// Why `url` is no address, without a word of it.
fn no_address(url: &str) -> &'static str {
    if url.contains("sslmode=verify-") {
        "sslmode is disable, prefer or require, which verifies the certificate and its name"
    } else if url.contains("sslrootcert=") || url.contains("sslcert=") {
        "certificates are not named here; SSL_CERT_FILE names the authorities to trust"
    } else {
        "is no PostgreSQL address; write for example \
         postgres://user:password@host:5432/database"
    }
}

/// How many connections there are where nobody says so. A PostgreSQL on this machine has
/// its processors: more sessions at work than a few for each of them only take turns with
/// one another, and with the service (docs/performance.md).
pub(super) fn connections(place: Option<&Place>) -> u64 {
    const MOST: u64 = 16;
    let is_here = match place {
        Some(Place::Given(settings)) => {
            let is_here = |host: &Host| matches!(host, Host::Unix(_));
            settings.get_hostaddrs().is_empty() && settings.get_hosts().iter().all(is_here)
        }
        _ => true,
    };
    if !is_here {
        return MOST;
    }
    let processors = available_parallelism().map_or(1, |processors| processors.get() as u64);
    (4 * processors).clamp(8, MOST)
}
