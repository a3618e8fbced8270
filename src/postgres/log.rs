//! `postgres.log`: what initdb and the server say, and its last lines for error sentences.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::Stdio,
};

use nix::libc::O_NOFOLLOW;

use super::{StartError, account::Account, folders::Home};

/// A larger log is put aside at start, in place of the one put aside before.
const ROTATE_ABOVE: u64 = 10 * 1024 * 1024;
const LAST_LINES: usize = 12;
const LAST_BYTES: u64 = 4096;

/// The log, open for appending.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
    /// Its length when it was opened: what comes before was said in earlier runs.
    begin: u64,
}

impl Log {
    /// Opens the log, putting a large one aside.
    pub(super) fn open(home: &Home, account: &Account) -> Result<Self, StartError> {
        let path = home.log();
        if fs::metadata(&path).is_ok_and(|log| log.len() > ROTATE_ABOVE)
            && let Err(error) = fs::rename(&path, path.with_extension("log.1"))
        {
            tracing::warn!(%error, "the log of PostgreSQL cannot be put aside, and grows on");
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW)
            .open(&path)
            .map_err(StartError::file("open", &path))?;
        let begin = file
            .metadata()
            .map_err(StartError::file("read", &path))?
            .len();
        account.give(&path)?;
        Ok(Self { file, path, begin })
    }

    /// The log as a program's standard output or error.
    pub(super) fn stdio(&self) -> Result<Stdio, StartError> {
        let file = self
            .file
            .try_clone()
            .map_err(StartError::file("open", &self.path))?;
        Ok(file.into())
    }

    /// The last lines since it was opened.
    pub(super) fn last_lines(&self) -> String {
        self.read_end()
            .unwrap_or_else(|error| format!("({} is unreadable: {error})", self.path.display()))
    }

    fn read_end(&self) -> io::Result<String> {
        let mut file = &self.file;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            self.begin.max(end.saturating_sub(LAST_BYTES)),
        ))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"))
    }
}
