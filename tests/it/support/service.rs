//! The binary in a process of its own, on a data folder of its own.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{mem, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nvito_clients::domain::principal::Role;
use nvito_clients::postgres::{self, Options};
use tempfile::TempDir;
use tokio_postgres::Client;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use super::cluster::{Cluster, connect};
use super::{Actor, nobody};

/// A temp folder that the user who runs PostgreSQL can enter.
pub(crate) struct Folder(pub(crate) TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("nvito-")
            .tempdir()
            .expect("a temp folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("mine");
        Self(folder)
    }

    /// A folder with a database that an earlier service has made: making one
    /// takes longer than most tests.
    pub(crate) fn used() -> Self {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let made = Cluster::get().folder().join("made");
            let data = made.to_str().expect("UTF-8");
            let run = Service::run(&["migrate"], &[("CLIENTS_DATA_DIR", data)]);
            assert!(run.status.success(), "{run:?}");
            made
        });
        let folder = Self::new();
        let copy = Command::new("cp")
            .arg("-a")
            .arg(made)
            .arg(folder.data())
            .status();
        assert!(copy.expect("it runs").success());
        folder
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            data_dir: self.data(),
            settings: Vec::new(),
        }
    }

    /// A connection to the PostgreSQL that runs on the folder, as its superuser.
    pub(crate) async fn superuser(&self) -> Client {
        let config = postgres::running(&self.data()).await.expect("readable");
        let mut config = config.expect("it runs");
        connect(config.user("postgres")).await
    }

    /// The processes that name the folder on their command line.
    pub(crate) fn processes(&self) -> Vec<(Pid, String)> {
        let name = format!("{}/", self.data().display());
        let pids = fs::read_dir("/proc").expect("Linux").flatten();
        pids.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&name).then_some((Pid::from_raw(pid), line))
        })
        .collect()
    }

    /// Waits until PostgreSQL and its watchdog are gone.
    pub(crate) fn wait_until_quiet(&self, limit: Duration) {
        let began = Instant::now();
        while !self.processes().is_empty() {
            let left = self.processes();
            assert!(began.elapsed() < limit, "still there: {left:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Folder {
    /// Leaves no process, even of a test that failed.
    fn drop(&mut self) {
        for (pid, _) in self.processes() {
            kill(pid, Signal::SIGKILL).ok();
        }
    }
}

/// A running service.
pub(crate) struct Service {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
    address: String,
}

impl Service {
    /// The binary with nothing set but what is said here.
    pub(crate) fn command(settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nvito-clients"));
        for (name, _) in std::env::vars() {
            if name.starts_with("CLIENTS_") || name == "DATABASE_URL" {
                command.env_remove(name);
            }
        }
        command.envs(settings.iter().copied()).stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut command = Self::command(settings);
        command.args(arguments).output().expect("it runs")
    }

    /// A service that begins to start on the folder.
    pub(crate) fn spawn(folder: &Folder, settings: &[(&str, &str)]) -> Self {
        let data = folder.data();
        let log = folder.0.path().join(format!("{}.log", nobody()));
        let mut process = Self::command(&[
            ("CLIENTS_LISTEN", "127.0.0.1:0"),
            ("CLIENTS_DATA_DIR", data.to_str().expect("UTF-8")),
            ("CLIENTS_DEMO", "off"),
        ])
        .envs(settings.iter().copied())
        .arg("serve")
        .stdout(Stdio::piped())
        .stderr(File::create(&log).expect("writable"))
        .spawn()
        .expect("it runs");
        let output = process.stdout.take().expect("piped");
        Self {
            process,
            output: BufReader::new(output).lines(),
            log,
            address: String::new(),
        }
    }

    /// A service that serves.
    pub(crate) fn start(folder: &Folder, settings: &[(&str, &str)]) -> Self {
        let mut service = Self::spawn(folder, settings);
        service.serves();
        service
    }

    /// Waits for the start message and answers its first line.
    pub(crate) fn serves(&mut self) -> String {
        let Some(line) = self.output.next() else {
            panic!("no start message: {}", self.log());
        };
        let line = line.expect("readable");
        let address = line.strip_prefix("nvito-clients serves on ");
        let address = address.and_then(|rest| rest.split(' ').next());
        address.expect(&line).clone_into(&mut self.address);
        line
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it has written to standard error, once nothing more comes: an answer may be
    /// there before its lines, which wait for their thread to rest.
    pub(crate) fn log(&self) -> String {
        let read = || fs::read_to_string(&self.log).expect("readable");
        let mut log = read();
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(100));
            let before = mem::replace(&mut log, read());
            if before.len() == log.len() {
                break;
            }
        }
        log
    }

    /// Where its log says that the metrics are served.
    pub(crate) fn metrics_address(&self) -> String {
        let log = self.log();
        let mut lines = log.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            (line["message"] == "metrics are served").then(|| line["address"].clone())
        });
        let address = lines.next().expect("a line that says so");
        address.as_str().expect("a text").to_owned()
    }

    /// Asks the metrics listener over HTTP/1 and answers all it says.
    pub(crate) fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.metrics_address()).expect("it accepts");
        let request = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("UTF-8");
        answer
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn tell(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).expect("a number");
        kill(Pid::from_raw(pid), signal).expect("mine");
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("mine");
        self.process.wait().expect("mine");
    }

    /// Waits for its end, but not for longer than `limit`.
    pub(crate) async fn ends(&mut self, limit: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("mine") {
                return status;
            }
            assert!(began.elapsed() < limit, "still there: {}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address))
            .expect("an address")
            .connect()
            .await
            .expect("it accepts")
    }

    /// A Super Admin at this service.
    pub(crate) async fn super_admin(&self) -> Actor {
        let identity = vec![
            ("x-user-id", Uuid::now_v7().to_string()),
            ("x-role", Role::SuperAdmin.to_string()),
        ];
        Actor::new(self.channel().await, identity)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
