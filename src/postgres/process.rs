//! A program that does not outlive the service, however the service ends.
//!
//! The program is the child of a shell, the watchdog, whose standard input is a pipe that only
//! the service holds. When the service ends, by `kill -9` too, the system closes the pipe, and
//! the watchdog tells the program to stop. Being the parent, the watchdog knows the program by a
//! number that nobody else can have, and leaves no zombie.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path, process::ExitStatus};

use tokio::process::{Child, ChildStdin};

use super::{
    StartError,
    account::{Account, SHELL},
    error::Ended,
    log::Log,
};

/// Runs the command line it is given until that ends, or its standard input does.
///
/// It is in a process group of its own and ignores the signals that end a service, so that
/// neither Ctrl-C nor `systemctl stop` takes the database away from requests under way. Both
/// signals are needed: a shell starts background programs with SIGINT ignored, so a PostgreSQL
/// that has not set its handlers yet hears only SIGTERM; a running one is made to end its
/// connections, and not to wait for them, by SIGINT.
const WATCHDOG: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
trap '' HUP INT TERM
{ read -r _; kill -TERM "$program"; kill -INT "$program"; } <&3 3<&- 2>/dev/null &
reader=$!
exec 3<&-
wait "$program"
status=$?
{ kill -KILL "$reader"; wait "$reader"; } 2>/dev/null
exit "$status"
"#;

/// A running program and its watchdog. Dropping it stops the program without waiting.
#[derive(Debug)]
pub(super) struct Supervised {
    watchdog: Child,
    /// While open, the program runs. Taken out of the child, whose `wait` would close it.
    lifeline: Option<ChildStdin>,
    log: Log,
}

impl Supervised {
    /// Starts `program` as `account`, its output going to `log`.
    pub(super) fn spawn<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        account: &Account,
        log: Log,
    ) -> Result<Self, StartError> {
        let mut watchdog = account
            .command(SHELL)
            .args(["-c", WATCHDOG, "sh"])
            .arg(program)
            .args(arguments)
            .process_group(0)
            .stdin(std::process::Stdio::piped())
            .stdout(log.stdio()?)
            .stderr(log.stdio()?)
            .spawn()
            .map_err(StartError::file("run", SHELL))?;
        let lifeline = watchdog.stdin.take();
        Ok(Self {
            watchdog,
            lifeline,
            log,
        })
    }

    /// Waits until the program has ended. Cancel safe.
    pub(super) async fn ended(&mut self) -> Result<(), Ended> {
        let status = self.watchdog.wait().await;
        if status.as_ref().is_ok_and(ExitStatus::success) {
            return Ok(());
        }
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Err(Ended {
            status,
            log: self.log.last_lines(),
        })
    }

    /// Tells the program to stop.
    pub(super) fn stop(&mut self) {
        self.lifeline = None;
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    pub(super) fn into_log(self) -> Log {
        self.log
    }
}

/// Whether the process `pid` is the PostgreSQL server of the folder `cluster`.
///
/// By its command line, which everyone can read, while its working folder is closed even to root
/// in a container.
pub(super) fn is_server_of(pid: i32, cluster: &Path) -> bool {
    let Some(line) = command_line(pid) else {
        return false;
    };
    let wanted = [b"postgres -D ", cluster.as_os_str().as_bytes(), b" "].concat();
    // The watchdog's command line has the server's in it.
    !line.starts_with(SHELL.as_bytes()) && line.windows(wanted.len()).any(|part| part == wanted)
}

/// The process's arguments, a space after each.
#[cfg(target_os = "linux")]
fn command_line(pid: i32) -> Option<Vec<u8>> {
    let mut line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    line.iter_mut()
        .filter(|byte| **byte == 0)
        .for_each(|byte| *byte = b' ');
    Some(line)
}

/// The process's arguments, a space after each.
#[cfg(not(target_os = "linux"))]
fn command_line(pid: i32) -> Option<Vec<u8>> {
    let pid = pid.to_string();
    let answer = std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid])
        .output()
        .ok()?;
    let mut line = answer.stdout.trim_ascii().to_vec();
    line.push(b' ');
    Some(line)
}
