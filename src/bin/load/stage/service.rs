//! The service in a process of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nvito_clients::error::Cause;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long it may take to start, and to stop.
const START: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_secs(30);

pub(super) struct Service {
    process: Child,
    address: SocketAddr,
    /// Open, or its next word would end the service.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Service {
    /// Starts the program on a database and a free port. What else of its
    /// configuration stands in the environment holds.
    pub(super) async fn start(program: &Path, database: &str, log: &Path) -> Result<Self, Cause> {
        let shown = program.display();
        let mut process = Command::new(program)
            .arg("serve")
            .env("DATABASE_URL", database)
            .env("CLIENTS_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                format!("{shown} does not run ({error}); cargo build --release builds it")
            })?;
        let output = process.stdout.take().ok_or("the service has no output")?;
        let mut output = BufReader::new(output).lines();
        let said = timeout(START, output.next_line()).await;
        let said = said.map_err(|_| "the service takes too long to start")??;
        let address = said
            .as_deref()
            .and_then(|said| {
                said.strip_prefix("nvito-clients serves on ")?
                    .split(' ')
                    .next()
            })
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| format!("the service did not start; {} says why", log.display()))?;
        Ok(Self {
            process,
            address,
            _output: output,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    pub(super) async fn stop(mut self) -> Result<(), Cause> {
        if let Some(pid) = self.pid() {
            kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
        }
        match timeout(STOP, self.process.wait()).await {
            Ok(ended) => drop(ended?),
            Err(_) => self.process.kill().await?,
        }
        Ok(())
    }
}
