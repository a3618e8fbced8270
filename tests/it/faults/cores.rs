//! Callers and service on cores of their own, so that what the callers' work
//! costs is not taken for the service's.

use std::fs;
use std::thread::available_parallelism;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, getpid};

use super::server::{Serving, Site};

/// While it lives: half of the cores for the callers, which are this process,
/// the other half for the service and its PostgreSQL.
pub(crate) struct Apart {
    cores: usize,
}

impl Apart {
    /// `None` on a single core.
    pub(crate) fn keep(site: &Site, service: &Serving) -> Option<Self> {
        let cores = available_parallelism().map_or(1, usize::from);
        if cores < 2 {
            return None;
        }
        let theirs = cores / 2..cores;
        let service = i32::try_from(service.process.pid()).expect("a process");
        for process in site.processes().into_iter().chain([Pid::from_raw(service)]) {
            bind(process, theirs.clone());
        }
        bind(getpid(), 0..cores / 2);
        Some(Self { cores })
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        bind(getpid(), 0..self.cores);
    }
}

/// Lets all threads of a process run on these cores only; what they start later
/// does as they do.
fn bind(process: Pid, cores: std::ops::Range<usize>) {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(core).expect("a core");
    }
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("Linux");
    for thread in threads {
        let name = thread.expect("readable").file_name();
        let thread = name.to_str().and_then(|name| name.parse().ok());
        // One that has ended meanwhile needs no core.
        sched_setaffinity(Pid::from_raw(thread.expect("a number")), &set).ok();
    }
}
