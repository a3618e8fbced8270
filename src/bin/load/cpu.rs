//! Whose time it was: processor time of the caller, the service and PostgreSQL.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Ticks of `/proc/<pid>/stat` in a second: `USER_HZ`, 100 on every Linux.
const TICKS: u64 = 100;

/// Processes to watch beside this one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Watched {
    /// The service.
    pub(crate) server: Option<u32>,
    /// PostgreSQL's first process, the postmaster.
    pub(crate) postgres: Option<u32>,
}

/// Processor time so far, user and system together; `None` of what is not watched.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) load: Duration,
    pub(crate) server: Option<Duration>,
    pub(crate) postgres: Option<Duration>,
}

impl Watched {
    /// The service, and the PostgreSQL below it if that is its own and no other is named.
    pub(crate) fn find(server: Option<u32>, postgres: Option<u32>) -> Self {
        let below = || postmaster_below(server?);
        Self {
            server,
            postgres: postgres.or_else(below),
        }
    }

    pub(crate) fn used(self) -> Used {
        let own = getrusage(UsageWho::RUSAGE_SELF);
        let load = own.map_or(Duration::ZERO, |usage| {
            span(usage.user_time()) + span(usage.system_time())
        });
        Used {
            load,
            server: self.server.and_then(stat).map(|stat| ticks(stat.own)),
            postgres: self.postgres.map(|pid| {
                let children = children(pid).into_iter().filter_map(stat);
                let children: u64 = children.map(|stat| stat.own).sum();
                ticks(stat(pid).map_or(0, |stat| stat.own + stat.ended) + children)
            }),
        }
    }
}

/// The processor time of one process so far.
pub(crate) fn of(pid: u32) -> Option<Duration> {
    stat(pid).map(|stat| ticks(stat.own))
}

/// That of all children of this process that have ended.
pub(crate) fn ended_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN);
    usage.map_or(Duration::ZERO, |usage| {
        span(usage.user_time()) + span(usage.system_time())
    })
}

/// Whose child a process is.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|stat| stat.parent)
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS)
}

impl Used {
    /// What was used since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        let less = |after: Option<Duration>, before: Option<Duration>| {
            Some(after?.saturating_sub(before?))
        };
        Self {
            load: self.load.saturating_sub(before.load),
            server: less(self.server, before.server),
            postgres: less(self.postgres, before.postgres),
        }
    }
}

struct Stat {
    parent: u32,
    /// Ticks of the process, and of its children that have ended.
    own: u64,
    ended: u64,
}

/// `/proc/<pid>/stat`, whose second field is a name in parentheses.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<u64> = text
        .rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    Some(Stat {
        parent: u32::try_from(*fields.get(1)?).ok()?,
        own: fields.get(11)? + fields.get(12)?,
        ended: fields.get(13)? + fields.get(14)?,
    })
}

fn children(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&one| stat(one).is_some_and(|stat| stat.parent == pid))
        .collect()
}

/// The service's child is the watchdog, and that one's is PostgreSQL.
fn postmaster_below(pid: u32) -> Option<u32> {
    let below = children(pid);
    let found = below.iter().copied().find(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.trim_end() == "postgres")
    });
    found.or_else(|| below.into_iter().find_map(postmaster_below))
}

fn span(time: TimeVal) -> Duration {
    let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(microseconds.unsigned_abs())
}
