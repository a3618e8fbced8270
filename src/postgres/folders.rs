//! The data folder and what lies in it.
//!
//! ```text
//! lock             held by the running service, names its process
//! cluster/         the database, as initdb makes it
//! socket/          the Unix socket, unless the path is too long for one
//! postgres.log     what initdb and the server say
//! npm/             PostgreSQL itself, when no installed one was found
//! ```

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use super::StartError;

const CLUSTER: &str = "cluster";
const NPM: &str = "npm";
/// Marks what is being built, or was when its builder died.
const UNFINISHED: &str = ".new-";

/// The data folder, by its canonical path.
#[derive(Debug)]
pub(super) struct Home(PathBuf);

impl Home {
    /// Opens the folder, making it and its missing ancestors.
    ///
    /// Root leaves new folders open to be entered, since PostgreSQL runs as another user; that
    /// user does not own them, so it cannot mislead what root does in them. What is private in
    /// them is private by itself.
    pub(super) fn create(path: &Path) -> Result<Self, StartError> {
        let path = std::path::absolute(path).map_err(StartError::file("find", path))?;
        let mode = if geteuid().is_root() { 0o755 } else { 0o700 };
        create_all(&path, mode).map_err(StartError::file("create", &path))?;
        let path = path
            .canonicalize()
            .map_err(StartError::file("open", &path))?;
        Ok(Self(path))
    }

    /// The folder if it exists.
    pub(super) fn existing(path: &Path) -> Result<Option<Self>, StartError> {
        match path.canonicalize() {
            Ok(path) => Ok(Some(Self(path))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StartError::file("open", path)(error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.0.join(CLUSTER)
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("postgres.log")
    }

    pub(super) fn npm(&self) -> PathBuf {
        self.0.join(NPM)
    }

    /// Makes an empty folder in which `finished` is built, to be renamed to it when complete.
    ///
    /// Its name is this process's own: a program that outlived an earlier builder cannot write
    /// into it.
    pub(super) fn start_building(finished: &Path, mode: u32) -> Result<PathBuf, StartError> {
        let mut name = finished.as_os_str().to_owned();
        name.push(format!("{UNFINISHED}{}", std::process::id()));
        let folder = PathBuf::from(name);
        create_one(&folder, mode).map_err(StartError::file("create", &folder))?;
        Ok(folder)
    }

    /// Puts what was built in its place, for good even if the power fails now.
    pub(super) fn finish_building(&self, built: &Path, finished: &Path) -> Result<(), StartError> {
        fs::rename(built, finished).map_err(StartError::file("rename", built))?;
        fs::File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .map_err(StartError::file("write", &self.0))
    }

    /// Removes what earlier builders left half-built. Only for the holder of the lock.
    pub(super) async fn remove_unfinished(&self) -> Result<(), StartError> {
        let failed = |action| StartError::file(action, &self.0);
        for entry in fs::read_dir(&self.0).map_err(failed("read"))? {
            let entry = entry.map_err(failed("read"))?;
            let path = entry.path();
            let name = entry.file_name();
            let built = name.to_str().and_then(|name| name.split_once(UNFINISHED));
            if built.is_some_and(|(finished, _)| [CLUSTER, NPM].contains(&finished)) {
                tracing::info!(path = %path.display(), "removing what an earlier start left unfinished");
                tokio::fs::remove_dir_all(&path)
                    .await
                    .map_err(StartError::file("remove", path))?;
            }
        }
        Ok(())
    }
}

fn create_all(path: &Path, mode: u32) -> io::Result<()> {
    match create_one(path, mode) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().ok_or(error)?;
            create_all(parent, mode)?;
            create_one(path, mode)
        }
        done => done,
    }
}

/// Makes a folder of exactly this mode, whatever the umask. An existing one is left as it is.
pub(super) fn create_one(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) if mode == 0o700 => Ok(()),
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}
