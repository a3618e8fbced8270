//! Who runs PostgreSQL: the service's own user, or an unprivileged one when the service is root.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::OsStringExt,
        fs::{MetadataExt, lchown},
    },
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::unistd::{Uid, User, geteuid};
use tokio::process::Command;

use super::StartError;

/// The shell of the watchdog and of the probes.
pub(super) const SHELL: &str = "/bin/sh";

/// Variables that the programs get; nothing else, as the service's may hold secrets, and `PG…`
/// ones would change what the programs do.
const INHERITED: [&str; 3] = ["PATH", "TZ", "LD_LIBRARY_PATH"];

/// Enters each folder named on the command line and prints the first that refuses.
const PROBE: &str =
    r#"for folder; do cd "$folder" 2>/dev/null || { printf %s "$folder"; exit 1; }; done"#;

/// The user that runs PostgreSQL.
#[derive(Debug)]
pub(super) enum Account {
    /// The service's own.
    Own,
    /// Another one, because the service is root.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// For the database in `cluster` inside `home`: the owner of what exists, else `postgres`,
    /// else `nobody`. Not as root, it is oneself, who must then own `cluster`.
    pub(super) fn choose(home: &Path, cluster: &Path) -> Result<Self, StartError> {
        let owner = |path| fs::symlink_metadata(path).ok();
        let own = geteuid();
        if !own.is_root() {
            return match owner(cluster) {
                Some(found) if found.uid() != own.as_raw() => Err(StartError::NotOwner {
                    folder: cluster.to_path_buf(),
                    owner: found.uid(),
                }),
                _ => Ok(Self::Own),
            };
        }
        [cluster, home]
            .into_iter()
            .filter_map(owner)
            .find(|found| found.uid() != 0)
            .map(|found| Self::of(found.uid(), found.gid()))
            .or_else(|| Self::named("postgres"))
            .or_else(|| Self::named("nobody"))
            .ok_or(StartError::NoAccount)
    }

    fn of(uid: u32, gid: u32) -> Self {
        match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => user.into(),
            _ => Self::Other {
                name: format!("with uid {uid}"),
                uid,
                gid,
            },
        }
    }

    fn named(name: &str) -> Option<Self> {
        User::from_name(name).ok().flatten().map(Self::from)
    }

    pub(super) fn uid(&self) -> u32 {
        match self {
            Self::Own => geteuid().as_raw(),
            Self::Other { uid, .. } => *uid,
        }
    }

    /// A command that this user runs, in `/` (which everyone can enter) and with a small
    /// environment in the C locale.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").env("LC_ALL", "C");
        command.envs(
            INHERITED
                .iter()
                .filter_map(|name| Some((name, env::var_os(name)?))),
        );
        if let Self::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Makes this user the owner of `path`.
    pub(super) fn give(&self, path: &Path) -> Result<(), StartError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => lchown(path, Some(*uid), Some(*gid))
                .map_err(StartError::file("change the owner of", path)),
        }
    }

    /// Checks that this user can get to `folder`, by trying: mode bits do not tell the whole
    /// truth where access lists exist.
    ///
    /// # Errors
    ///
    /// `Unreachable` names the outermost folder that refuses.
    pub(super) async fn can_reach(&self, folder: &Path) -> Result<(), StartError> {
        let Self::Other { name, .. } = self else {
            return Ok(());
        };
        let mut way: Vec<_> = folder.ancestors().collect();
        way.reverse();
        let answer = self
            .command(SHELL)
            .args(["-c", PROBE, "sh"])
            .args(way)
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(StartError::file("run", SHELL))?;
        if answer.status.success() {
            return Ok(());
        }
        let folder = PathBuf::from(OsString::from_vec(answer.stdout));
        Err(StartError::Unreachable {
            folder,
            user: name.clone(),
        })
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self::Other {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        }
    }
}
