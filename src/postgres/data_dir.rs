//! Where the data goes when nobody says.

use std::{env, ffi::OsString, path::PathBuf};

/// The platform's folder for the data of this user's services; none without a home folder.
///
/// As root on Linux `/var/lib/nvito-clients`, since root's home is closed to the user that runs
/// PostgreSQL; else `nvito-clients` in `XDG_DATA_HOME` or `~/.local/share`, on macOS in
/// `~/Library/Application Support`.
#[must_use]
pub fn default_data_dir() -> Option<PathBuf> {
    let root = nix::unistd::geteuid().is_root();
    data_dir_for(
        cfg!(target_os = "macos"),
        root,
        env::var_os("XDG_DATA_HOME"),
        env::home_dir(),
    )
}

fn data_dir_for(
    macos: bool,
    root: bool,
    xdg: Option<OsString>,
    home: Option<PathBuf>,
) -> Option<PathBuf> {
    let parent = if macos {
        home?.join("Library/Application Support")
    } else if root {
        PathBuf::from("/var/lib")
    } else {
        let xdg = xdg.map(PathBuf::from).filter(|folder| folder.is_absolute());
        xdg.or_else(|| Some(home?.join(".local/share")))?
    };
    Some(parent.join("nvito-clients"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_follows_the_platform() {
        let home = || Some(PathBuf::from("/home/ada"));
        let of = |macos, root, xdg: Option<&str>, home| {
            data_dir_for(macos, root, xdg.map(OsString::from), home)
                .map(|folder| folder.to_string_lossy().into_owned())
        };
        let linux = Some("/home/ada/.local/share/nvito-clients".to_owned());
        assert_eq!(of(false, false, None, home()), linux);
        assert_eq!(of(false, false, Some("relative"), home()), linux);
        assert_eq!(
            of(false, false, Some("/x"), None).as_deref(),
            Some("/x/nvito-clients")
        );
        assert_eq!(of(false, false, None, None), None);
        assert_eq!(
            of(false, true, None, home()).as_deref(),
            Some("/var/lib/nvito-clients")
        );
        assert_eq!(
            of(true, false, None, home()).as_deref(),
            Some("/home/ada/Library/Application Support/nvito-clients")
        );
    }
}
