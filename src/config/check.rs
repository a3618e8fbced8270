//! How one setting is read; what is wrong with it goes to the mistakes.

use std::path::PathBuf;
use std::thread::available_parallelism;

use tokio_postgres::config::Host;

use super::Place;
use crate::domain::principal::Role;
use crate::postgres;

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
    folder: Option<PathBuf>,
    mistakes: &mut Vec<String>,
) -> Option<Place> {
    match url.filter(|url| !url.is_empty()) {
        // The parser's own words may quote the URL and the password in it.
        Some(url) => match url.parse() {
            Ok(config) => Some(Place::Given(Box::new(config))),
            Err(_) => {
                mistakes.push(
                    "DATABASE_URL: is no PostgreSQL address; write for example \
                     postgres://user:password@host:5432/database"
                        .to_owned(),
                );
                None
            }
        },
        None => match folder.or_else(postgres::default_data_dir) {
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
