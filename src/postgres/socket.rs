//! The private folder of the Unix socket.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use super::{StartError, account::Account, folders::create_one};

/// The longest path of a Unix socket: `sun_path` without its final zero.
const LONGEST_SOCKET: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// What PostgreSQL appends to the socket folder.
const SOCKET_NAME: &str = "/.s.PGSQL.5432";
/// Where the socket goes otherwise. Not `TMPDIR`, which can be long, or closed to the user that
/// runs PostgreSQL.
const SHORT_PARENT: &str = "/tmp";

/// Makes the private folder of the Unix socket and returns it: `socket`, or where its path
/// would be too long, a folder below `/tmp` whose name follows from the data folder's.
///
/// # Errors
///
/// `SocketFolder` when the one below `/tmp` exists and is not a folder of `account` alone,
/// since another user may have put it there.
pub(super) fn create(home: &Path, account: &Account) -> Result<PathBuf, StartError> {
    let folder = path_for(home);
    create_one(&folder, 0o700).map_err(StartError::file("create", &folder))?;
    let found = fs::symlink_metadata(&folder).map_err(StartError::file("read", &folder))?;
    let ours = [account.uid(), geteuid().as_raw()].contains(&found.uid());
    if !found.is_dir() || !ours || found.mode() & 0o077 != 0 {
        return Err(StartError::SocketFolder {
            folder,
            owner: account.uid(),
        });
    }
    account.give(&folder)?;
    Ok(folder)
}

/// Where the folder of the data folder `home` is.
fn path_for(home: &Path) -> PathBuf {
    let folder = home.join("socket");
    // A quote could not be written in `unix_socket_directories`.
    let plain = folder.to_str().is_some_and(|path| !path.contains('"'));
    if plain && folder.as_os_str().len() + SOCKET_NAME.len() <= LONGEST_SOCKET {
        return folder;
    }
    Path::new(SHORT_PARENT).join(format!(
        "nvito-clients-{:016x}",
        fnv1a(home.as_os_str().as_encoded_bytes())
    ))
}

/// Removes the socket folder if it is below `/tmp`, where it would be litter.
pub(super) fn remove_short(folder: &Path) {
    if folder.parent() == Some(Path::new(SHORT_PARENT))
        && let Err(error) = fs::remove_dir(folder)
    {
        tracing::debug!(%error, folder = %folder.display(), "the socket's folder stays");
    }
}

/// The same in every release, unlike the standard library's.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_a_short_socket() {
        assert_eq!(
            path_for(Path::new("/srv/clients")),
            Path::new("/srv/clients/socket")
        );

        let room = LONGEST_SOCKET - SOCKET_NAME.len() - "/socket".len() - 1;
        let fits = format!("/{}", "x".repeat(room));
        assert!(path_for(Path::new(&fits)).ends_with("socket"));

        let long = PathBuf::from(format!("{fits}x"));
        assert_eq!(path_for(&long).parent(), Some(Path::new("/tmp")));
        assert_eq!(path_for(&long), path_for(&long));
    }

    #[test]
    fn a_quote_in_the_path_gets_a_short_socket() {
        assert_eq!(
            path_for(Path::new("/srv/a\"b")).parent(),
            Some(Path::new("/tmp"))
        );
    }
}
