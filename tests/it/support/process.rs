//! What the system says of a process.

use std::collections::HashSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// A process, by its number.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    fn read(self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).expect("it runs")
    }

    /// Bytes in memory.
    pub(crate) fn memory(self) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes.expect("VmRSS").parse::<u64>().expect("a number") * 1024
    }

    /// Open descriptors.
    pub(crate) fn descriptors(self) -> usize {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.0));
        folder.expect("it runs").count()
    }

    /// Open descriptors that no database has a part in: connections to a PostgreSQL on
    /// this machine are Unix sockets, and come and go with the load.
    pub(crate) fn descriptors_but_unix_sockets(self) -> usize {
        let unix = self.read("net/unix");
        let unix: HashSet<_> = unix
            .lines()
            .filter_map(|line| line.split_whitespace().nth(6))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        let folder = fs::read_dir(format!("/proc/{}/fd", self.0)).expect("it runs");
        // One that is closed meanwhile has no name any more.
        let names = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        names
            .filter(|name| name.to_str().is_none_or(|name| !unix.contains(name)))
            .count()
    }

    /// Time it has spent on a processor, at 100 ticks a second.
    pub(crate) fn worked(self) -> Duration {
        let stat = self.read("stat");
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks = || fields.next().expect("a field").parse::<u64>();
        let (user, system) = (ticks().expect("a number"), ticks().expect("a number"));
        Duration::from_millis((user + system) * 10)
    }

    /// How many descriptors it may open from now on.
    pub(crate) fn may_open(self, descriptors: usize) {
        let limit = Command::new("prlimit")
            .args(["--pid", &self.0.to_string()])
            .arg(format!("--nofile={descriptors}:"))
            .status();
        assert!(limit.expect("prlimit of util-linux").success());
    }
}
