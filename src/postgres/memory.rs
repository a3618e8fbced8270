//! How much memory the private server keeps for pages of the database.

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

const MEBIBYTE: u64 = 1 << 20;
/// PostgreSQL's own default, in MiB.
const LEAST: u64 = 128;
/// In MiB. What does not fit is read from the system's memory, where that has it.
const MOST: u64 = 1024;

/// `shared_buffers`: an eighth of the memory of this machine or, where that is less, of what
/// the process may have (its control group, as a container's), since PostgreSQL shares it with
/// the service and whatever else runs there.
pub(super) fn shared_buffers() -> String {
    format!("{}MB", share_of(memory().unwrap_or_default()))
}

/// In bytes, where the system tells.
fn memory() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let machine = system.total_memory();
    let own = get_current_pid().ok()?;
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[own]),
        true,
        ProcessRefreshKind::nothing(),
    );
    let limits = system.process(own)?.cgroup_limits();
    Some(limits.map_or(machine, |limits| limits.total_memory.min(machine)))
}

/// In MiB, of so many bytes.
fn share_of(memory: u64) -> u64 {
    (memory / 8 / MEBIBYTE).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_from_postgresqls_default_on() {
        let shares = [0, 1, 2, 4, 8, 64].map(|gibibytes| share_of(gibibytes << 30));
        assert_eq!(shares, [128, 128, 256, 512, 1024, 1024]);
    }

    #[test]
    fn the_system_tells_of_its_memory() {
        assert!(memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
