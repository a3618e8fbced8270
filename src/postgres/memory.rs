//! How much memory the private server keeps for pages of the database.

use std::fs;

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

const MEBIBYTE: u64 = 1 << 20;
/// What initdb has chosen already, if it could be had; in MiB.
const INITIAL: u64 = 128;
/// In MiB. What does not fit is read from the system's memory, where that has it.
const MOST: u64 = 1024;

/// `shared_buffers`: an eighth of the memory that there is, as PostgreSQL shares it with the
/// service and whatever else runs there, 1 GB at most. Nothing where that is no more than
/// initdb has chosen, or where it might not be had: then that choice stands.
pub(super) fn shared_buffers() -> Option<String> {
    // Where it is not strict, memory is not taken before it is used.
    let is_strict =
        fs::read_to_string("/proc/sys/vm/overcommit_memory").is_ok_and(|mode| mode.trim() == "2");
    let share = share_of(memory()?);
    (share > INITIAL && !is_strict).then(|| format!("{share}MB"))
}

/// Of this machine or, where that is less, what this process or its container may have, in
/// bytes. (A limit of either is not always to be read.)
fn memory() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let own = get_current_pid().ok().and_then(|own| {
        let only = ProcessesToUpdate::Some(&[own]);
        system.refresh_processes_specifics(only, true, ProcessRefreshKind::nothing());
        system.process(own)?.cgroup_limits()
    });
    let limits = [own, system.cgroup_limits()].map(|limits| Some(limits?.total_memory));
    Some(least(system.total_memory(), limits))
}

fn least(machine: u64, limits: [Option<u64>; 2]) -> u64 {
    limits.into_iter().flatten().fold(machine, u64::min)
}

/// In MiB, of so many bytes.
fn share_of(memory: u64) -> u64 {
    (memory / 8 / MEBIBYTE).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_and_a_gigabyte_at_most() {
        let shares = [0, 1, 2, 4, 8, 64].map(|gibibytes| share_of(gibibytes << 30));
        assert_eq!(shares, [0, 128, 256, 512, 1024, 1024]);
    }

    #[test]
    fn of_what_there_is_the_least_counts() {
        assert_eq!(least(5, [None, None]), 5);
        assert_eq!(least(5, [Some(3), None]), 3);
        assert_eq!(least(5, [Some(3), Some(2)]), 2);
        assert_eq!(least(5, [None, Some(9)]), 5);
    }

    #[test]
    fn the_system_tells_of_its_memory() {
        let memory = memory().expect("told");
        assert!(memory > 256 * MEBIBYTE, "in bytes: {memory}");
    }
}
