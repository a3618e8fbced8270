//! PostgreSQL alone: our own statements, and plain ones, by pgbench.

mod picks;
mod script;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nvito_clients::error::Cause;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio_postgres::Config;

use super::cpu::{self, Watched};
use super::stage::{Stage, socket};

pub(crate) use picks::prepare;
pub(crate) use script::{Schema, script};

/// pgbench, and where it calls.
pub(crate) struct Pgbench {
    program: PathBuf,
    config: Config,
    /// Blocks of random rows in `load.picks`.
    pub(crate) blocks: u32,
    pub(crate) in_flight: usize,
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
}

/// One run of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) per_second: f64,
    /// Processor time an operation, microseconds.
    pub(crate) pgbench_us: f64,
    pub(crate) postgres_us: Option<f64>,
}

impl Pgbench {
    /// The one that came with the PostgreSQL of `stage`, else one of PATH.
    pub(crate) fn find(stage: &Stage) -> Result<Self, Cause> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::iter::once(stage.programs().to_path_buf())
            .chain(std::env::split_paths(&path))
            .map(|folder| folder.join("pgbench"))
            .find(|program| program.is_file())
            .ok_or_else(|| {
                format!(
                    "there is no pgbench beside PostgreSQL in {} nor in PATH; it is in the package \
                     postgresql or postgresql-contrib",
                    stage.programs().display()
                )
            })?;
        Ok(Self {
            program,
            config: stage.config(),
            blocks: 1,
            in_flight: 1,
            warm_up: Duration::ZERO,
            time: Duration::ZERO,
        })
    }

    fn command(&self, file: &Path) -> Result<Command, Cause> {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .args(["-n", "-M", "prepared", "-p", "5432"])
            .arg("-h")
            .arg(socket(&self.config)?)
            .args(["-U", self.config.get_user().unwrap_or_default()])
            .arg("-D")
            .arg(format!("blocks={}", self.blocks))
            .arg("-f")
            .arg(file)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    /// Runs a script for the time that is set; what comes before does not count.
    pub(crate) async fn run(
        &self,
        script: &str,
        schema: Schema,
        folder: &Path,
        watched: Watched,
    ) -> Result<Ran, Cause> {
        let file = folder.join("script.sql");
        fs::write(&file, script::repeated(script))?;
        let seconds = (self.warm_up + self.time).as_secs();
        let mut child = self
            .command(&file)?
            .env("PGOPTIONS", schema.session())
            .args(["-c", &self.in_flight.to_string(), "-j", "1", "-P", "1"])
            .args(["-T", &seconds.to_string()])
            .arg(self.config.get_dbname().unwrap_or_default())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let ended_before = cpu::ended_children();
        tokio::time::sleep(self.warm_up).await;
        let before = watched.used();
        let pgbench_before = child.id().and_then(cpu::of).unwrap_or_default();
        let mut said = String::new();
        let mut output = child.stderr.take().ok_or("pgbench has no output")?;
        output.read_to_string(&mut said).await?;
        // The connections' processes end with pgbench, a moment later; their time
        // is then the postmaster's.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let used = watched.used().since(before);
        let status = child.wait().await?;
        if !status.success() {
            return Err(failed(&said).into());
        }
        let per_second = per_second(&said, self.warm_up.as_secs()).ok_or_else(|| failed(&said))?
            * f64::from(script::COPIES);
        let operations = per_second * self.time.as_secs_f64();
        let pgbench = cpu::ended_children().saturating_sub(ended_before);
        let each = |used: Duration| used.as_secs_f64() * 1e6 / operations.max(1.0);
        Ok(Ran {
            per_second,
            pgbench_us: each(pgbench.saturating_sub(pgbench_before)),
            postgres_us: used.postgres.map(each),
        })
    }

    /// Runs a script once.
    pub(crate) async fn once(&self, script: &str, folder: &Path) -> Result<(), Cause> {
        let file = folder.join("script.sql");
        fs::write(&file, script::once(script))?;
        let output = self
            .command(&file)?
            .args(["-c", "1", "-t", "1"])
            .arg(self.config.get_dbname().unwrap_or_default())
            .output()
            .await?;
        if output.status.success() {
            return Ok(());
        }
        Err(failed(&String::from_utf8_lossy(&output.stderr)).into())
    }
}

fn failed(said: &str) -> String {
    let told = said
        .lines()
        .find(|line| line.contains("ERROR") || line.contains("error:"));
    format!("pgbench failed: {}", told.unwrap_or(said))
}

/// The mean of the seconds after the first ones:
/// "progress: 3.0 s, 1234.5 tps, lat 1.2 ms stddev 0.3, 0 failed".
fn per_second(said: &str, skip: u64) -> Option<f64> {
    let tps = |line: &str| {
        let (_, rest) = line.strip_prefix("progress: ")?.split_once(" s, ")?;
        rest.split_once(" tps")?.0.parse::<f64>().ok()
    };
    let seconds: Vec<f64> = said.lines().filter_map(tps).collect();
    let counted = seconds.get(usize::try_from(skip).ok()?..)?;
    #[allow(clippy::cast_precision_loss, reason = "seconds")]
    let count = counted.len() as f64;
    (count > 0.0).then(|| counted.iter().sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_seconds_do_not_count() {
        let said = "pgbench (15.18)\n\
            progress: 1.0 s, 10.0 tps, lat 1.2 ms stddev 0.3, 0 failed\n\
            progress: 2.0 s, 30.0 tps, lat 1.2 ms stddev 0.3, 0 failed\n\
            progress: 3.0 s, 40.0 tps, lat 1.2 ms stddev 0.3, 0 failed\n";
        assert_eq!(per_second(said, 1), Some(35.0));
        assert_eq!(per_second(said, 3), None);
        assert_eq!(per_second("", 0), None);
    }
}
