//! One service per data folder: a file lock that names its holder, and ends with it however it
//! ends.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use nix::libc::O_NOFOLLOW;

use super::{StartError, account::Account, folders::Home};

/// How often, and how far apart, the lock is tried: [`holder`] of another process may have it for
/// a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The process that holds a data folder; none while it has not yet written its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("a process that is just starting"),
        }
    }
}

/// The lock on a data folder, held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock and writes this process's number into it.
    ///
    /// # Errors
    ///
    /// `Held` when another process, or another part of this one, has it.
    pub(super) async fn take(home: &Home, account: &Account) -> Result<Self, StartError> {
        let path = home.lock();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW)
            .open(&path)
            .map_err(StartError::file("open", &path))?;
        account.give(&path)?;
        let mut tries = 1;
        while !try_lock(&path, || file.try_lock())? {
            if tries == TRIES {
                let holder = read_holder(&mut file);
                return Err(StartError::Held {
                    folder: home.path().to_path_buf(),
                    holder,
                });
            }
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(StartError::file("write", path))?;
        Ok(Self { _file: file })
    }
}

/// Who holds the folder, if anybody does.
pub(super) fn holder(home: &Home) -> Result<Option<Holder>, StartError> {
    let path = home.lock();
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StartError::file("open", path)(error)),
    };
    let free = try_lock(&path, || file.try_lock_shared())?;
    Ok((!free).then(|| read_holder(&mut file)))
}

fn try_lock(
    path: &Path,
    lock: impl FnOnce() -> Result<(), TryLockError>,
) -> Result<bool, StartError> {
    match lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(StartError::file("lock", path)(error)),
    }
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    Holder(read.ok().and_then(|_| text.trim().parse().ok()))
}
